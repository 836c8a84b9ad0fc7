/* ops_file_test.c - sockets in the run directory and the configuration file. Needs root (namespaces of the rig). */
#include "keep/test_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct rig rig;

static int
start(void **state)
{
	if (sh("echo old > " RIG_CONFIG " && chmod 640 " RIG_CONFIG " && chown 1:2 " RIG_CONFIG) != 0)
		return -1;
	rig_start(&rig, 0, false);
	return 0;
}

static int
stop(void **state)
{
	int verdict = rig_stop(&rig, SIGKILL);

	return verdict == 100 + SIGKILL && sh("rm -f " RIG_CONFIG "*; rm -rf " RIG_DIR) == 0 ? 0 : -1;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -errno;
}

static void
a_socket_has_its_mode_and_group_and_is_gone_at_the_end(void **state)
{
	const struct group *group = getgrnam("daemon");
	struct stat st;
	struct rig r;
	int fd, client;

	assert_non_null(group);
	rig_start(&r, 0, false);
	fd = keep_listen("a.sock", 0660, ":daemon", NULL);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(stat(RIG_DIR "/a.sock", &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_gid, group->gr_gid);
	client = connect_to(RIG_DIR "/a.sock");
	assert_true(client >= 0);
	close(client);
	close(fd);
	fd = keep_listen("b.sock", 0606, "", NULL);
	assert_true(fd >= 0);
	assert_int_equal(stat(RIG_DIR "/b.sock", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0606);
	assert_int_equal(st.st_gid, getegid());
	/* Not ours any more: somebody else put another in its place. */
	close(fd);
	assert_int_equal(sh("rm " RIG_DIR "/b.sock; touch " RIG_DIR "/b.sock"), 0);
	rig_stop(&r, SIGKILL);
	assert_int_equal(access(RIG_DIR "/a.sock", F_OK), -1);
	assert_int_equal(access(RIG_DIR "/b.sock", F_OK), 0);
	keep_client_init(rig.sock);
}

static void
a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	struct err err;
	int fd, again, client;

	fd = keep_listen("a.sock", 0600, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(keep_listen("a.sock", 0600, NULL, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, "'a.sock'"));
	assert_non_null(strstr(err.hint, "another daemon listens there"));
	client = connect_to(RIG_DIR
			    "/a.sock"); /* the one who asked whether it lives took no place in the queue for good */
	assert_true(client >= 0);
	close(client);
	close(fd);
	assert_int_equal(connect_to(RIG_DIR "/a.sock"), -ECONNREFUSED);
	again = keep_listen("a.sock", 0600, NULL, &err);
	assert_true(again >= 0);
	client = connect_to(RIG_DIR "/a.sock");
	assert_true(client >= 0);
	close(client);
	close(again);
}

static void
what_is_no_socket_stays(void **state)
{
	static const char *const makes[] = { "touch " RIG_DIR "/x", "mkdir " RIG_DIR "/x", "mkfifo " RIG_DIR "/x",
					     "ln -s " RIG_CONFIG " " RIG_DIR "/x" };
	struct err err;

	for (unsigned i = 0; i < sizeof(makes) / sizeof(makes[0]); i++) {
		assert_int_equal(sh("%s", makes[i]), 0);
		assert_int_equal(keep_listen("x", 0600, NULL, &err), -EEXIST);
		assert_non_null(strstr(err.hint, "remove it"));
		assert_int_equal(sh("rm -rf " RIG_DIR "/x"), 0);
	}
	assert_int_equal(sh("grep -q old " RIG_CONFIG), 0);
}

static void
a_socket_of_another_kind_counts_as_live(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = RIG_DIR "/x" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(keep_listen("x", 0600, NULL, NULL), -EADDRINUSE);
	assert_int_equal(access(RIG_DIR "/x", F_OK), 0);
	close(fd);
}

static void
two_daemons_do_not_make_sockets_at_once(void **state)
{
	int lock = open(RIG_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	struct err err;

	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(keep_listen("a.sock", 0600, NULL, &err), -EAGAIN);
	assert_non_null(strstr(err.hint, "try again"));
	close(lock);
	fd = keep_listen("a.sock", 0600, NULL, &err);
	assert_true(fd >= 0);
	close(fd);
}

static void
only_names_inside_the_run_directory_are_taken(void **state)
{
	static const char *const names[] = { "..", ".", "", "a/b", "../a", "/tmp/a", "a b", "a\n" };
	char longest[KEEP_NAME_MAX + 1] = "";

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(keep_listen(names[i], 0600, NULL, NULL), -EPROTO);
	assert_int_equal(keep_listen("a", 01777, NULL, NULL), -EPROTO);
	memset(longest, 'x', KEEP_NAME_MAX);
	assert_int_equal(keep_listen(longest, 0600, NULL, NULL), -ENAMETOOLONG);
	assert_int_equal(sh("exit $(ls -A " RIG_DIR " | wc -l)"), 0);
}

static void
the_number_of_sockets_is_bounded_and_names_are_used_again(void **state)
{
	struct err err;
	char name[16];
	int fd;

	for (unsigned i = 0; i < KEEP_SOCKETS_MAX; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		fd = keep_listen(name, 0600, NULL, NULL);
		assert_true(fd >= 0);
		close(fd);
	}
	assert_int_equal(keep_listen("one-more", 0600, NULL, &err), -ENOSPC);
	assert_non_null(strstr(err.hint, "1026 sockets"));
	fd = keep_listen("s7", 0600, NULL, NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(keep_unlisten("s1025", NULL), 0);
	fd = keep_listen("one-more", 0600, NULL, NULL);
	assert_true(fd >= 0);
	close(fd);
}

static void
an_owner_is_a_user_and_a_group_by_name_or_number(void **state)
{
	static const struct {
		const char *owner;
		uid_t uid;
		gid_t gid;
	} rows[] = {
		{ "bin:sys", 2, 3 }, /* Debian, base-passwd: bin is user 2, sys group 3 */
		{ "4294967294:77", 4294967294U, 77 },
		{ "bin:", 2, 0 },
		{ ":77", 0, 77 },
		{ ":", 0, 0 },
	};
	static const struct {
		const char *owner, *msg, *hint;
	} bad[] = {
		{ "flnobody:sys", "there is no user 'flnobody'", "getent passwd" },
		{ "bin:flnobodies", "there is no group 'flnobodies'", "getent group" },
		{ "bin", "'bin' is not user:group", "" },
		{ "4294967295:0", "there is no user '4294967295'", "" }, /* chown(2) takes it for "leave it" */
		{ "-1:0", "there is no user '-1'", "" },
		{ "2x:0", "there is no user '2x'", "" },
	};
	struct stat st;
	struct err err = { 0 };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = keep_listen("o.sock", 0640, rows[i].owner, NULL);

		assert_true(fd >= 0);
		assert_int_equal(lstat(RIG_DIR "/o.sock", &st), 0);
		assert_int_equal(st.st_uid, rows[i].uid);
		assert_int_equal(st.st_gid, rows[i].gid);
		assert_int_equal(st.st_mode & 07777, 0640);
		close(fd);
		assert_int_equal(keep_unlisten("o.sock", NULL), 0);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(keep_listen("o.sock", 0640, bad[i].owner, &err), -EINVAL);
		assert_string_equal(err.msg, bad[i].msg);
		assert_non_null(strstr(err.hint, bad[i].hint));
		assert_int_equal(access(RIG_DIR "/o.sock", F_OK), -1);
	}
}

static void
only_sockets_that_it_made_are_removed(void **state)
{
	struct err err;
	int fd = keep_listen("a.sock", 0600, NULL, NULL);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(keep_unlisten("a.sock", NULL), 0);
	assert_int_equal(access(RIG_DIR "/a.sock", F_OK), -1);
	assert_int_equal(keep_unlisten("a.sock", &err), -ENOENT);
	assert_string_equal(err.msg, "cannot remove socket 'a.sock': No such file or directory");
	assert_int_equal(sh("touch " RIG_DIR "/b.sock"), 0);
	assert_int_equal(keep_unlisten("b.sock", NULL), -ENOENT);
	assert_int_equal(keep_unlisten("../flkeep-config.yaml", NULL), -EPROTO);
	assert_int_equal(access(RIG_DIR "/b.sock", F_OK), 0);
	/* Another's by now: it stays, and the name is no longer ours. */
	fd = keep_listen("c.sock", 0600, NULL, NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(sh("rm " RIG_DIR "/c.sock && touch " RIG_DIR "/c.sock"), 0);
	assert_int_equal(keep_unlisten("c.sock", NULL), 0);
	assert_int_equal(access(RIG_DIR "/c.sock", F_OK), 0);
	assert_int_equal(keep_unlisten("c.sock", NULL), -ENOENT);
}

/* A server that only the keeper may connect to: the data plane runs as somebody else. */
static void
a_connection_is_made_by_the_keeper_to_sockets_in_the_run_directory(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = RIG_DIR "/q.sock" };
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, peer;
	struct err err;

	assert_int_equal(keep_connect("q.sock", &err), -ENOENT);
	assert_string_equal(err.msg, "cannot connect to 'q.sock': No such file or directory");
	assert_string_equal(err.hint, "nobody listens there now");
	assert_int_equal(bind(server, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(chmod(a.sun_path, 0), 0);
	assert_int_equal(keep_connect("q.sock", NULL), -ECONNREFUSED);
	assert_int_equal(access(a.sun_path, F_OK), 0); /* a stale one is its server's to remove */
	assert_int_equal(listen(server, 0), 0);
	fd = keep_connect("q.sock", NULL);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(keep_connect("q.sock", NULL), -EAGAIN); /* a place for one that waits, and it is taken */
	peer = accept(server, NULL, NULL);
	assert_true(peer >= 0);
	close(peer);
	close(fd);
	close(server);
	/* Links lead anywhere. */
	assert_int_equal(sh("mv " RIG_DIR "/q.sock " RIG_DIR "/r.sock && ln -s r.sock " RIG_DIR "/q.sock"), 0);
	assert_int_equal(keep_connect("q.sock", NULL), -EEXIST);
	assert_int_equal(keep_connect("../x", NULL), -EPROTO);
	assert_int_equal(sh("rm " RIG_DIR "/?.sock"), 0);
}

static void
the_configuration_is_replaced_with_mode_and_owner_kept(void **state)
{
	static char big[KEEP_CONFIG_MAX + 1];
	struct stat st;
	FILE *f;

	memset(big, 'y', sizeof(big));
	assert_int_equal(keep_save_config("version: 1\n", 11, NULL), 0);
	assert_int_equal(sh("[ \"$(cat " RIG_CONFIG ")\" = 'version: 1' ]"), 0);
	assert_int_equal(sh("echo leftover > " RIG_CONFIG ".new"), 0); /* of a crash */
	assert_int_equal(keep_save_config(big, KEEP_CONFIG_MAX, NULL), 0);
	assert_int_equal(stat(RIG_CONFIG, &st), 0);
	assert_int_equal(st.st_size, KEEP_CONFIG_MAX);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_uid, 1);
	assert_int_equal(st.st_gid, 2);
	assert_int_equal(sh("exit $(ls " RIG_CONFIG "* | wc -l)"), 1);
	/* Too long, or nothing: refused, and the old one stays. */
	assert_int_equal(keep_save_config(big, KEEP_CONFIG_MAX + 1, NULL), -EPROTO);
	assert_int_equal(keep_save_config(big, 0, NULL), -EPROTO);
	assert_int_equal(stat(RIG_CONFIG, &st), 0);
	assert_int_equal(st.st_size, KEEP_CONFIG_MAX);
	/* A link stays one: the file behind it is replaced. */
	assert_int_equal(sh("mv " RIG_CONFIG " " RIG_CONFIG ".real && ln -s " RIG_CONFIG ".real " RIG_CONFIG), 0);
	assert_int_equal(keep_save_config("linked\n", 7, NULL), 0);
	assert_int_equal(sh("[ -L " RIG_CONFIG " ] && grep -q linked " RIG_CONFIG ".real"), 0);
	f = fopen(RIG_CONFIG, "r");
	assert_non_null(f);
	fclose(f);
}

static void
readers_see_the_old_text_or_the_new_one(void **state)
{
	static char text[1 << 16];

	assert_int_equal(keep_save_config("aaaa", 4, NULL), 0);
	assert_int_equal(sh("(for i in $(seq 300); do tr -d '\\n' < " RIG_CONFIG
			    " | fold -w 1 | sort -u | wc -l; done | grep -vx 1; "
			    "echo done) > " RIG_CONFIG ".seen & "),
			 0);
	for (unsigned i = 0; i < 300; i++) {
		memset(text, 'a' + (int)(i % 20), sizeof(text));
		assert_int_equal(keep_save_config(text, 1 + i * 211 % sizeof(text), NULL), 0);
	}
	for (unsigned i = 0; i < 3000 && sh("grep -q done " RIG_CONFIG ".seen") != 0; i++)
		usleep(10000);
	assert_int_equal(sh("exit $(wc -l < " RIG_CONFIG ".seen)"), 1); /* nothing but "done" */
}

static void
saving_fails_with_a_reason(void **state)
{
	struct err err;
	struct rig r;

	assert_int_equal(sh("mv " RIG_CONFIG " " RIG_CONFIG ".away"), 0);
	assert_int_equal(keep_save_config("x", 1, &err), -ENOENT);
	assert_non_null(strstr(err.hint, "is gone"));
	rig_start(&r, 0, false); /* finds no file: started without one */
	assert_int_equal(keep_save_config("x", 1, &err), -EROFS);
	assert_non_null(strstr(err.hint, "--config FILE"));
	rig_stop(&r, SIGKILL);
	keep_client_init(rig.sock);
	assert_int_equal(sh("mkdir " RIG_CONFIG), 0);
	assert_int_equal(keep_save_config("x", 1, &err), -EINVAL);
	assert_int_equal(sh("rmdir " RIG_CONFIG "; exit $(ls " RIG_CONFIG "* | wc -l)"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_socket_has_its_mode_and_group_and_is_gone_at_the_end, start, stop),
		cmocka_unit_test_setup_teardown(a_stale_socket_is_replaced_and_a_live_one_is_not, start, stop),
		cmocka_unit_test_setup_teardown(what_is_no_socket_stays, start, stop),
		cmocka_unit_test_setup_teardown(a_socket_of_another_kind_counts_as_live, start, stop),
		cmocka_unit_test_setup_teardown(two_daemons_do_not_make_sockets_at_once, start, stop),
		cmocka_unit_test_setup_teardown(only_names_inside_the_run_directory_are_taken, start, stop),
		cmocka_unit_test_setup_teardown(the_number_of_sockets_is_bounded_and_names_are_used_again, start, stop),
		cmocka_unit_test_setup_teardown(an_owner_is_a_user_and_a_group_by_name_or_number, start, stop),
		cmocka_unit_test_setup_teardown(only_sockets_that_it_made_are_removed, start, stop),
		cmocka_unit_test_setup_teardown(a_connection_is_made_by_the_keeper_to_sockets_in_the_run_directory,
						start, stop),
		cmocka_unit_test_setup_teardown(the_configuration_is_replaced_with_mode_and_owner_kept, start, stop),
		cmocka_unit_test_setup_teardown(readers_see_the_old_text_or_the_new_one, start, stop),
		cmocka_unit_test_setup_teardown(saving_fails_with_a_reason, start, stop),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
