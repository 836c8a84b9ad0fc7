/* watch_test.c - what a person and a program see of moves, from which on, and when it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/watch.h"

static json_t *
event(int serial, int from, int to, const char *why, double before, double after)
{
	json_t *e = json_pack("{s:i, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:f, s:f, s:f, s:f}", "serial",
			      serial, "at", "2026-11-24T13:41:07.123Z", "adapter", "wire", "port", "vm1", "queue", 3,
			      "index", 0, "from", from, "to", to, "why", why, "means", "because", "from_before", before,
			      "from_after", after, "to_before", 3.4, "to_after", 48.6);

	assert_non_null(e);
	return e;
}

static void
a_move_is_one_line_with_why_and_the_percents(void **state)
{
	static const struct {
		int from, to;
		double before, after;
		const char *line;
	} rows[] = {
		{ 1, 2, 97.2, 52,
		  "13:41:07.123Z vm1 queue 3: processor 1 -> 2, overload: because (1: 97 % to 52 %, 2: 3 % to 49 %)" },
		{ 2, 2, 99, 0, "13:41:07.123Z vm1 queue 3: stays on processor 2, overload: because (2: 99 %)" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *e = event(1, rows[i].from, rows[i].to, "overload", rows[i].before, rows[i].after);
		char line[512];

		assert_string_equal(watch_line(e, line, sizeof(line)), rows[i].line);
		json_decref(e);
	}
}

static void
a_move_by_hand_has_no_percents(void **state)
{
	json_t *e = json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:f, s:f, s:f, s:f}", "at",
			      "2026-11-24T00:00:00.000Z", "port", "vm1", "queue", 3, "from", 0, "to", 1, "why",
			      "by-hand", "means", "it was moved by hand", "from_before", 0.0, "from_after", 0.0,
			      "to_before", 0.0, "to_after", 0.0);
	char line[512];

	assert_non_null(e);
	assert_string_equal(watch_line(e, line, sizeof(line)),
			    "00:00:00.000Z vm1 queue 3: processor 0 -> 1, by-hand: it was moved by hand");
	json_decref(e);
}

/* A daemon that has `old` events, tells of two more at the second look, and then interrupts us. */
struct daemon {
	int old, looks;
	json_int_t since[4];
};

static int
ask(void *arg, json_int_t since, json_t **events)
{
	struct daemon *d = arg;
	int last = d->old + (d->looks > 0 ? 2 : 0);

	assert_true(d->looks < 4);
	d->since[d->looks++] = since;
	*events = json_array();
	for (int i = (int)since + 1; i <= last; i++)
		json_array_append_new(*events, event(i, 1, 2, "even", 50, 40));
	if (d->looks == 2)
		raise(SIGINT);
	return 0;
}

/* Lines written, each an object; *first: the serial of the first. */
static int
look(struct daemon *d, json_int_t since, json_int_t *first)
{
	char *text = NULL, *save = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int n = 0;

	assert_non_null(out);
	assert_int_equal(watch(out, since, true, ask, d), 0);
	fclose(out);
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save), n++) {
		json_t *e = json_loads(line, 0, NULL);

		assert_true(json_is_object(e));
		if (n == 0)
			*first = json_integer_value(json_object_get(e, "serial"));
		json_decref(e);
	}
	free(text);
	return n;
}

static void
the_last_ten_of_before_are_shown_and_then_what_comes(void **state)
{
	struct daemon d = { .old = 25 };
	json_int_t first;

	assert_int_equal(look(&d, 0, &first), 12);
	assert_int_equal(first, 16);
	assert_int_equal(d.looks, 2);
	assert_int_equal(d.since[0], 0);
	assert_int_equal(d.since[1], 25);
}

static void
from_a_number_on_all_are_shown(void **state)
{
	struct daemon d = { .old = 25 };
	json_int_t first;

	assert_int_equal(look(&d, 5, &first), 22);
	assert_int_equal(first, 6);
}

static int
gone(void *arg, json_int_t since, json_t **events)
{
	return 1;
}

static void
it_ends_when_nobody_answers(void **state)
{
	assert_int_equal(watch(stdout, 0, false, gone, NULL), 1);
}

static void
it_ends_when_nobody_reads(void **state)
{
	struct daemon d = { .old = 3 };
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	assert_int_equal(watch(full, 0, true, ask, &d), -1);
	fclose(full);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_move_is_one_line_with_why_and_the_percents),
		cmocka_unit_test(a_move_by_hand_has_no_percents),
		cmocka_unit_test(the_last_ten_of_before_are_shown_and_then_what_comes),
		cmocka_unit_test(from_a_number_on_all_are_shown),
		cmocka_unit_test(it_ends_when_nobody_answers),
		cmocka_unit_test(it_ends_when_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
