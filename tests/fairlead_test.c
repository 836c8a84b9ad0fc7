/*
 * fairlead_test.c - the program fairlead against a server with made-up answers: words, output, exit status.
 *
 * usage: fairlead_test PATH-OF-FAIRLEAD
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "ctl/rpc_server.h"

#define TEXT_LEN 8192

static const char *program;

struct fixture {
	char dir[32], socket[64], socket_ro[64], file[64], out[64], err[64];
	struct rpc_server *server;
	pthread_t thread;
	int stop_fd[2];
	char applied[256]; /* parameters of the last config.apply, without its text */
};

/* What a run of fairlead gave. */
struct outcome {
	int status;
	char out[TEXT_LEN], err[TEXT_LEN];
};

static int
port_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	*result = json_pack("[{s:s, s:s, s:s, s:s, s:s, s:n, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s}]", "name", "vm1",
			    "switch", "ext", "nic", "tap", "path", "synthetic", "state", "up", "mac", "vlan", 10,
			    "queues", 1, "rx_packets", 1234, "rx_bytes", 0, "tx_packets", 0, "tx_bytes", 0, "drops", 0,
			    "ipsec", "none");
	return 0;
}

static int
port_set(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const char *port = json_string_value(json_object_get(params, "port"));

	if (strcmp(port, "vm1") != 0) {
		err_set(err, -ENOENT, "there is no port of this name");
		err_hint(err, "ports: vm1");
		return -ENOENT;
	}
	*result = json_pack("{s:s, s:b}", "port", port, "changed", 1);
	return 0;
}

static int
drops(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	*result = json_pack("[{s:s, s:s, s:i, s:s}]", "port", "vm1", "reason", "spoofed", "count", 3, "means",
			    "source address is not the port's own");
	return 0;
}

static int
stats_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	*result = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:b, s:[]}", "port", "vm1", "offered", 1003, "copies", 0,
			    "delivered", 1000, "dropped", 3, "held", 0, "balanced", 1, "ports");
	return 0;
}

static int
config_apply(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	struct fixture *f = ctx;
	json_t *rest = json_deep_copy(params);
	char *text;

	json_object_del(rest, "text");
	text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
	snprintf(f->applied, sizeof(f->applied), "%s", text);
	free(text);
	json_decref(rest);
	*result = json_pack("{s:b, s:[s], s:O}", "changed", 1, "steps", "port vm1 added", "confirm_s",
			    json_object_get(params, "confirm_s"));
	return 0;
}

static const struct rpc_handler handlers[] = {
	{ "port.list", port_list },   { "port.set", port_set },         { "drops", drops },
	{ "stats.show", stats_show }, { "config.apply", config_apply }, { NULL },
};

static void *
serve(void *arg)
{
	struct fixture *f = arg;
	struct pollfd p[2] = { { .fd = rpc_server_fd(f->server), .events = POLLIN },
			       { .fd = f->stop_fd[0], .events = POLLIN } };

	while (poll(p, 2, -1) >= 0 && p[1].revents == 0)
		rpc_server_poll(f->server);
	return NULL;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static int
start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/flrpc-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	chmod(f->dir, 0755);
	snprintf(f->socket, sizeof(f->socket), "%s/s.sock", f->dir);
	snprintf(f->socket_ro, sizeof(f->socket_ro), "%s/s-ro.sock", f->dir);
	snprintf(f->file, sizeof(f->file), "%s/f.yaml", f->dir);
	snprintf(f->out, sizeof(f->out), "%s/out", f->dir);
	snprintf(f->err, sizeof(f->err), "%s/err", f->dir);
	f->server = rpc_server_new(handlers, f);
	assert_non_null(f->server);
	assert_int_equal(rpc_server_listen(f->server, listen_at(f->socket), false), 0);
	assert_int_equal(rpc_server_listen(f->server, listen_at(f->socket_ro), true), 0);
	assert_int_equal(pipe2(f->stop_fd, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
	setenv("FAIRLEAD_RPC", f->socket, 1);
	unsetenv("SSH_CONNECTION");
	*state = f;
	return 0;
}

static int
stop(void **state)
{
	struct fixture *f = *state;

	close(f->stop_fd[1]);
	pthread_join(f->thread, NULL);
	close(f->stop_fd[0]);
	rpc_server_free(f->server);
	unlink(f->socket);
	unlink(f->socket_ro);
	unlink(f->file);
	unlink(f->out);
	unlink(f->err);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static void
read_text(const char *path, char text[TEXT_LEN])
{
	FILE *in = fopen(path, "r");
	size_t n;

	assert_non_null(in);
	n = fread(text, 1, TEXT_LEN - 1, in);
	text[n] = '\0';
	fclose(in);
}

/* Runs "fairlead WORDS" by the shell. */
static struct outcome *
fairlead(struct fixture *f, const char *words)
{
	static struct outcome o;
	char command[1024];
	int status;

	snprintf(command, sizeof(command), "timeout 20 %s %s >%s 2>%s", program, words, f->out, f->err);
	status = system(command);
	o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	read_text(f->out, o.out);
	read_text(f->err, o.err);
	return &o;
}

static void
write_text(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void
a_list_is_a_table_for_people_and_an_array_for_programs(void **state)
{
	struct outcome *o = fairlead(*state, "port list");
	json_t *list;

	assert_int_equal(o->status, 0);
	assert_non_null(strstr(o->out, "NAME  SWITCH  NIC  PATH       STATE  MAC  VLAN"));
	assert_non_null(strstr(o->out, "vm1   ext     tap  synthetic  up     -      10"));
	assert_string_equal(o->err, "");
	o = fairlead(*state, "port list --json");
	list = json_loads(o->out, 0, NULL);
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(json_object_size(json_array_get(list, 0)), 14);
	json_decref(list);
}

static void
drops_of_a_port_end_with_its_books(void **state)
{
	struct outcome *o = fairlead(*state, "drops vm1");

	assert_int_equal(o->status, 0);
	assert_string_equal(o->out, "PORT  REASON   COUNT  MEANS\n"
				    "vm1   spoofed      3  source address is not the port's own\n"
				    "offered 1,003 = delivered 1,000 + dropped 3 + held 0\n");
	assert_null(strstr(fairlead(*state, "drops")->out, "offered"));
	assert_null(strstr(fairlead(*state, "drops vm1 --json")->out, "offered"));
}

static void
a_refusal_names_the_object_and_exits_with_one(void **state)
{
	struct outcome *o = fairlead(*state, "port set vm1 --vlan 4095");

	assert_int_equal(o->status, 1);
	assert_string_equal(o->err, "fairlead: port vm1 unchanged: vlan 4095 is outside 1 to 4094\n");
	assert_string_equal(o->out, "");
	o = fairlead(*state, "port set vm9 --vlan 1");
	assert_int_equal(o->status, 1);
	assert_string_equal(o->err, "fairlead: port vm9 unchanged: there is no port of this name\nhint: ports: vm1\n");
	o = fairlead(*state, "port set vm1 --vlan 10");
	assert_int_equal(o->status, 0);
	assert_string_equal(o->out, "port vm1 changed\n");
}

static void
a_misused_command_line_exits_with_two(void **state)
{
	assert_int_equal(fairlead(*state, "")->status, 2);
	assert_int_equal(fairlead(*state, "port")->status, 2);
	assert_int_equal(fairlead(*state, "port set")->status, 2);
	assert_int_equal(fairlead(*state, "port set vm1 --vlan x")->status, 2);
	assert_int_equal(fairlead(*state, "completion tcsh")->status, 2);
	assert_int_equal(fairlead(*state, "--help")->status, 0);
	assert_int_equal(fairlead(*state, "port --help")->status, 0);
	assert_int_equal(fairlead(*state, "port set --help")->status, 0);
	assert_int_equal(fairlead(*state, "--version")->status, 0);
}

static void
without_a_daemon_it_says_how_to_start_one(void **state)
{
	struct outcome *o = fairlead(*state, "--rpc /nonexistent/x.sock port list");

	assert_int_equal(o->status, 1);
	assert_string_equal(o->err,
			    "fairlead: no daemon answers on /nonexistent/x.sock: No such file or directory\n"
			    "hint: start it: fairleadd --config FILE; or name its socket by --rpc or FAIRLEAD_RPC\n");
}

static void
the_option_is_stronger_than_the_environment(void **state)
{
	struct fixture *f = *state;
	char words[128];

	setenv("FAIRLEAD_RPC", "/nonexistent/x.sock", 1);
	assert_int_equal(fairlead(f, "port list")->status, 1);
	snprintf(words, sizeof(words), "port list --rpc %s", f->socket);
	assert_int_equal(fairlead(f, words)->status, 0);
}

static void
the_read_only_twin_reads_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	char words[128];
	struct outcome *o;

	snprintf(words, sizeof(words), "port list --rpc %s", f->socket_ro);
	assert_int_equal(fairlead(f, words)->status, 0);
	snprintf(words, sizeof(words), "port set vm1 --vlan 1 --rpc %s", f->socket_ro);
	o = fairlead(f, words);
	assert_int_equal(o->status, 1);
	assert_non_null(strstr(o->err, "port vm1 unchanged: this socket is for reading"));
}

/* As a user who may use the twin only; the program is copied to where that user can run it. Needs root to become one. */
static void
who_may_not_write_reads_by_the_twin(void **state)
{
	struct fixture *f = *state;
	const char *become = "setpriv --reuid 65534 --regid 65534 --clear-groups";
	char command[512];

	if (geteuid() != 0)
		skip();
	chmod(f->socket, 0600);
	chmod(f->socket_ro, 0666);
	snprintf(command, sizeof(command), "cp %s %s/fairlead", program, f->dir);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s %s/fairlead port list >/dev/null", become, f->dir);
	assert_int_equal(WEXITSTATUS(system(command)), 0);
	snprintf(command, sizeof(command), "%s %s/fairlead port set vm1 --vlan 1 2>%s", become, f->dir, f->err);
	assert_int_equal(WEXITSTATUS(system(command)), 1);
	snprintf(command, sizeof(command), "rm %s/fairlead", f->dir);
	assert_int_equal(system(command), 0);
}

static void
a_file_is_checked_without_a_daemon(void **state)
{
	struct fixture *f = *state;
	char words[128];
	struct outcome *o;
	json_t *result;

	setenv("FAIRLEAD_RPC", "/nonexistent/x.sock", 1);
	write_text(f->file, "version: 1\nadapters:\n  - {name: wire, uplink: \"null\", mdoe: vmq}\n");
	snprintf(words, sizeof(words), "config check %s", f->file);
	o = fairlead(f, words);
	assert_int_equal(o->status, 1);
	assert_non_null(strstr(o->err, "f.yaml:3:"));
	assert_non_null(strstr(o->err, "did you mean 'mode'?"));
	strcat(words, " --json");
	o = fairlead(f, words);
	assert_int_equal(o->status, 1);
	result = json_loads(o->out, 0, NULL);
	assert_true(json_is_false(json_object_get(result, "valid")));
	assert_int_equal(json_integer_value(
				 json_object_get(json_array_get(json_object_get(result, "mistakes"), 0), "line")),
			 3);
	json_decref(result);
	write_text(f->file, "version: 1\nadapters:\n  - {name: wire, uplink: \"null\", mode: vmq}\n");
	o = fairlead(f, words);
	assert_int_equal(o->status, 0);
	assert_int_equal(fairlead(f, "config check /nonexistent/f")->status, 1);
	assert_int_equal(fairlead(f, "config check /dev/zero")->status, 1);
}

static void
a_file_is_applied_with_its_name_and_the_callers_address(void **state)
{
	struct fixture *f = *state;
	char words[128], want[256];
	struct outcome *o;

	write_text(f->file, "version: 1\n");
	setenv("SSH_CONNECTION", "192.0.2.9 50000 192.0.2.1 22", 1);
	snprintf(words, sizeof(words), "config apply %s --confirm 60", f->file);
	o = fairlead(f, words);
	assert_int_equal(o->status, 0);
	assert_non_null(strstr(o->out, "port vm1 added\ntaken back in 60 s unless confirmed: fairlead config apply "));
	snprintf(want, sizeof(want), "{\"caller\":\"192.0.2.1\",\"confirm_s\":60,\"file\":\"%s\",\"take_over\":false}",
		 f->file);
	assert_string_equal(f->applied, want);

	f->applied[0] = '\0';
	write_text(f->file, "version: 1\nports: 7\n");
	o = fairlead(f, words);
	assert_int_equal(o->status, 1);
	assert_non_null(strstr(o->err, "fairlead: configuration unchanged: the file has mistakes\n"));
	assert_string_equal(f->applied, "");
	write_text(f->file, "version: \xff\n");
	o = fairlead(f, words);
	assert_int_equal(o->status, 1);
	assert_non_null(strstr(o->err, "is not a UTF-8 text file"));
}

static void
what_is_no_daemon_is_recognized(void **state)
{
	struct fixture *f = *state;
	char path[128], words[160], line[4096];
	int fd, peer;
	pid_t child;
	struct outcome *o;

	snprintf(path, sizeof(path), "%s/other.sock", f->dir);
	fd = listen_at(path);
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 2; i++) {
			peer = accept(fd, NULL, NULL);
			if (recv(peer, line, sizeof(line), 0) > 0 && i == 0)
				dprintf(peer, "220 hello\r\n");
			close(peer);
		}
		_exit(0);
	}
	snprintf(words, sizeof(words), "port list --rpc %s", path);
	o = fairlead(f, words);
	assert_int_equal(o->status, 1);
	assert_non_null(strstr(o->err, "is not fairleadd"));
	o = fairlead(f, words);
	assert_int_equal(o->status, 1);
	assert_non_null(strstr(o->err, "broke"));
	waitpid(child, NULL, 0);
	close(fd);
	unlink(path);
}

/* It has neither processors nor queues to tell of, and 3 drops. */
static void
the_picture_of_a_daemon_with_few_methods_shows_what_there_is(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = fairlead(f, "top");
	json_t *all;

	assert_int_equal(o->status, 0);
	assert_string_equal(o->err, "");
	assert_non_null(strstr(o->out, " no processors\n"));
	assert_non_null(strstr(o->out, " DROPS  spoofed 3\n"));
	assert_non_null(strstr(o->out, "books balance"));
	o = fairlead(f, "top --json");
	assert_int_equal(o->status, 0);
	all = json_loads(o->out, 0, NULL);
	assert_true(json_is_object(all));
	json_decref(all);
}

static void
a_picture_that_cannot_be_had_is_a_failure_with_its_reason(void **state)
{
	struct outcome *o = fairlead(*state, "top --once --rpc /nonexistent/x.sock");

	assert_int_equal(o->status, 1);
	assert_string_equal(o->err,
			    "fairlead: no daemon answers on /nonexistent/x.sock: No such file or directory\n"
			    "hint: start it: fairleadd --config FILE; or name its socket by --rpc or FAIRLEAD_RPC\n");
	o = fairlead(*state, "top --once --interval-ms 99");
	assert_int_equal(o->status, 2);
	assert_string_equal(o->err, "fairlead: --interval-ms 99 is outside 100 to 60000\n");
}

static void
a_full_disk_is_a_failure(void **state)
{
	char command[512];

	snprintf(command, sizeof(command), "%s --help >/dev/full 2>/dev/null", program);
	assert_int_equal(WEXITSTATUS(system(command)), 1);
}

#define with_server(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		with_server(a_list_is_a_table_for_people_and_an_array_for_programs),
		with_server(drops_of_a_port_end_with_its_books),
		with_server(a_refusal_names_the_object_and_exits_with_one),
		with_server(a_misused_command_line_exits_with_two),
		with_server(without_a_daemon_it_says_how_to_start_one),
		with_server(the_option_is_stronger_than_the_environment),
		with_server(the_read_only_twin_reads_and_changes_nothing),
		with_server(who_may_not_write_reads_by_the_twin),
		with_server(a_file_is_checked_without_a_daemon),
		with_server(a_file_is_applied_with_its_name_and_the_callers_address),
		with_server(what_is_no_daemon_is_recognized),
		with_server(the_picture_of_a_daemon_with_few_methods_shows_what_there_is),
		with_server(a_picture_that_cannot_be_had_is_a_failure_with_its_reason),
		cmocka_unit_test(a_full_disk_is_a_failure),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s PATH-OF-FAIRLEAD\n", argv[0]);
		return 2;
	}
	program = argv[1];
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
