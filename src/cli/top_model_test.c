/* top_model_test.c - what `fairlead top` makes of a daemon's answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/test_top.h"
#include "ctl/schema.h"

static int
start(void **state)
{
	*state = calloc(1, sizeof(struct top_model));
	return *state == NULL;
}

static int
stop(void **state)
{
	top_model_clear(*state);
	free(*state);
	return 0;
}

/* (3000 - 1000) / 2 s, (700 - 200) / 2 s. */
static void
a_rate_is_the_growth_of_a_counter_over_the_time_between(void **state)
{
	struct top_model *m = *state;

	take(m, TOP_PROCESSORS, 1, "[{'id':0,'packets':1000,'wakeups':200}]");
	assert_true(m->processors[0].packets.per_s < 0);
	take(m, TOP_PROCESSORS, 3, "[{'id':0,'packets':3000,'wakeups':700}]");
	assert_true(m->processors[0].packets.per_s == 1000);
	assert_true(m->processors[0].wakeups.per_s == 250);
	assert_int_equal(m->processors[0].packets.count, 3000);
}

static void
a_daemon_that_began_anew_has_no_rates_at_first(void **state)
{
	struct top_model *m = *state;

	take(m, TOP_PROCESSORS, 1, "[{'id':0,'packets':1000}]");
	take(m, TOP_PROCESSORS, 2, "[{'id':0,'packets':10}]");
	assert_true(m->processors[0].packets.per_s < 0);
	take(m, TOP_PROCESSORS, 3, "[{'id':0,'packets':30}]");
	assert_true(m->processors[0].packets.per_s == 20);
}

/* Queue 2 was vm1's, and is another port's now: its counters are another's. */
static void
a_number_that_came_to_another_port_begins_anew(void **state)
{
	struct top_model *m = *state;

	take(m, TOP_QUEUES, 1, "[{'id':2,'vport':'vm1','index':0,'processor':1,'packets':10}]");
	take(m, TOP_QUEUES, 2, "[{'id':2,'vport':'vm9','index':0,'processor':3,'packets':500}]");
	assert_true(m->queues[0].packets.per_s < 0);
	assert_int_equal(m->queues[0].from, -1);
}

static void
a_queue_that_moved_is_known_with_the_place_that_it_left(void **state)
{
	struct top_model *m = *state;

	take(m, TOP_QUEUES, 1, "[{'id':2,'vport':'vm1','processor':1},{'id':7,'vport':'vm2','processor':null}]");
	take(m, TOP_QUEUES, 2, "[{'id':2,'vport':'vm1','processor':4},{'id':7,'vport':'vm2','processor':0}]");
	assert_int_equal(m->queues[0].from, 1);
	assert_int_equal(m->queues[0].moved_ns, 2 * SECOND);
	assert_int_equal(m->queues[1].from, -1); /* it stood nowhere before */
	take(m, TOP_QUEUES, 3, "[{'id':2,'vport':'vm1','processor':4}]");
	assert_int_equal(m->queues[0].from, 1);
	assert_int_equal(m->queues[0].moved_ns, 2 * SECOND);
}

static void
only_a_queue_among_several_says_which_it_is(void **state)
{
	struct top_model *m = *state;

	take(m, TOP_QUEUES, 1,
	     "[{'id':0,'vport':'wire','index':0},{'id':1,'vport':'vm1','index':0},{'id':2,'vport':'vm4','index':0},"
	     "{'id':3,'vport':'vm2','index':0},{'id':4,'vport':'vm4','index':1},{'id':5,'vport':'vm4','index':2}]");
	assert_string_equal(m->queues[0].name, "wire");
	assert_string_equal(m->queues[1].name, "vm1");
	assert_string_equal(m->queues[2].name, "vm4.0");
	assert_string_equal(m->queues[3].name, "vm2");
	assert_string_equal(m->queues[4].name, "vm4.1");
	assert_string_equal(m->queues[5].name, "vm4.2");
}

/* queue_full: 3 + 4 = 7, then 3 + 14 = 17 a second later. runt was not there before: it had not happened. */
static void
drops_are_summed_over_ports_by_reason(void **state)
{
	struct top_model *m = *state;

	take(m, TOP_DROPS, 1,
	     "[{'port':'vm1','reason':'queue_full','count':3},{'port':'vm2','reason':'queue_full','count':4}]");
	assert_int_equal(m->n_drops, 1);
	assert_int_equal(m->drops[0].packets.count, 7);
	assert_true(m->drops[0].packets.per_s < 0);
	take(m, TOP_DROPS, 2,
	     "[{'port':'vm1','reason':'queue_full','count':3},{'port':'vm2','reason':'queue_full','count':14},"
	     "{'port':'vm2','reason':'runt','count':5}]");
	assert_true(m->drops[0].packets.per_s == 10);
	assert_true(m->drops[1].packets.per_s == 5);
	assert_true(top_model_totals(m).drops_s == 15);
}

/* Packets: 88000 + 1200 + 412. Bits: 8 x 125000000. */
static void
totals_are_those_of_all_queues(void **state)
{
	struct top_model *m = *state;
	struct top_totals t = top_model_totals(m);

	assert_true(t.packets_s < 0 && t.bits_s < 0 && t.drops_s < 0);
	take_small_host(m);
	t = top_model_totals(m);
	assert_true(t.packets_s == 89612);
	assert_true(t.bits_s == 1e9);
	assert_true(t.drops_s == 12);
}

static void
a_queue_has_the_adapter_of_its_ports_switch(void **state)
{
	struct top_model *m = *state;

	take_small_host(m);
	assert_ptr_equal(top_model_adapter_of(m, top_model_queue(m, 0)), &m->adapters[0]); /* its own */
	assert_ptr_equal(top_model_adapter_of(m, top_model_queue(m, 3)), &m->adapters[0]);
	take(m, TOP_PORTS, 3, "[{'name':'vm2','switch':'private'}]");
	assert_null(top_model_adapter_of(m, top_model_queue(m, 3)));
	assert_null(top_model_queue(m, 1));
	assert_null(top_model_queue(m, 99));
}

static void
the_front_end_of_an_adapter_stays_known_between_answers(void **state)
{
	struct top_model *m = *state;

	take(m, TOP_ADAPTERS, 1, "[{'name':'a','mode':'none'},{'name':'b','mode':'none'}]");
	assert_true(m->adapters[0].front_end < 0);
	take(m, TOP_ADAPTER, 1, "{'name':'b','front_end_thread':true,'front_end_percent':12,'dynamic':true}");
	take(m, TOP_ADAPTER, 1, "{'name':'gone','front_end_thread':true,'front_end_percent':99}");
	take(m, TOP_ADAPTERS, 2, "[{'name':'b','mode':'vmq'},{'name':'a','mode':'none'}]");
	assert_true(m->adapters[0].front_end == 12 && m->adapters[0].dynamic);
	assert_true(m->adapters[1].front_end < 0);
	take(m, TOP_ADAPTER, 3, "{'name':'b','front_end_thread':false,'front_end_percent':null}");
	assert_true(m->adapters[0].front_end < 0);
}

/* 40 events, of which 32 are kept: 9 to 40. */
static void
the_last_moves_are_kept_and_the_next_ones_asked_for(void **state)
{
	struct top_model *m = *state;

	assert_int_equal(top_model_last_move(m), 0);
	for (int i = 1; i <= 40; i += 2) {
		char events[128];

		snprintf(events, sizeof(events),
			 "[{'serial':%d,'port':'vm1','to':1},{'serial':%d,'port':'vm1','index':1,'to':1}]", i, i + 1);
		take(m, TOP_MOVES, i, events);
		assert_int_equal(top_model_last_move(m), i + 1);
	}
	assert_int_equal(m->n_moves, TOP_MOVES_KEPT);
	assert_int_equal(m->moves[0].serial, 9);
	assert_string_equal(m->moves[0].name, "vm1");
	assert_string_equal(m->moves[31].name, "vm1.1");
	take(m, TOP_MOVES, 50, "[]");
	assert_int_equal(top_model_last_move(m), 40);
}

/* Serial 1 is told again by 3; what moved, and what another queue could not, stays. */
static void
a_queue_that_cannot_be_helped_is_told_once(void **state)
{
	struct top_model *m = *state;

	take(m, TOP_MOVES, 1,
	     "[{'serial':1,'port':'vm1','from':2,'to':2},{'serial':2,'port':'vm1','from':1,'to':2},"
	     "{'serial':3,'port':'vm1','from':2,'to':2},{'serial':4,'port':'vm2','from':2,'to':2}]");
	assert_int_equal(m->n_moves, 3);
	assert_int_equal(m->moves[0].serial, 2);
	assert_int_equal(m->moves[1].serial, 3);
	assert_int_equal(m->moves[2].serial, 4);
}

static void
names_from_a_daemon_cannot_steer_the_terminal(void **state)
{
	struct top_model *m = *state;

	take(m, TOP_QUEUES, 1, "[{'id':0,'vport':'\\u001b[2Jx\\u00e9','port':'a\\nb'}]");
	assert_string_equal(m->queues[0].name, "?[2Jx??");
	assert_string_equal(m->queues[0].port, "a?b");
	take(m, TOP_DROPS, 1, "[{'reason':'\\u0007x','count':1}]");
	assert_string_equal(m->drops[0].reason, "?x");
}

/* Under the sanitizers, too: nothing is read that is not there. */
static void
odd_answers_make_an_odd_model_and_harm_nobody(void **state)
{
	static const char *const odd[] = {
		"null",
		"true",
		"7",
		"'x'",
		"{}",
		"[]",
		"[null]",
		"[[]]",
		"[7, 'x', {}]",
		"[{'id':-1,'processor':-9}]",
		"[{'id':{},'name':[],'vport':7,'port':{},'packets':'x','index':-3}]",
		"[{'id':9,'vport':'a','index':1},{'id':3,'vport':'a','index':1},{'id':3,'vport':'a','index':1}]",
		"[{'id':9223372036854775807,'index':9223372036854775807,'packets':9223372036854775807}]",
		"[{'id':0,'busy_percent':1e300,'waiting_percent':-1e300,'front_end_percent':1e300}]",
	};
	struct top_model *m = *state;

	for (int s = 1; s <= 3; s++)
		for (enum top_part part = 0; part < TOP_PARTS; part++)
			for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
				struct top_view v = { .queue = 3 };
				struct top_rows rows = { 0 };
				json_t *all;

				take(m, part, s, odd[i]);
				assert_int_equal(top_rows_make(&rows, m, &v), 0);
				top_view_follow(&v, m, &rows);
				top_rows_free(&rows);
				top_model_totals(m);
				all = top_model_json(m, "h");
				assert_non_null(all);
				json_decref(all);
			}
}

static void
expect_keys(const struct schema_key *keys, const json_t *object)
{
	size_t n = 0;

	for (; keys[n].name != NULL; n++) {
		const json_t *value = json_object_get(object, keys[n].name);

		if (value == NULL)
			fail_msg("no key %s", keys[n].name);
		if (keys[n].of == NULL)
			continue;
		assert_true(json_array_size(value) > 0);
		expect_keys(keys[n].of->keys, json_array_get(value, 0));
	}
	assert_int_equal(json_object_size(object), n);
}

static void
as_json_it_has_the_keys_that_the_schema_promises(void **state)
{
	struct top_model *m = *state;
	json_t *all, *queue;

	take_small_host(m);
	all = top_model_json(m, "hosta");
	expect_keys(schema_method_find("top", NULL)->columns, all);
	assert_string_equal(json_string_value(json_object_get(all, "host")), "hosta");
	assert_int_equal(json_integer_value(json_object_get(all, "packets_s")), 89612);
	queue = json_array_get(json_object_get(all, "queues"), 4);
	assert_string_equal(json_string_value(json_object_get(queue, "name")), "vm4.1");
	assert_int_equal(json_integer_value(json_object_get(queue, "packets_s")), 412);
	assert_int_equal(json_integer_value(
				 json_array_get(json_object_get(json_array_get(json_object_get(all, "processors"), 3),
								"queues"),
						1)),
			 5);
	json_decref(all);
}

/* ---- the view ---- */

static void
processors_are_sorted_by_number_load_or_packets(void **state)
{
	static const struct {
		enum top_sort sort;
		unsigned order[4];
	} rows[] = {
		{ TOP_BY_NUMBER, { 0, 1, 2, 3 } },
		{ TOP_BY_BUSY, { 2, 1, 3, 0 } },    /* 90, 50 + 25, 10 + 10, 0 */
		{ TOP_BY_PACKETS, { 1, 2, 3, 0 } }, /* 88000, 1200, 412, 0 */
	};
	struct top_model *m = *state;

	take_small_host(m);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct top_view v = { .sort = rows[i].sort };
		struct top_rows r = { 0 };

		assert_int_equal(top_rows_make(&r, m, &v), 0);
		assert_int_equal(r.n_rows, 4);
		for (unsigned k = 0; k < 4; k++)
			assert_int_equal(r.row[k].processor->id, rows[i].order[k]);
		top_rows_free(&r);
	}
}

static void
a_filter_leaves_queues_with_that_in_their_names_and_their_processors(void **state)
{
	struct top_model *m = *state;
	struct top_view v = { .filter = "vm4" };
	struct top_rows r = { 0 };

	take_small_host(m);
	assert_int_equal(top_rows_make(&r, m, &v), 0);
	assert_int_equal(r.n_rows, 1);
	assert_int_equal(r.row[0].processor->id, 3);
	assert_int_equal(r.row[0].n_queues, 2);
	strcpy(v.filter, "nobody");
	assert_int_equal(top_rows_make(&r, m, &v), 0);
	assert_int_equal(r.n_rows, 0);
	top_view_walk(&v, &r, 1, 1);
	top_rows_free(&r);
}

static void
the_selection_walks_and_stays_within_the_picture(void **state)
{
	static const struct {
		int dy, dx;
		unsigned processor;
		int queue;
	} steps[] = {
		{ -1, 0, 0, -1 }, { 0, 1, 0, -1 }, /* no queue stands there */
		{ 1, 0, 1, -1 },  { 0, 1, 1, 0 },   { 0, 1, 1, 2 },
		{ 0, 1, 1, 2 },   { 1, 0, 2, 3 }, /* its only one */
		{ 1, 0, 3, 4 },   { 9, 0, 3, 4 },   { 0, -1, 3, -1 },
		{ 0, -1, 3, -1 }, { -9, 0, 0, -1 },
	};
	struct top_model *m = *state;
	struct top_view v = { .queue = -1 };
	struct top_rows r = { 0 };

	take_small_host(m);
	assert_int_equal(top_rows_make(&r, m, &v), 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		top_view_walk(&v, &r, steps[i].dy, steps[i].dx);
		assert_int_equal(v.processor, steps[i].processor);
		assert_int_equal(v.queue, steps[i].queue);
	}
	top_rows_free(&r);
}

static void
the_selection_follows_a_queue_and_leaves_one_that_is_gone(void **state)
{
	struct top_model *m = *state;
	struct top_view v = { .queue = 3, .processor = 1 };
	struct top_rows r = { 0 };

	take_small_host(m);
	assert_int_equal(top_rows_make(&r, m, &v), 0);
	top_view_follow(&v, m, &r);
	assert_int_equal(v.processor, 2);
	assert_int_equal(v.queue, 3);
	take(m, TOP_QUEUES, 3, "[]");
	assert_int_equal(top_rows_make(&r, m, &v), 0);
	top_view_follow(&v, m, &r);
	assert_int_equal(v.processor, 2);
	assert_int_equal(v.queue, -1);
	take(m, TOP_PROCESSORS, 3, "[{'id':5}]");
	assert_int_equal(top_rows_make(&r, m, &v), 0);
	top_view_follow(&v, m, &r);
	assert_int_equal(v.processor, 5);
	top_rows_free(&r);
}

#define with_model(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		with_model(a_rate_is_the_growth_of_a_counter_over_the_time_between),
		with_model(a_daemon_that_began_anew_has_no_rates_at_first),
		with_model(a_number_that_came_to_another_port_begins_anew),
		with_model(a_queue_that_moved_is_known_with_the_place_that_it_left),
		with_model(only_a_queue_among_several_says_which_it_is),
		with_model(drops_are_summed_over_ports_by_reason),
		with_model(totals_are_those_of_all_queues),
		with_model(a_queue_has_the_adapter_of_its_ports_switch),
		with_model(the_front_end_of_an_adapter_stays_known_between_answers),
		with_model(the_last_moves_are_kept_and_the_next_ones_asked_for),
		with_model(a_queue_that_cannot_be_helped_is_told_once),
		with_model(names_from_a_daemon_cannot_steer_the_terminal),
		with_model(odd_answers_make_an_odd_model_and_harm_nobody),
		with_model(as_json_it_has_the_keys_that_the_schema_promises),
		with_model(processors_are_sorted_by_number_load_or_packets),
		with_model(a_filter_leaves_queues_with_that_in_their_names_and_their_processors),
		with_model(the_selection_walks_and_stays_within_the_picture),
		with_model(the_selection_follows_a_queue_and_leaves_one_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
