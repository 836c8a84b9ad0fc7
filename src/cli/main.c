/*
 * main.c - fairlead, the command line: words to parameters, one question to the daemon, its answer to a table.
 *
 * Exit status: 0 done, 1 refused or failed, 2 the command line is misused.
 */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/completion.h"
#include "cli/file.h"
#include "cli/help.h"
#include "cli/top.h"
#include "cli/watch.h"

#define EXIT_MISUSED 2
#define EXIT_REFUSED 1
/* A thousand ports are opened in seconds; our choice. */
#define TIMEOUT_S 60

static void
complain(const char *before, const struct err *err)
{
	fprintf(stderr, "fairlead: %s%s\n", before, err->msg);
	if (err->hint[0] != '\0')
		fprintf(stderr, "hint: %s\n", err->hint);
}

static const char *
socket_path(const struct args *args)
{
	const char *from_env = getenv("FAIRLEAD_RPC");

	if (args->rpc != NULL)
		return args->rpc;
	return from_env != NULL && from_env[0] != '\0' ? from_env : CLIENT_SOCKET;
}

/* Says what went wrong; a refused change is told by its object: "port vm1 unchanged: ...". */
static int
ask(const struct args *args, const struct schema_method *method, json_t *params, json_t **result)
{
	struct err err = { 0 };
	char object[CELL_LEN], before[CELL_LEN + 16] = "";
	int rc = client_call(socket_path(args), method, params, TIMEOUT_S, result, &err);

	if (rc == 0)
		return 0;
	if (rc == CLIENT_REFUSED && method->changes)
		snprintf(before, sizeof(before), "%s unchanged: ", answer_object(method, params, object));
	complain(before, &err);
	return EXIT_REFUSED;
}

/* The books below the drops of one port. */
static int
print_books(const struct args *args)
{
	json_t *port = json_object_get(args->params, "port"), *params, *books;
	int rc;

	if (port == NULL || strcmp(args->method->noun, "drops") != 0)
		return 0;
	params = json_pack("{s:O}", "port", port);
	rc = ask(args, schema_method_find("stats", "show"), params, &books);
	json_decref(params);
	if (rc != 0)
		return rc;
	answer_books(stdout, books);
	json_decref(books);
	return 0;
}

/* Of standard output; 0 when it is none: what goes into a file or a pipe keeps one line for each row. */
static int
terminal_width(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static int
run_remote(const struct args *args)
{
	const struct table_style style = {
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.width = terminal_width(),
	};
	json_t *result;
	int rc = ask(args, args->method, args->params, &result);

	if (rc != 0)
		return rc;
	if (args->json) {
		rc = answer_json(stdout, result) < 0 ? EXIT_REFUSED : 0;
	} else {
		answer_print(stdout, args->method, args->params, result, &style);
		rc = print_books(args);
	}
	json_decref(result);
	return rc;
}

static int
run_apply(const struct args *args)
{
	struct err err = { 0 };
	char *words = NULL;

	if (file_fill(args->params, &words, &err) < 0) {
		if (words != NULL)
			fprintf(stderr, "%sfairlead: configuration unchanged: the file has mistakes\n", words);
		else
			complain("configuration unchanged: ", &err);
		free(words);
		return EXIT_REFUSED;
	}
	return run_remote(args);
}

static int
run_check(const struct args *args)
{
	const char *path = json_string_value(json_object_get(args->params, "file"));
	struct err err = { 0 };
	json_t *result = NULL;
	char *words = NULL;
	int rc = EXIT_REFUSED;

	if (file_check(path, &result, &words, &err) < 0) {
		complain("", &err);
	} else {
		rc = words == NULL ? 0 : EXIT_REFUSED;
		if (args->json && answer_json(stdout, result) < 0)
			rc = EXIT_REFUSED;
		else if (!args->json && words != NULL)
			fputs(words, stderr);
		else if (!args->json)
			printf("%s: no mistakes\n", path);
	}
	json_decref(result);
	free(words);
	return rc;
}

/* One look of `watch`. */
static int
ask_since(void *arg, json_int_t since, json_t **events)
{
	const struct args *args = arg;

	if (json_object_set_new(args->params, "since", json_integer(since)) < 0) {
		fprintf(stderr, "fairlead: out of memory\n");
		return EXIT_REFUSED;
	}
	return ask(args, args->method, args->params, events);
}

static int
run_watch(const struct args *args)
{
	json_int_t since = json_integer_value(json_object_get(args->params, "since"));
	int rc = watch(stdout, since, args->json, ask_since, (void *)args);

	return rc < 0 ? EXIT_REFUSED : rc;
}

static int
run_top(const struct args *args)
{
	struct err err = { 0 };
	int rc = top_run(socket_path(args), args->params, args->json, &err);

	if (rc == 0)
		return 0;
	complain("", &err);
	return rc == -EINVAL ? EXIT_MISUSED : EXIT_REFUSED;
}

static int
run(const struct args *args)
{
	if (args->method == schema_method_find("top", NULL))
		return run_top(args);
	if (args->method == schema_method_find("completion", NULL)) {
		completion_print(stdout, json_string_value(json_object_get(args->params, "shell")));
		return 0;
	}
	if (args->method == schema_method_find("config", "check"))
		return run_check(args);
	if (args->method == schema_method_find("config", "apply"))
		return run_apply(args);
	if (args->method->follows)
		return run_watch(args);
	return run_remote(args);
}

static int
help(const struct args *args)
{
	if (args->want == ARGS_VERSION)
		printf("fairlead %s\n", FAIRLEAD_VERSION);
	else if (args->method != NULL)
		help_method(stdout, args->method);
	else if (args->noun != NULL)
		help_noun(stdout, args->noun);
	else
		help_all(stdout);
	return 0;
}

int
main(int argc, char **argv)
{
	struct err err = { 0 };
	struct args args;
	int rc;

	setlocale(LC_CTYPE, "");
	if (args_parse(argc, argv, &args, &err) < 0) {
		complain("", &err);
		return EXIT_MISUSED;
	}
	rc = args.want == ARGS_RUN ? run(&args) : help(&args);
	args_free(&args);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "fairlead: the output could not be written: %s\n", strerror(errno));
		return EXIT_REFUSED;
	}
	return rc;
}
