/* top_keys_test.c - what the keys of `fairlead top` do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/test_top.h"
#include "cli/top_keys.h"

/* A person before the small host of test_top.h. */
struct fixture {
	struct top_model model;
	struct top_view view;
	struct top_rows rows;
	struct top_call call;
};

static int
start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	take_small_host(&f->model);
	f->view = (struct top_view){ .queue = -1, .interval_ms = 1000, .connected = true };
	*state = f;
	return top_rows_make(&f->rows, &f->model, &f->view);
}

static void
forget(struct fixture *f)
{
	json_decref(f->call.params);
	f->call = (struct top_call){ 0 };
}

static int
stop(void **state)
{
	struct fixture *f = *state;

	forget(f);
	top_rows_free(&f->rows);
	top_model_clear(&f->model);
	free(f);
	return 0;
}

static enum top_order
press(struct fixture *f, int key)
{
	forget(f);
	return top_keys_take(&f->view, &f->model, &f->rows, key, &f->call);
}

/* The last order of all keys of a text. */
static enum top_order
type(struct fixture *f, const char *keys)
{
	enum top_order order = TOP_STAY;

	for (; *keys != '\0'; keys++)
		order = press(f, *keys);
	return order;
}

static void
select_queue(struct fixture *f, int id)
{
	f->view.queue = id;
	top_view_follow(&f->view, &f->model, &f->rows);
	assert_int_equal(f->view.queue, id);
}

static void
expect_call(struct fixture *f, const char *method, const char *params)
{
	char name[64], *text = json_dumps(f->call.params, JSON_COMPACT | JSON_SORT_KEYS);

	assert_string_equal(schema_method_name(f->call.method, name, sizeof(name)), method);
	assert_string_equal(text, params);
	free(text);
}

static void
expect_said(struct fixture *f, enum top_tone tone, const char *text)
{
	assert_string_equal(f->view.said, text);
	assert_int_equal(f->view.tone, tone);
}

static void
arrows_and_letters_select(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(press(f, TOP_KEY_DOWN), TOP_REDRAW);
	assert_int_equal(f->view.processor, 1);
	press(f, 'j');
	assert_int_equal(f->view.processor, 2);
	press(f, 'k');
	press(f, TOP_KEY_RIGHT);
	press(f, TOP_KEY_RIGHT);
	assert_int_equal(f->view.queue, 2);
	press(f, TOP_KEY_LEFT);
	assert_int_equal(f->view.queue, 0);
	press(f, TOP_KEY_END);
	assert_int_equal(f->view.processor, 3);
	press(f, TOP_KEY_HOME);
	assert_int_equal(f->view.processor, 0);
	assert_int_equal(press(f, 'x'), TOP_STAY);
	assert_int_equal(press(f, 'q'), TOP_QUIT);
}

static void
s_goes_through_the_orders(void **state)
{
	struct fixture *f = *state;

	press(f, 's');
	assert_int_equal(f->view.sort, TOP_BY_BUSY);
	expect_said(f, TOP_NEUTRAL, "processors sorted by busy");
	press(f, 's');
	assert_int_equal(f->view.sort, TOP_BY_PACKETS);
	press(f, 's');
	assert_int_equal(f->view.sort, TOP_BY_NUMBER);
}

static void
a_filter_is_typed_corrected_and_forgotten(void **state)
{
	struct fixture *f = *state;

	type(f, "/vmq");
	assert_int_equal(f->view.mode, TOP_ASK_FILTER);
	assert_string_equal(f->view.filter, "vmq"); /* q is a letter here */
	press(f, TOP_KEY_ERASE);
	type(f, "4\n");
	assert_int_equal(f->view.mode, TOP_LOOK);
	assert_string_equal(f->view.filter, "vm4");
	type(f, "/");
	for (int i = 0; i < 100; i++)
		press(f, 'x');
	assert_int_equal(strlen(f->view.filter), TOP_INPUT_LEN - 1);
	for (int i = 0; i < 100; i++)
		press(f, TOP_KEY_ERASE);
	assert_string_equal(f->view.filter, "");
	type(f, "vm\x1b");
	assert_string_equal(f->view.filter, "");
	type(f, "/vm\n");
	press(f, TOP_KEY_ESCAPE);
	assert_string_equal(f->view.filter, "");
}

static void
plus_and_minus_change_the_interval_within_bounds(void **state)
{
	struct fixture *f = *state;

	press(f, '+');
	assert_int_equal(f->view.interval_ms, 2000);
	expect_said(f, TOP_NEUTRAL, "every 2 s");
	for (int i = 0; i < 20; i++)
		press(f, '+');
	assert_int_equal(f->view.interval_ms, 10000);
	for (int i = 0; i < 20; i++)
		press(f, '-');
	assert_int_equal(f->view.interval_ms, 100);
	expect_said(f, TOP_NEUTRAL, "every 0.1 s");
	f->view.interval_ms = 700; /* by --interval-ms */
	press(f, '-');
	assert_int_equal(f->view.interval_ms, 500);
}

static void
space_stops_and_goes_on(void **state)
{
	struct fixture *f = *state;

	press(f, ' ');
	assert_true(f->view.paused);
	press(f, ' ');
	assert_false(f->view.paused);
}

static void
m_moves_the_selected_queue_to_the_processor_that_is_typed(void **state)
{
	struct fixture *f = *state;

	press(f, 'm');
	expect_said(f, TOP_REFUSED, "select a queue first (arrows)");
	select_queue(f, 3);
	assert_int_equal(type(f, "m1x2"), TOP_REDRAW);
	assert_string_equal(f->view.input, "12"); /* digits alone */
	press(f, TOP_KEY_ERASE);
	assert_int_equal(press(f, '\n'), TOP_CALL);
	expect_call(f, "queue.move", "{\"processor\":1,\"queue\":3}");
	top_keys_answered(&f->view, &f->call, json_true(), NULL);
	expect_said(f, TOP_DONE, "queue 3 (vm2): moved to processor 1");
	assert_int_equal(type(f, "m\n"), TOP_REDRAW); /* nothing typed */
	assert_int_equal(type(f, "m7\x1b"), TOP_REDRAW);
	assert_int_equal(f->view.mode, TOP_LOOK);
}

static void
a_queue_that_goes_while_one_types_is_not_moved(void **state)
{
	struct fixture *f = *state;

	select_queue(f, 3);
	type(f, "m");
	take(&f->model, TOP_QUEUES, 3, "[]");
	assert_int_equal(press(f, '1'), TOP_REDRAW);
	expect_said(f, TOP_REFUSED, "the queue is gone");
	assert_int_equal(f->view.mode, TOP_LOOK);
}

static void
a_refusal_is_told_with_its_reason_and_hint(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	select_queue(f, 3);
	type(f, "m99\n");
	err_set(&err, -ENOENT, "no processor 99");
	err_hint(&err, "the host has processors 0 to 3");
	top_keys_answered(&f->view, &f->call, NULL, &err);
	expect_said(f, TOP_REFUSED, "queue 3 (vm2) unchanged: no processor 99; the host has processors 0 to 3");
}

static void
what_was_so_already_is_told(void **state)
{
	struct fixture *f = *state;
	json_t *result = json_pack("{s:b}", "changed", 0);

	press(f, 'v');
	top_keys_answered(&f->view, &f->call, result, NULL);
	json_decref(result);
	expect_said(f, TOP_NEUTRAL, "vmq wire unchanged: it was so already");
}

static void
v_switches_vm_queues_of_the_adapter(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(press(f, 'v'), TOP_CALL); /* the only one; its mode is vmq */
	expect_call(f, "vmq.disable", "{\"adapter\":\"wire\"}");
	strcpy(f->model.adapters[0].mode, "none");
	press(f, 'v');
	expect_call(f, "vmq.enable", "{\"adapter\":\"wire\"}");
	top_keys_answered(&f->view, &f->call, json_true(), NULL);
	expect_said(f, TOP_DONE, "vmq wire: switched on");
}

static void
r_switches_rss_of_the_adapter(void **state)
{
	struct fixture *f = *state;

	press(f, 'r'); /* its mode is vmq: the daemon says that these exclude each other */
	expect_call(f, "rss.enable", "{\"adapter\":\"wire\"}");
	strcpy(f->model.adapters[0].mode, "rss");
	press(f, 'r'); /* in this mode, and switched off */
	expect_call(f, "rss.enable", "{\"adapter\":\"wire\"}");
	take(&f->model, TOP_RSS, 3, "[{'adapter':'gone'},{'adapter':'wire','enabled':true,'operational':true}]");
	press(f, 'r');
	expect_call(f, "rss.disable", "{\"adapter\":\"wire\"}");
}

static void
d_has_load_move_queues_or_leave_them(void **state)
{
	struct fixture *f = *state;

	press(f, 'd');
	expect_call(f, "vmq.set", "{\"adapter\":\"wire\",\"dynamic\":false}");
	top_keys_answered(&f->view, &f->call, json_true(), NULL);
	expect_said(f, TOP_DONE, "vmq wire: static, queues stay where they are");
	f->model.adapters[0].dynamic = false;
	press(f, 'd');
	expect_call(f, "vmq.set", "{\"adapter\":\"wire\",\"dynamic\":true}");
}

static void
p_pins_the_selected_queue_and_lets_it_go(void **state)
{
	struct fixture *f = *state;

	press(f, 'p');
	expect_said(f, TOP_REFUSED, "select a queue first (arrows)");
	select_queue(f, 5);
	press(f, 'p');
	expect_call(f, "queue.pin", "{\"queue\":5}");
	top_keys_answered(&f->view, &f->call, json_true(), NULL);
	expect_said(f, TOP_DONE, "queue 5 (vm4.1): pinned, it stays where it is");
	f->model.queues[4].pinned = true;
	press(f, 'p');
	expect_call(f, "queue.unpin", "{\"queue\":5}");
}

static void
capital_r_switches_vrss_of_the_selected_queues_port(void **state)
{
	struct fixture *f = *state;

	select_queue(f, 0);
	press(f, 'R');
	expect_said(f, TOP_REFUSED, "select a queue of the port first (arrows)");
	select_queue(f, 5);
	press(f, 'R');
	expect_call(f, "vrss.enable", "{\"port\":\"vm4\"}");
	take(&f->model, TOP_VRSS, 3, "[{'port':'vm4','enabled':true,'operational':false}]");
	press(f, 'R');
	expect_call(f, "vrss.disable", "{\"port\":\"vm4\"}");
}

/* With several adapters it is the selected queue's. */
static void
which_adapter_is_asked_where_there_are_several(void **state)
{
	struct fixture *f = *state;

	take(&f->model, TOP_ADAPTERS, 3,
	     "[{'name':'wire2','mode':'none','switch':'storage'},{'name':'wire','mode':'vmq','switch':'ext'}]");
	assert_int_equal(press(f, 'v'), TOP_REDRAW);
	expect_said(f, TOP_REFUSED, "which adapter? there are several: select one of its queues first (arrows)");
	select_queue(f, 2);
	assert_int_equal(press(f, 'v'), TOP_CALL);
	expect_call(f, "vmq.disable", "{\"adapter\":\"wire\"}");
	take(&f->model, TOP_PORTS, 3, "[{'name':'vm1','switch':'private'}]");
	press(f, 'v');
	expect_said(f, TOP_REFUSED, "vm1 is on no adapter");
	take(&f->model, TOP_ADAPTERS, 3, "[]");
	f->view.queue = -1;
	press(f, 'v');
	expect_said(f, TOP_REFUSED, "there is no adapter");
}

/* Every key that asks something of the daemon asks for a method of the schema, with parameters of that method. */
static void
each_key_that_changes_something_asks_what_the_schema_has(void **state)
{
	static const char keys[] = "vdrRp";
	struct fixture *f = *state;

	select_queue(f, 2);
	for (size_t i = 0; i < sizeof(keys) - 1; i++) {
		const struct schema_key *k;
		const char *name;
		json_t *value;

		assert_int_equal(press(f, keys[i]), TOP_CALL);
		assert_true(f->call.method->changes);
		assert_true(f->call.what[0] != '\0' && f->call.object[0] != '\0');
		json_object_foreach(f->call.params, name, value)
			assert_non_null(schema_key_find(f->call.method->params, name));
		for (k = f->call.method->params; k->name != NULL; k++)
			assert_true(!k->required || json_object_get(f->call.params, k->name) != NULL);
	}
}

static void
help_names_every_key_and_any_key_leaves_it(void **state)
{
	struct fixture *f = *state;
	struct canvas c = { .utf8 = true };
	char *text;

	assert_int_equal(press(f, 'h'), TOP_REDRAW);
	assert_int_equal(f->view.mode, TOP_HELP);
	assert_int_equal(canvas_reset(&c, 80, 30), 0);
	top_keys_help(&c);
	text = text_of(&c);
	assert_non_null(strstr(text, "\n m        move the selected queue to the processor that you type\n"));
	assert_non_null(strstr(text, "\n Space    stop looking, and go on\n"));
	free(text);
	canvas_free(&c);
	assert_int_equal(press(f, 'v'), TOP_REDRAW);
	assert_int_equal(f->view.mode, TOP_LOOK);
	press(f, '?');
	assert_int_equal(press(f, 'q'), TOP_QUIT);
}

static void
any_key_at_any_time_is_harmless(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 1;

	for (int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345; /* C17, 7.22.2.2 */
		press(f, (int)(seed >> 16) % 300);
		if (i % 7 == 0)
			take(&f->model, TOP_QUEUES, 3 + i, i % 2 == 0 ? "[]" : "[{'id':2,'vport':'vm1','port':'vm1'}]");
		assert_int_equal(top_rows_make(&f->rows, &f->model, &f->view), 0);
		top_view_follow(&f->view, &f->model, &f->rows);
		assert_in_range(f->view.interval_ms, 100, 10000);
	}
}

#define with_person(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		with_person(arrows_and_letters_select),
		with_person(s_goes_through_the_orders),
		with_person(a_filter_is_typed_corrected_and_forgotten),
		with_person(plus_and_minus_change_the_interval_within_bounds),
		with_person(space_stops_and_goes_on),
		with_person(m_moves_the_selected_queue_to_the_processor_that_is_typed),
		with_person(a_queue_that_goes_while_one_types_is_not_moved),
		with_person(a_refusal_is_told_with_its_reason_and_hint),
		with_person(what_was_so_already_is_told),
		with_person(v_switches_vm_queues_of_the_adapter),
		with_person(r_switches_rss_of_the_adapter),
		with_person(d_has_load_move_queues_or_leave_them),
		with_person(p_pins_the_selected_queue_and_lets_it_go),
		with_person(capital_r_switches_vrss_of_the_selected_queues_port),
		with_person(which_adapter_is_asked_where_there_are_several),
		with_person(each_key_that_changes_something_asks_what_the_schema_has),
		with_person(help_names_every_key_and_any_key_leaves_it),
		with_person(any_key_at_any_time_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
