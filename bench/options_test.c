/* options_test.c - command lines of load programs: what they set, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/options.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

struct values {
	unsigned long count;
	double rate;
	const char *path;
	bool huge;
	uint8_t mac[6];
};

struct more {
	unsigned long size;
};

static const struct option_row rows[] = {
	{ "count", OPTION_NUMBER, offsetof(struct values, count), 2, 100, "N", "how many" },
	{ "rate", OPTION_REAL, offsetof(struct values, rate), 0, 10, "MPPS", "how fast" },
	{ "path", OPTION_TEXT, offsetof(struct values, path), 0, 0, "FILE", "where" },
	{ "huge", OPTION_FLAG, offsetof(struct values, huge), 0, 0, NULL, "how" },
	{ "mac", OPTION_MAC, offsetof(struct values, mac), 0, 0, "MAC", "who" },
	{ NULL },
};
static const struct option_row more_rows[] = {
	{ "size", OPTION_NUMBER, offsetof(struct more, size), 0, 9, "N", "how large" },
	{ NULL },
};

static void
read_all(struct values *v, struct more *m, char **argv)
{
	options_read((struct option_group[]){ { rows, v }, { more_rows, m } }, 2, "About it.", argv);
}

static void
each_kind_is_set_in_its_own_group(void **state)
{
	struct values v = { .count = 7 };
	struct more m = { 0 };
	char *argv[] = { "program",           "--rate", "0.25", "--path", "x y", "--huge", "--size", "9", "--mac",
			 "02:f1:00:00:00:Ab", NULL };

	read_all(&v, &m, argv);
	assert_int_equal(v.count, 7);
	assert_true(v.rate == 0.25);
	assert_string_equal(v.path, "x y");
	assert_true(v.huge);
	assert_memory_equal(v.mac, ((uint8_t[]){ 2, 0xf1, 0, 0, 0, 0xab }), 6);
	assert_int_equal(m.size, 9);
}

/* Reads argv in a process of its own. Returns its exit status. */
static int
status_of(char **argv)
{
	struct values v = { 0 };
	struct more m = { 0 };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL)
			_exit(99);
		read_all(&v, &m, argv);
		_exit(42);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
what_cannot_be_used_ends_the_program_with_status_2(void **state)
{
	static struct {
		char *argv[4];
		int status;
	} cases[] = {
		{ { "p", NULL }, 42 },
		{ { "p", "--count", "2", NULL }, 42 },
		{ { "p", "--count", "100", NULL }, 42 },
		{ { "p", "--count", "1", NULL }, 2 },
		{ { "p", "--count", "101", NULL }, 2 },
		{ { "p", "--count", "-5", NULL }, 2 },
		{ { "p", "--count", "5x", NULL }, 2 },
		{ { "p", "--count", "", NULL }, 2 },
		{ { "p", "--count", "99999999999999999999", NULL }, 2 },
		{ { "p", "--count", NULL }, 2 },
		{ { "p", "--rate", "10", NULL }, 42 },
		{ { "p", "--rate", "10.1", NULL }, 2 },
		{ { "p", "--rate", "-1", NULL }, 2 },
		{ { "p", "--rate", "nan", NULL }, 2 },
		{ { "p", "--mac", "02:00:00:00:00", NULL }, 2 },
		{ { "p", "--mac", "02:00:00:00:00:01:02", NULL }, 2 },
		{ { "p", "--size", "10", NULL }, 2 },
		{ { "p", "--nothing", NULL }, 2 },
		{ { "p", "count", NULL }, 2 },
		{ { "p", "--help", NULL }, 0 },
		{ { "p", "--huge", "--help", NULL }, 0 },
	};

	for (unsigned i = 0; i < N(cases); i++)
		assert_int_equal(status_of(cases[i].argv), cases[i].status);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_set_in_its_own_group),
		cmocka_unit_test(what_cannot_be_used_ends_the_program_with_status_2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
