/* log_test.c - lines on standard error: for people, for the journal, too long ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static FILE *file;
static int own;

/* Standard error goes into a file from here on. */
static int
start(void **state)
{
	file = tmpfile();
	own = dup(STDERR_FILENO);
	unsetenv("JOURNAL_STREAM");
	return file != NULL && own >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0 ? 0 : -1;
}

static int
stop(void **state)
{
	dup2(own, STDERR_FILENO);
	close(own);
	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_INFO);
	return fclose(file);
}

static void
expect(const char *want)
{
	char got[2048];
	size_t n;

	rewind(file);
	n = fread(got, 1, sizeof(got) - 1, file);
	got[n] = '\0';
	assert_string_equal(got, want);
}

static void
say_all(void)
{
	log_error("e n=%d", 1);
	log_warn("w");
	log_info("i");
	log_debug("d");
}

static void
people_read_words(void **state)
{
	log_set_level(LOG_LEVEL_DEBUG);
	say_all();
	expect("error: e n=1\nwarn: w\ni\ndebug: d\n");
}

/* sd-daemon(3): error 3, warning 4, info 6, debug 7. */
static void
the_journal_reads_priorities(void **state)
{
	struct stat st;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_set_level(LOG_LEVEL_DEBUG);
	say_all();
	expect("<3>e n=1\n<4>w\n<6>i\n<7>d\n");
}

/* A service's child that writes into a file has the variable, too. */
static void
another_stream_is_not_the_journal(void **state)
{
	setenv("JOURNAL_STREAM", "0:0", 1);
	log_error("e");
	expect("error: e\n");
}

static void
what_is_less_important_than_the_level_is_not_written(void **state)
{
	log_set_level(LOG_LEVEL_WARN);
	say_all();
	expect("error: e n=1\nwarn: w\n");
}

/* log.c cuts at 1024 bytes with the end of the line and NUL: 1022 of the text. */
static void
a_long_line_is_cut_and_has_its_end(void **state)
{
	char text[1500], want[1025];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memset(want, 'x', 1022);
	strcpy(want + 1022, "\n");
	log_info("%s", text);
	expect(want);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(people_read_words),
		TEST(the_journal_reads_priorities),
		TEST(another_stream_is_not_the_journal),
		TEST(what_is_less_important_than_the_level_is_not_written),
		TEST(a_long_line_is_cut_and_has_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
