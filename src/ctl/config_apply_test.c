/* config_apply_test.c - configurations applied, taken back, compared with their file and saved, on a running host. */
#include "ctl/test_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
applying_tells_what_was_done_and_does_it_once(void **state)
{
	static const struct {
		const char *from, *to, *steps;
	} rows[] = {
		{ "flm2, ", "flm2, mtu: 1400, ", "['port vm2: mtu changed from 1500 to 1400']" },
		{ "mode: vmq, ", "mode: vmq, max_processors: 1, ", "['adapter wire: max_processors set to 1']" },
		{ ", mac: \"02:f1:00:00:00:01\"", "", "['port vm1: mac 02:f1:00:00:00:01 taken out']" },
		{ "queues: 2}\n- ", "queues: 2}\n- {name: more, uplink: \"ring:more\"}\n- ", "['adapter more added']" },
		{ "name: inner", "name: other", "['port inner removed', 'port other added']" },
		{ "interface: flm4", "interface: flm5",
		  "['port inner: interface changed from flm4 to flm5', 'port inner replaced: this cannot be changed "
		  "while it runs']" },
		{ "name: own", "name: new",
		  "['switch own removed', 'switch new added', 'port inner: switch changed from own to new', 'port "
		  "inner "
		  "replaced: this cannot be changed while it runs']" },
		{ "kind: internal\n", "kind: internal\n  fdb_entries: 64\n",
		  "['switch own: fdb_entries changed from 8192 to 64', 'switch own replaced, with its ports: this "
		  "cannot be changed while it runs']" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		char *next = replaced(rows[i].from, rows[i].to);
		json_t *first = applied(next, 0), *second = applied(next, 0);

		json_incref(first);
		key_is(first, "steps", "%s", rows[i].steps);
		key_is(first, "changed", "true");
		json_incref(second);
		key_is(second, "steps", "[]");
		key_is(second, "changed", "false");
		free(next);
		rig_fresh(NULL);
	}
}

static void
mistakes_are_told_with_their_place(void **state)
{
	json_t *params = json_pack("{s:s, s:s}", "file", "f.yaml", "text", "version: 1\nswitchse: []\nlgo: {}\n"),
	       *result;
	struct err err;

	assert_int_equal(call("config.apply", params, &result, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "f.yaml:2:1: "));
	assert_non_null(strstr(err.msg, "switchse"));
	assert_non_null(strstr(err.hint, "'switches'"));
	assert_non_null(strstr(err.hint, "and 1 more: fairlead config check f.yaml"));
	assert_string_equal(err.path, "switchse");
}

static void
a_change_that_nobody_confirms_is_taken_back(void **state)
{
	char *next = replaced("name: inner", "name: other");
	json_t *result;
	struct err err;

	key_is(applied(next, 60), "confirm_s", "60");
	/* The first of the 60 seconds has begun, and is counted as a whole. */
	key_is(asked("config.show", "{}"), "confirm_s", "60");
	control_tend(&control);
	assert_non_null(host_find_port(&host, "other"));
	assert_int_equal(call("config.save", json_object(), &result, &err), -EBUSY);
	/* What is done meanwhile goes with it. */
	json_decref(asked("port.set", "{'port': 'vm1', 'mtu': 1400}"));
	control.confirm_end_ns = 1;
	key_is(asked("config.show", "{}"), "confirm_s", "1");
	control_tend(&control);
	key_is(asked("config.show", "{}"), "confirm_s", "0");
	assert_null(control.unconfirmed_before);
	assert_null(host_find_port(&host, "other"));
	assert_non_null(host_find_port(&host, "inner"));
	key_is(asked("port.show", "{'port': 'vm1'}"), "mtu", "1500");
	free(next);
}

static void
a_change_that_is_applied_again_stays(void **state)
{
	char *next = replaced("name: inner", "name: other");
	json_t *again;

	json_decref(applied(next, 60));
	again = applied(next, 0);
	assert_null(control.unconfirmed_before);
	json_incref(again);
	key_is(again, "changed", "false");
	key_is(again, "steps", "['confirmed: the change stays']");
	control.confirm_end_ns = 1;
	control_tend(&control);
	assert_non_null(host_find_port(&host, "other"));
	free(next);
}

/* Both may be wrong: what is known to work is what ran before the first of them. */
static void
two_unconfirmed_changes_are_taken_back_together(void **state)
{
	char *first = replaced("name: inner", "name: other"), *second = replaced("name: inner", "name: third");

	json_decref(applied(first, 60));
	json_decref(applied(second, 60));
	control.confirm_end_ns = 1;
	control_tend(&control);
	assert_non_null(host_find_port(&host, "inner"));
	free(first);
	free(second);
}

static void
nothing_waits_where_nothing_was_changed(void **state)
{
	key_is(applied(host_text, 60), "confirm_s", "0");
	assert_null(control.unconfirmed_before);
}

static char *
file_text(void)
{
	FILE *file = fopen(config_path, "r");
	char *out = calloc(1, 4096);

	assert_non_null(file);
	assert_true(fread(out, 1, 4095, file) > 0);
	fclose(file);
	return out;
}

static void
saving_writes_what_was_given_and_only_a_difference(void **state)
{
	char *next = replaced("flm2, ", "flm2, mtu: 1400, "), *saved;

	key_is(asked("config.save", "{}"), "changed", "false");
	json_decref(applied(next, 0));
	key_is(asked("config.show", "{}"), "drift", "['port vm2: mtu is 1400, in the file 1500']");
	key_is(asked("config.save", "{}"), "changed", "true");
	key_is(asked("config.show", "{}"), "drift", "[]");
	saved = file_text();
	assert_string_equal(saved, next); /* the comment in it, too */
	free(saved);
	free(next);
}

/* Somebody's comments are worth more than our own text. */
static void
saving_leaves_a_file_alone_that_means_the_same(void **state)
{
	char *other = replaced("# as written", "# another comment"), *saved;
	FILE *file = fopen(config_path, "w");

	assert_non_null(file);
	fputs(other, file);
	fclose(file);
	key_is(asked("config.save", "{}"), "changed", "false");
	saved = file_text();
	assert_string_equal(saved, other);
	free(saved);
	free(other);
}

static void
only_drift_says(const char *words)
{
	json_t *shown = asked("config.show", "{}"), *drift = json_object_get(shown, "drift");

	assert_int_equal(json_array_size(drift), 1);
	assert_non_null(strstr(json_string_value(json_array_get(drift, 0)), words));
	json_decref(shown);
}

static void
drift_says_what_each_side_lacks(void **state)
{
	json_t *drift;

	json_decref(asked("vmq.set", "{'adapter': 'wire', 'max_processors': 1}"));
	key_is(asked("config.show", "{}"), "drift", "['adapter wire: max_processors is 1, in the file left out']");
	rig_fresh(NULL);
	truncate(config_path, 10); /* "version: 1" */
	drift = asked("config.show", "{}");
	assert_int_equal(json_array_size(json_object_get(drift, "drift")), 11);
	key_is(drift, "file", "'%s'", config_path);
	truncate(config_path, 3);
	only_drift_says("mistake");
	unlink(config_path);
	only_drift_says("No such file");
}

static void
without_a_file_there_is_nothing_to_save(void **state)
{
	json_t *result;
	struct err err;

	control.config_path = NULL;
	assert_int_equal(call("config.save", json_object(), &result, &err), -ENOENT);
	key_is(asked("config.show", "{}"), "file", "null");
	control.config_path = config_path;
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
		RIG_TEST(applying_tells_what_was_done_and_does_it_once),
		RIG_TEST(mistakes_are_told_with_their_place),
		RIG_TEST(a_change_that_nobody_confirms_is_taken_back),
		RIG_TEST(a_change_that_is_applied_again_stays),
		RIG_TEST(two_unconfirmed_changes_are_taken_back_together),
		RIG_TEST(nothing_waits_where_nothing_was_changed),
		RIG_TEST(saving_writes_what_was_given_and_only_a_difference),
		RIG_TEST(saving_leaves_a_file_alone_that_means_the_same),
		RIG_TEST(drift_says_what_each_side_lacks),
		RIG_TEST(without_a_file_there_is_nothing_to_save),
	};

	return cmocka_run_group_tests(all, rig_start, rig_stop);
}

int
main(void)
{
	return rig_main(tests);
}
