/* test_rig.c - a real host for tests of the methods; see test_rig.h. */
#include "ctl/test_rig.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/eal.h"
#include "ctl/params.h"
#include "ctl/rpc_text.h"

const char host_text[] =
	"version: 1 # as written\n"
	"processors: {count: 3, speed_percent: 20}\n"
	"adapters:\n"
	"- {name: wire, uplink: \"null\", mode: vmq, queues: 2}\n"
	"- {name: spare, uplink: \"ring:spare\"}\n"
	"switches:\n"
	"- name: ext\n"
	"  kind: external\n"
	"  uplink: wire\n"
	"  ports:\n"
	"  - {name: vm1, nic: tap, interface: flm1, mac: \"02:f1:00:00:00:01\"}\n"
	"  - {name: vm2, nic: tap, interface: flm2, mac: \"02:f1:00:00:00:02\", vlan: {mode: access, id: 10}}\n"
	"  - {name: vm3, nic: tap, interface: flm3, vmq_weight: 0,\n"
	"     vlan: {mode: trunk, ids: [10, 20-22, 4094], native: 10}}\n"
	"  static:\n"
	"  - {mac: \"02:f1:00:00:00:09\", vlan: 20, port: wire}\n"
	"- name: own\n"
	"  kind: internal\n"
	"  ports:\n"
	"  - {name: inner, nic: tap, interface: flm4, queues: 2}\n";

char rig_folder[] = "/tmp/flmethXXXXXX";
char config_path[64];
struct host host;
struct control control;

/* ---- asking ---- */

static json_t *
json(const char *fmt, va_list ap)
{
	char *line = NULL;
	json_t *value;

	assert_true(vasprintf(&line, fmt, ap) >= 0);
	for (char *p = line; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	value = json_loads(line, JSON_DECODE_ANY, NULL);
	if (value == NULL)
		fail_msg("not JSON: %s", line);
	free(line);
	return value;
}

json_t *
json_of(const char *fmt, ...)
{
	json_t *value;
	va_list ap;

	va_start(ap, fmt);
	value = json(fmt, ap);
	va_end(ap);
	return value;
}

/* What a handler wrote, read again. */
static int
written(const struct rpc_handler *handler, const json_t *params, json_t **result, struct err *err)
{
	struct rpc_text out = { 0 };
	int ret = handler->write(&control, params, &out, err);

	if (ret == 0) {
		assert_int_equal(out.failed, 0);
		*result = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
		if (*result == NULL)
			fail_msg("%s wrote no JSON: %.*s", handler->method, (int)out.len, out.data);
	}
	free(out.data);
	return ret;
}

int
call(const char *method, json_t *params, json_t **result, struct err *err)
{
	const struct schema_method *schema = schema_method_by_name(method);
	const struct rpc_handler *handler = control_methods;
	json_t *checked = NULL;
	struct err broken = { 0 };
	int ret;

	assert_non_null(schema);
	memset(err, 0, sizeof(*err));
	*result = NULL;
	while (handler->method != NULL && strcmp(handler->method, method) != 0)
		handler++;
	assert_non_null(handler->method);
	ret = params_check(schema, params, &checked, err);
	if (ret == 0)
		ret = handler->fn != NULL ? handler->fn(&control, checked, result, err)
					  : written(handler, checked, result, err);
	json_decref(checked);
	json_decref(params);
	if (ret == 0 && result_check(schema, *result, &broken) < 0)
		fail_msg("%s: %s", method, broken.msg);
	if (ret < 0) {
		assert_null(*result);
		assert_true(err->msg[0] != '\0');
	}
	return ret;
}

json_t *
asked(const char *method, const char *fmt, ...)
{
	json_t *result;
	struct err err;
	va_list ap;

	va_start(ap, fmt);
	if (call(method, json(fmt, ap), &result, &err) < 0)
		fail_msg("%s: %s", method, err.msg);
	va_end(ap);
	return result;
}

void
key_is(json_t *result, const char *key, const char *fmt, ...)
{
	json_t *want;
	va_list ap;

	va_start(ap, fmt);
	want = json(fmt, ap);
	va_end(ap);
	if (!json_equal(json_object_get(result, key), want))
		fail_msg("%s is %s", key, json_dumps(json_object_get(result, key), JSON_ENCODE_ANY));
	json_decref(want);
	json_decref(result);
}

json_t *
row_of(json_t *list, const char *key, const char *value)
{
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		const char *is = json_string_value(json_object_get(row, key));

		if (is != NULL ? value != NULL && strcmp(is, value) == 0 : value == NULL) {
			json_incref(row);
			json_decref(list);
			return row;
		}
	}
	fail_msg("no row with %s %s", key, value != NULL ? value : "null");
	return NULL;
}

json_t *
applied(const char *yaml, int confirm_s)
{
	json_t *params = json_pack("{s:s, s:s, s:i}", "file", "f.yaml", "text", yaml, "confirm_s", confirm_s), *result;
	struct err err;

	if (call("config.apply", params, &result, &err) < 0)
		fail_msg("config.apply: %s", err.msg);
	return result;
}

char *
replaced(const char *from, const char *to)
{
	const char *at = strstr(host_text, from);
	char *out = NULL;

	assert_non_null(at);
	assert_true(asprintf(&out, "%.*s%s%s", (int)(at - host_text), host_text, to, at + strlen(from)) > 0);
	return out;
}

/* ---- before each test ---- */

int
rig_fresh(void **state)
{
	FILE *file = fopen(config_path, "w");

	assert_non_null(file);
	fputs(host_text, file);
	fclose(file);
	json_decref(applied(host_text, 0));
	return 0;
}

int
rig_start(void **state)
{
	struct host_options options = { .run_dir = rig_folder };
	struct config_mistakes mistakes = { 0 };
	struct config *config = config_parse(host_text, strlen(host_text), &mistakes);
	struct err err = { 0 };

	if (config == NULL)
		print_error("%s", config_mistakes_text(&mistakes, "text"));
	assert_non_null(config);
	log_set_level(LOG_LEVEL_ERROR);
	if (eal_start(false, config->n_adapters, &err) < 0 || host_start(&host, config, &options, &err) < 0) {
		print_error("%s\n", err.msg);
		return -1;
	}
	log_set_level(LOG_LEVEL_ERROR);
	control = (struct control){ .host = &host, .config_path = config_path };
	return 0;
}

int
rig_stop(void **state)
{
	config_free(control.unconfirmed_before);
	host_stop(&host);
	return 0;
}

int
rig_main(int (*tests)(void))
{
	struct keep_options keep = { .run_dir = rig_folder, .config_path = config_path, .stop_ms = KEEP_STOP_MS };
	int pair[2], status;
	pid_t pid;

	if (mkdtemp(rig_folder) == NULL || unshare(CLONE_NEWNET) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		perror("a host for the test (it needs root)");
		return EXIT_FAILURE;
	}
	snprintf(config_path, sizeof(config_path), "%s/running.yaml", rig_folder);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		keep_client_init(pair[1]);
		status = tests();
		fflush(NULL);
		exit(status);
	}
	close(pair[1]);
	status = pid > 0 ? keep_serve(pair[0], pid, &keep) : -1;
	unlink(config_path);
	rmdir(rig_folder);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
