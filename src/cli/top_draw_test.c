/* top_draw_test.c - the picture of `fairlead top`, as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/test_top.h"
#include "cli/top_draw.h"

static struct top_model model;

static int
clear(void **state)
{
	top_model_clear(&model);
	return 0;
}

/* The picture at second s, as text: freed by the caller. height 0: as high as it needs, and nobody sits before it. */
static char *
picture(struct top_view *v, double s, int width, int height, bool utf8)
{
	struct canvas c = { .utf8 = utf8, .width = width };
	struct top_rows rows = { 0 };
	struct top_picture p = { .canvas = &c,
				 .model = &model,
				 .rows = &rows,
				 .now_ns = (uint64_t)(s * SECOND),
				 .clock = "14:03:22",
				 .live = height > 0 };
	char *text;

	assert_int_equal(top_rows_make(&rows, &model, v), 0);
	top_view_follow(v, &model, &rows);
	if (height == 0)
		height = top_draw_height(&p, v);
	assert_int_equal(canvas_reset(&c, width, height), 0);
	top_draw(&p, v);
	text = text_of(&c);
	canvas_free(&c);
	top_rows_free(&rows);
	return text;
}

static void
expect(const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("got:\n%s\nwant:\n%s", got, want);
}

/*
 * 80 columns: bars of 80 x 3 / 10 - 4 = 20 characters, 5 % each: 50 % busy are 10, 25 % waiting 5, 90 % 18, 10 % 2, 30 % 6.
 */
static void
a_printed_picture_has_bars_queues_nics_totals_and_drops(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };
	char *text;

	take_small_host(&model);
	text = picture(&v, 5, 80, 0, true);
	expect(text, " hosta  wire: dynamic VMQ                                              14:03:22\n"
		     " PROCESSOR   █ busy  ▒ waiting     BUSY   WAIT  QUEUES, and their packets/s\n"
		     "  0 emu 0    ····················   0 %    0 %\n"
		     "  1 emu 1    ██████████▒▒▒▒▒·····  50 %   25 %  wire  vm1 88k\n"
		     "  2 emu 0    ██████████████████··  90 %    0 %  vm2 1.2k\n"
		     "  3 emu 1    ██▒▒················  10 %   10 %  vm4.0  vm4.1 412\n"
		     "\n"
		     " wire's NIC  ██████··············  30 %         in 1.00 Gb/s  out 40 kb/s\n"
		     " TOTAL  90k packets/s  1.00 Gb/s  12 drops/s  books balance, 3 held\n"
		     " DROPS  queue_full 12/s\n"
		     "\n"
		     " MOVES\n"
		     " 13:41:07  vm2        1 → 2   overload, 1: 97 % → 61 %, 2: 0 % → 36 %  its proc…\n");
	free(text);
}

static void
a_terminal_without_utf8_gets_ascii(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };
	char *text;

	take_small_host(&model);
	text = picture(&v, 2.5, 80, 24, false);
	for (const char *p = text; *p != '\0'; p++)
		assert_true((unsigned char)*p < 0x80);
	assert_non_null(strstr(text, "  1 emu 1    ##########+++++.....  50 %   25 %  wire  vm1 88k\n"));
	assert_non_null(strstr(text, "  2 emu 0    ##################..  90 %    0 %  vm2 <- 1 1.2k\n"));
	free(text);
}

/* It was seen to move at second 2. */
static void
a_queue_that_moved_says_for_two_seconds_where_from(void **state)
{
	static const struct {
		double s;
		const char *token;
	} rows[] = { { 2, "  vm2 ← 1 1.2k\n" }, { 3.9, "  vm2 ← 1 1.2k\n" }, { 4, "  vm2 1.2k\n" } };

	take_small_host(&model);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct top_view v = { .queue = -1, .host = "hosta" };
		char *text = picture(&v, rows[i].s, 80, 24, true);

		assert_non_null(strstr(text, rows[i].token));
		free(text);
	}
}

static void
the_smallest_terminal_shows_processors_first(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta", .interval_ms = 1000 };
	char *text;

	take_small_host(&model);
	text = picture(&v, 5, 40, 10, true);
	/* 40 x 3 / 10 - 4 = 8 characters of 12.5 %: 50 % are 4, 75 % 6, 90 % 7.2, 10 % 0.8 and so 1, 20 % 1.6 and so 2, 30 % 2.4 */
	expect(text, " hosta  +1 adapter  every 1 s  14:03:22\n"
		     " P   LOAD      BUSY QUEUES\n"
		     "> 0  ········   0 %\n"
		     "  1  ████▒▒··  50 % wire  vm1 88k\n"
		     "  2  ███████·  90 % vm2 1.2k\n"
		     "  3  █▒······  10 % vm4.0  vm4.1 412\n"
		     " NIC ██······  30 % in 1.00 Gb/s\n"
		     " TOTAL  90k packets/s  1.00 Gb/s\n"
		     " processor 0  0 packets/s  0 wake-ups/s\n"
		     " h help  q quit  s sort  / filter  p pin\n");
	free(text);
}

/* Characters, not bytes. */
static int
widest(const char *text)
{
	int most = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		char line[4096];

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		most = text_width(line) > most ? text_width(line) : most;
		text += len + (text[len] == '\n');
	}
	return most;
}

static int
lines_in(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void
no_size_is_too_small_or_odd(void **state)
{
	static const enum top_mode modes[] = { TOP_LOOK, TOP_ASK_FILTER, TOP_ASK_PROCESSOR, TOP_HELP };

	take_large_host(&model, 9, 40);
	take_small_host(&model);
	for (int width = 1; width <= 130; width += 3)
		for (int height = 1; height <= 34; height += 3)
			for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
				struct top_view v = { .queue = 3, .host = "hosta", .mode = modes[i] };
				char *text;

				if (width % 2 == 0)
					top_say(&v, TOP_REFUSED, "%s",
						"this is refused for a reason that is rather long");
				text = picture(&v, 2.5, width, height, true);
				assert_true(widest(text) <= width);
				assert_true(lines_in(text) <= height);
				free(text);
			}
}

static void
nothing_known_yet_is_a_picture_too(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };
	char *text = picture(&v, 1, 80, 24, true);

	assert_non_null(strstr(text, " no processors\n"));
	assert_non_null(strstr(text, " TOTAL  - packets/s  - b/s  - drops/s\n"));
	free(text);
}

/* The number of queues that a line shows, those behind "+" among them. */
static unsigned
queues_on_line(const char *line)
{
	unsigned n = 0, more;

	for (const char *p = line; *p != '\n' && *p != '\0'; p++) {
		if (strncmp(p, " vm", 3) == 0)
			n++;
		if (sscanf(p, " +%u", &more) == 1 && p[0] == ' ' && p[1] == '+')
			n += more;
	}
	return n;
}

/* 1024 queues on 64 processors: 16 on each, of which a line has room for some. */
static void
queues_without_room_are_counted(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };
	unsigned lines = 0;
	char *text;

	take_large_host(&model, 64, 1024);
	text = picture(&v, 5, 100, 30, true);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		if (strstr(line, "cpu") == line + 4) {
			assert_int_equal(queues_on_line(line), 16);
			lines++;
		}
	assert_true(lines >= 15);
	/* Processor 5 has queues 5, 69, ... 965; the busiest, with 9650 packets a second, is shown rather than the idlest. */
	assert_non_null(strstr(text, "vm965 9.7k"));
	assert_null(strstr(text, "vm5 "));
	free(text);
}

static void
a_selected_queue_is_shown_where_there_is_room_for_few(void **state)
{
	struct top_view v = { .queue = 5, .host = "hosta" };
	char *text;

	take_large_host(&model, 64, 1024);
	text = picture(&v, 5, 100, 30, true);
	assert_non_null(strstr(text, "  vm5 50  "));
	assert_non_null(strstr(text, " vm5  queue 5 on processor 5  50 packets/s"));
	free(text);
}

static void
rows_scroll_to_where_the_selection_is(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };

	take_large_host(&model, 64, 100);
	for (int step = 0; step < 128; step++) {
		char *text, mark[16];

		v.processor = (unsigned)(step < 64 ? step : 127 - step);
		snprintf(mark, sizeof(mark), ">%2u cpu", v.processor);
		text = picture(&v, 5, 80, 24, true);
		assert_non_null(strstr(text, mark));
		free(text);
	}
}

/* With room, the queues of a processor go on below it. */
static void
a_high_terminal_shows_all_queues(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };
	char *text;

	take_large_host(&model, 2, 40);
	text = picture(&v, 5, 80, 40, true);
	for (unsigned i = 0; i < 40; i++) {
		char name[16];

		snprintf(name, sizeof(name), " vm%u%s", i, i == 0 ? "" : " ");
		assert_non_null(strstr(text, name));
	}
	assert_null(strstr(text, "  +"));
	free(text);
	text = picture(&v, 5, 80, 0, true);
	assert_null(strstr(text, "  +"));
	free(text);
}

static void
a_processor_does_the_work_of_an_inline_front_end_and_a_link_may_be_down(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };
	char *text;

	take(&model, TOP_PROCESSORS, 1, "[{'id':0}]");
	take(&model, TOP_ADAPTERS, 1,
	     "[{'name':'a','mode':'none','state':'up'},{'name':'b','mode':'rss','state':'down'}]");
	take(&model, TOP_ADAPTER, 1, "{'name':'a','front_end_thread':false,'front_end_percent':null}");
	text = picture(&v, 5, 100, 0, true);
	assert_non_null(strstr(text, " a's NIC   (a processor's work)"));
	assert_non_null(strstr(text, " b's NIC   its link is down"));
	assert_non_null(strstr(text, " hosta  a: none  b: RSS off"));
	free(text);
	take(&model, TOP_RSS, 1, "[{'adapter':'b','enabled':true,'operational':true,'profile':'numa-static'}]");
	text = picture(&v, 5, 100, 0, true);
	assert_non_null(strstr(text, "  b: RSS numa-static"));
	free(text);
	take(&model, TOP_RSS, 1, "[{'adapter':'b','enabled':true,'operational':false,'profile':'numa-static'}]");
	text = picture(&v, 5, 100, 0, true);
	assert_non_null(strstr(text, "  b: RSS not operational"));
	free(text);
}

static void
moves_are_told_with_their_reasons_the_last_one_first(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };
	char *text;

	take_small_host(&model);
	take(&model, TOP_MOVES, 3,
	     "[{'serial':8,'at':'2026-11-24T13:41:09Z','port':'vm4','queue':5,'index':1,'from':3,'to':10,'why':'by-"
	     "hand',"
	     "'means':'it was moved by hand'},"
	     "{'serial':9,'at':'2026-11-24T13:41:10Z','port':'gone','queue':77,'index':2,'from':3,'to':3,"
	     "'why':'unsplittable','means':'it is too much','from_before':100}]");
	text = picture(&v, 5, 100, 0, true);
	assert_non_null(
		strstr(text,
		       " MOVES\n"
		       " 13:41:10  gone.2    stays on 3  unsplittable  it is too much\n"
		       " 13:41:09  vm4.1      3 → 10  by-hand  it was moved by hand\n"
		       " 13:41:07  vm2        1 → 2   overload, 1: 97 % → 61 %, 2: 0 % → 36 %  its processor had "));
	free(text);
}

static void
adapters_without_room_are_counted_and_traffic_is_told_in_full_where_there_is_room(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };
	char *text;

	take_small_host(&model);
	take(&model, TOP_ADAPTERS, 3,
	     "[{'name':'wire','mode':'vmq','state':'up','queues':8,'queues_used':3,'rx_packets':89612,'rx_bytes':"
	     "125000000,"
	     "'tx_packets':50,'tx_bytes':5000},{'name':'store1','mode':'rss','state':'up'},"
	     "{'name':'store2','mode':'rss','state':'up'}]");
	text = picture(&v, 5, 60, 0, true);
	assert_non_null(strstr(text, " hosta  wire: dynamic VMQ  +2 adapters  "));
	free(text);
	text = picture(&v, 5, 140, 0, true);
	assert_non_null(strstr(text, " hosta  wire: dynamic VMQ  store1: RSS off  store2: RSS off  "));
	assert_non_null(strstr(text, " in 0/s 0 b/s  out 0/s 0 b/s  dynamic VMQ, 3 of 8 queues\n"));
	free(text);
}

static void
books_that_do_not_balance_cry(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };
	char *text;

	take_small_host(&model);
	take(&model, TOP_BOOKS, 3, "{'offered':9,'delivered':6,'dropped':0,'held':0,'balanced':false}");
	text = picture(&v, 5, 100, 0, true);
	assert_non_null(strstr(text, "THE BOOKS DO NOT BALANCE"));
	free(text);
}

static void
a_long_refusal_is_broken_between_words(void **state)
{
	struct top_view v = { .queue = -1, .host = "hosta" };
	char *text;

	take_small_host(&model);
	top_say(&v, TOP_REFUSED, "queue 2 (vm1) unchanged: no processor 9; the host has processors 0 to 3");
	text = picture(&v, 5, 50, 24, true);
	assert_non_null(strstr(text, "\n queue 2 (vm1) unchanged: no processor 9; the\n host has processors 0 to 3\n"));
	free(text);
}

static void
numbers_have_three_digits_at_most(void **state)
{
	static const struct {
		double n;
		const char *text;
	} rows[] = {
		{ -1, "-" },        { 0, "0" },         { 0.4, "<1" },     { 1, "1" },      { 999, "999" },
		{ 999.5, "1.0k" },  { 1234, "1.2k" },   { 9949, "9.9k" },  { 9950, "10k" }, { 99999, "100k" },
		{ 999499, "999k" }, { 999500, "1.0M" }, { 4.5e9, "4.5G" },
	};
	static const struct {
		double n;
		const char *text;
	} bits[] = {
		{ -1, "- b/s" },         { 0, "0 b/s" },           { 999, "999 b/s" },   { 1500, "2 kb/s" },
		{ 999.5e3, "1.0 Mb/s" }, { 12.34e6, "12.3 Mb/s" }, { 1e9, "1.00 Gb/s" }, { 999.95e6, "1.00 Gb/s" },
	};
	char out[TOP_NUMBER_LEN];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(top_short(rows[i].n, out), rows[i].text);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		assert_string_equal(top_bits(bits[i].n, out), bits[i].text);
}

/* ---- the canvas ---- */

static void
a_canvas_cuts_what_is_beyond_its_edges(void **state)
{
	struct canvas c = { .utf8 = true };
	char *text;

	assert_int_equal(canvas_reset(&c, 5, 2), 0);
	assert_int_equal(canvas_put(&c, 0, 3, STYLE_PLAIN, "abc"), 6);
	assert_int_equal(canvas_put(&c, 1, -1, STYLE_PLAIN, "x█y"), 2);
	canvas_put(&c, 2, 0, STYLE_PLAIN, "below");
	canvas_put(&c, -1, 0, STYLE_PLAIN, "above");
	assert_int_equal(canvas_fit(&c, 1, 3, STYLE_PLAIN, "%s", "ab"), 5);
	assert_int_equal(canvas_fit(&c, 1, 3, STYLE_PLAIN, "%s", "abc"), 5);   /* left out */
	assert_int_equal(canvas_fit(&c, 0, 0, STYLE_PLAIN, "%s", "ab   "), 5); /* blanks may go */
	text = text_of(&c);
	expect(text, "ab\n█y ab\n");
	free(text);
	canvas_free(&c);
}

static void
a_text_is_broken_between_words_where_there_are_any(void **state)
{
	static const struct {
		int width, lines;
		const char *text, *want;
	} rows[] = {
		{ 12, 9, "one two three", " one two\n three\n" },
		{ 7, 9, "abcdefgh", " abcde\n fgh\n" },
		{ 12, 1, "one two three", " one two\n" },
		{ 20, 9, "one", " one\n" },
		{ 5, 9, "one two", " one\n two\n" },
		{ 1, 9, "ab", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct canvas c = { 0 };
		char *text;
		int n;

		assert_int_equal(canvas_reset(&c, rows[i].width, 9), 0);
		n = canvas_wrap(&c, 0, rows[i].lines, rows[i].width, STYLE_PLAIN, rows[i].text);
		assert_int_equal(n, canvas_wrap(NULL, 0, rows[i].lines, rows[i].width, STYLE_PLAIN, rows[i].text));
		text = text_of(&c);
		expect(text, rows[i].want);
		free(text);
		canvas_free(&c);
	}
}

#define with_model(test) cmocka_unit_test_teardown(test, clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		with_model(a_printed_picture_has_bars_queues_nics_totals_and_drops),
		with_model(a_terminal_without_utf8_gets_ascii),
		with_model(a_queue_that_moved_says_for_two_seconds_where_from),
		with_model(the_smallest_terminal_shows_processors_first),
		with_model(no_size_is_too_small_or_odd),
		with_model(nothing_known_yet_is_a_picture_too),
		with_model(queues_without_room_are_counted),
		with_model(a_selected_queue_is_shown_where_there_is_room_for_few),
		with_model(rows_scroll_to_where_the_selection_is),
		with_model(a_high_terminal_shows_all_queues),
		with_model(a_processor_does_the_work_of_an_inline_front_end_and_a_link_may_be_down),
		with_model(moves_are_told_with_their_reasons_the_last_one_first),
		with_model(adapters_without_room_are_counted_and_traffic_is_told_in_full_where_there_is_room),
		with_model(books_that_do_not_balance_cry),
		with_model(a_long_refusal_is_broken_between_words),
		cmocka_unit_test(numbers_have_three_digits_at_most),
		cmocka_unit_test(a_canvas_cuts_what_is_beyond_its_edges),
		cmocka_unit_test(a_text_is_broken_between_words_where_there_are_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
