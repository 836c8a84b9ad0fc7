/* err_test.c - sentences of any length, and the word that was meant. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static void
an_error_carries_its_code_and_its_sentence(void **state)
{
	struct err e;

	memset(&e, 0xee, sizeof(e));
	assert_int_equal(err_set(&e, -ENOENT, "port '%s' does not exist, %u do", "vm1", 3u), -ENOENT);
	assert_int_equal(e.code, -ENOENT);
	assert_string_equal(e.msg, "port 'vm1' does not exist, 3 do");
	assert_string_equal(e.hint, "");
	assert_string_equal(e.path, "");
	err_hint(&e, "name one of %s", "vm2, vm3");
	err_path(&e, "ports[%d].name", 2);
	assert_string_equal(e.hint, "name one of vm2, vm3");
	assert_string_equal(e.path, "ports[2].name");
	assert_string_equal(e.msg, "port 'vm1' does not exist, 3 do");
}

static void
a_second_error_leaves_nothing_of_the_first(void **state)
{
	struct err e;

	err_set(&e, -ENOENT, "a long first sentence");
	err_hint(&e, "a hint");
	err_path(&e, "a.path");
	assert_int_equal(err_set(&e, -EPERM, "no"), -EPERM);
	assert_int_equal(e.code, -EPERM);
	assert_string_equal(e.msg, "no");
	assert_string_equal(e.hint, "");
	assert_string_equal(e.path, "");
}

static void
a_caller_without_interest_gets_the_code_alone(void **state)
{
	assert_int_equal(err_set(NULL, -EINVAL, "%s", "nobody reads this"), -EINVAL);
	err_hint(NULL, "%d", 1);
	err_path(NULL, "%d", 1);
}

/* What a user wrote is quoted in the sentence: it may have any length, and the fields behind must stay whole. */
static void
a_sentence_that_is_too_long_is_cut_not_spilled(void **state)
{
	static char longest[4096];
	struct {
		struct err e;
		char guard[64];
	} box;

	memset(longest, 'x', sizeof(longest) - 1);
	memset(&box, 0x5a, sizeof(box));
	err_set(&box.e, -E2BIG, "%s", longest);
	assert_int_equal(strlen(box.e.msg), sizeof(box.e.msg) - 1);
	assert_string_equal(box.e.hint, "");
	err_hint(&box.e, "%s", longest);
	assert_int_equal(strlen(box.e.hint), sizeof(box.e.hint) - 1);
	assert_string_equal(box.e.path, "");
	err_path(&box.e, "%s", longest);
	assert_int_equal(strlen(box.e.path), sizeof(box.e.path) - 1);
	for (size_t i = 0; i < sizeof(box.guard); i++)
		assert_int_equal(box.guard[i], 0x5a);
	assert_int_equal(strlen(box.e.msg), sizeof(box.e.msg) - 1);
}

static void
the_nearest_word_is_the_one_that_was_meant(void **state)
{
	static const char *const words[] = { "adapter", "adapters", "switch", "port", "ports", "vlan", "id" };
	static const struct {
		const char *word, *want;
	} rows[] = {
		{ "adaptr", "adapter" },                      /* one letter missing */
		{ "adappter", "adapter" },                    /* one too many */
		{ "swicth", "switch" },                       /* two exchanged: two edits */
		{ "PORT", "port" },                           /* case does not count */
		{ "portz", "ports" },                         /* "port" is as near; see below */
		{ "vlna", "vlan" },                           /* 2 of 4 letters: half is near enough */
		{ "vxyn", "vlan" },                           /* likewise */
		{ "xyzn", NULL },                             /* 3 edits */
		{ "switchboard", NULL },                      /* 5 edits */
		{ "", NULL },                                 /* nothing was written: nothing was meant */
		{ "d", NULL },                                /* 1 of 1 letter is more than half */
		{ "pox", NULL },                              /* 2 of 3 likewise */
		{ "idx", "id" },                              /* 1 of 3 */
		{ "abc", NULL },                              /* 3 of 3 */
		{ "12345678901234567890123456789012", NULL }, /* 32 letters: longer than any word of ours */
		{ "0123456789012345678901234567890123456789012345678901234567890123456789", NULL },
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		const char *got = err_nearest(rows[i].word, words, LEN(words));

		if (i == 4) { /* a tie goes to the first of the list */
			assert_string_equal(got, "port");
			continue;
		}
		if (rows[i].want == NULL && got != NULL)
			fail_msg("'%s': got '%s', want nothing", rows[i].word, got);
		if (rows[i].want != NULL && (got == NULL || strcmp(got, rows[i].want) != 0))
			fail_msg("'%s': got '%s', want '%s'", rows[i].word, got ? got : "nothing", rows[i].want);
	}
	assert_null(err_nearest("port", words, 0));
}

/* 31 letters are the longest that are compared: the table of distances must hold a row of 32. */
static void
words_of_the_greatest_length_are_compared(void **state)
{
	static const char *const words[] = { "abcdefghijklmnopqrstuvwxyzabcde", "abcdefghijklmnopqrstuvwxyzabcdef" };

	assert_ptr_equal(err_nearest("abcdefghijklmnopqrstuvwxyzabcdX", words, LEN(words)), words[0]);
	assert_null(err_nearest("abcdefghijklmnopqrstuvwxyzabcdef", &words[1], 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_carries_its_code_and_its_sentence),
		cmocka_unit_test(a_second_error_leaves_nothing_of_the_first),
		cmocka_unit_test(a_caller_without_interest_gets_the_code_alone),
		cmocka_unit_test(a_sentence_that_is_too_long_is_cut_not_spilled),
		cmocka_unit_test(the_nearest_word_is_the_one_that_was_meant),
		cmocka_unit_test(words_of_the_greatest_length_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
