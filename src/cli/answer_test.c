/* answer_test.c - what people see: tables, lines, bars, help, completion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/answer.h"
#include "cli/completion.h"
#include "cli/help.h"

static const struct table_style ascii = { .utf8 = false };

/* What method's result looks like; caller frees. */
static char *
shown_in(const struct table_style *style, const char *method, const char *params, const char *result)
{
	json_t *p = json_loads(params, 0, NULL), *r = json_loads(result, 0, NULL);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(r);
	answer_print(out, schema_method_by_name(method), p, r, style);
	fclose(out);
	json_decref(p);
	json_decref(r);
	return text;
}

static char *
shown(const char *method, const char *params, const char *result)
{
	return shown_in(&ascii, method, params, result);
}

/* On a terminal of so many columns. */
static void
expect_within(int width, const char *method, const char *result, const char *want)
{
	const struct table_style style = { .width = width };
	char *text = shown_in(&style, method, "{}", result);

	assert_string_equal(text, want);
	free(text);
}

static void
expect(const char *method, const char *params, const char *result, const char *want)
{
	char *text = shown(method, params, result);

	assert_string_equal(text, want);
	free(text);
}

static void
numbers_get_a_comma_before_each_three_digits(void **state)
{
	static const struct {
		long long n;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1,000" },
		{ 9881020, "9,881,020" },
		{ -1000, "-1,000" },
		{ INT64_MAX, "9,223,372,036,854,775,807" },
		{ INT64_MIN, "-9,223,372,036,854,775,808" },
	};
	char out[CELL_LEN];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(table_number(rows[i].n, out), rows[i].text);
}

/* 20 cells of 5 %: half a cell and more counts. */
static void
a_bar_shows_busy_waiting_and_idle(void **state)
{
	char out[CELL_LEN];

	assert_string_equal(table_bar(0, 0, false, out), "....................");
	assert_string_equal(table_bar(100, 0, false, out), "####################");
	assert_string_equal(table_bar(50, 25, false, out), "##########+++++.....");
	assert_string_equal(table_bar(2, 0, false, out), "....................");
	assert_string_equal(table_bar(2.5, 0, false, out), "#...................");
	assert_string_equal(table_bar(90, 90, false, out), "##################++");
	assert_string_equal(table_bar(-1, 400, false, out), "++++++++++++++++++++");
	assert_string_equal(table_bar(10, 10, true, out), "██▒▒················");
}

static void
a_list_is_an_aligned_table_and_numbers_stand_right(void **state)
{
	expect("drops", "{}",
	       "[{\"port\":\"vm1\",\"reason\":\"spoofed\",\"count\":12345,\"means\":\"source address is not the port's "
	       "own\"},"
	       "{\"port\":\"uplink\",\"reason\":\"runt\",\"count\":0,\"means\":\"short\"}]",
	       "PORT    REASON    COUNT  MEANS\n"
	       "vm1     spoofed  12,345  source address is not the port's own\n"
	       "uplink  runt          0  short\n");
	expect("drops", "{}", "[]", "PORT  REASON  COUNT  MEANS\n");
}

/* ID, CPU, NUMA and EMULATED take 2+2+3+2+4+2+8 = 23 characters, BUSY would be 2+4 more. */
static void
a_table_wider_than_the_line_goes_on_below_behind_its_first_column(void **state)
{
	expect_within(28, "processor.list",
		      "[{\"id\":0,\"cpu\":1,\"numa\":0,\"emulated\":true,\"busy_percent\":50,\"waiting_percent\":0,"
		      "\"idle_percent\":50,\"queues\":[0],\"wakeups\":1,\"packets\":2}]",
		      "ID  CPU  NUMA  EMULATED\n"
		      " 0    1     0  on\n"
		      "\n"
		      "ID  BUSY  WAITING  IDLE\n"
		      " 0  50 %      0 %  50 %\n"
		      "\n"
		      "ID  QUEUES  WAKEUPS\n"
		      " 0  0             1\n"
		      "\n"
		      "ID  PACKETS  LOAD\n"
		      " 0        2  ##########..........\n");
	/* The reasons in words stand behind their names, however long they are. */
	expect_within(28, "drops", "[{\"port\":\"vm1\",\"reason\":\"spoofed\",\"count\":1,\"means\":\"a long text\"}]",
		      "PORT  REASON   COUNT  MEANS\n"
		      "vm1   spoofed      1  a long text\n");
	expect_within(1, "vmq.list",
		      "[{\"queue\":1,\"port\":null,\"mac\":null,\"vlan\":2,\"processor\":3,\"dynamic\":false}]",
		      "QUEUE\n    1\n\nQUEUE  PORT\n    1  -\n\nQUEUE  MAC\n    1  -\n\nQUEUE  VLAN\n    1     2\n\n"
		      "QUEUE  PROCESSOR\n    1          3\n\nQUEUE  DYNAMIC\n    1  off\n");
}

/* 24 characters hold 11 numbers of one digit and ",..", since 11 + 10 + 3 = 24. */
static void
a_long_list_is_cut_in_a_table_and_whole_among_lines(void **state)
{
	expect("processor.show", "{}", "{\"queues\":[1,2,3,4,5,6,7,8,9,1,2,3,4]}",
	       "id: -\ncpu: -\nnuma: -\nemulated: -\nbusy: -\nwaiting: -\nidle: -\n"
	       "queues: 1,2,3,4,5,6,7,8,9,1,2,3,4\nwakeups: -\npackets: -\nwakeups_per_second: -\npackets_per_wakeup: "
	       "-\nload: ....................\n");
	expect_within(0, "processor.list",
		      "[{\"id\":0,\"queues\":[1,2,3,4,5,6,7,8,9,1,2,3]},{\"id\":1,\"queues\":[1,2,3,4,5,6,7,8,9,1,2,3,"
		      "4]}]",
		      "ID  CPU  NUMA  EMULATED  BUSY  WAITING  IDLE  QUEUES                    WAKEUPS  PACKETS  LOAD\n"
		      " 0    -     -  -            -        -     -  1,2,3,4,5,6,7,8,9,1,2,3         -        -  "
		      "....................\n"
		      " 1    -     -  -            -        -     -  1,2,3,4,5,6,7,8,9,1,2,..        -        -  "
		      "....................\n");
}

static void
a_unit_is_not_said_twice_and_one_is_one(void **state)
{
	expect("queue.show", "{}", "{\"id\":1,\"packets\":1,\"bytes\":60,\"drops\":1,\"moved\":1,\"interrupts\":2}",
	       "id: 1\nvport: -\nport: -\nindex: -\nprocessor: -\nstate: -\nbusy: -\npackets: 1\nbytes: 60\n"
	       "drops: 1 packet\nmoved: 1 time\ninterrupts: 2 times\npinned: -\npackets_per_interrupt: "
	       "-\nguest_interrupts: -\n");
}

static void
what_is_not_there_is_a_dash_and_identifiers_have_no_commas(void **state)
{
	expect("vmq.list", "{}",
	       "[{\"queue\":1024,\"port\":null,\"mac\":null,\"vlan\":4094,\"processor\":1,\"dynamic\":false}]",
	       "QUEUE  PORT  MAC  VLAN  PROCESSOR  DYNAMIC\n"
	       " 1024  -     -    4094          1  off\n");
}

static void
processors_have_units_lists_and_a_bar(void **state)
{
	expect("processor.list", "{}",
	       "[{\"id\":0,\"cpu\":1,\"numa\":0,\"emulated\":true,\"busy_percent\":97.5,\"waiting_percent\":2,"
	       "\"idle_percent\":0,\"queues\":[0,2,3],\"wakeups\":1200,\"packets\":9881020}]",
	       "ID  CPU  NUMA  EMULATED    BUSY  WAITING  IDLE  QUEUES  WAKEUPS    PACKETS  LOAD\n"
	       " 0    1     0  on        97.5 %      2 %   0 %  0,2,3     1,200  9,881,020  ####################\n");
}

static void
an_object_is_lines_and_its_lists_are_tables(void **state)
{
	expect("switch.show", "{}",
	       "{\"name\":\"ext\",\"kind\":\"external\",\"uplink\":\"wire\",\"ports\":4,\"fdb_used\":1,\"fdb_entries\":"
	       "8192,"
	       "\"fdb_full\":0,\"ageing_s\":300,\"fdb\":[{\"mac\":\"02:f1:00:00:00:01\",\"vlan\":10,\"port\":\"vm1\","
	       "\"static\":false,\"age_s\":12}]}",
	       "name: ext\nkind: external\nuplink: wire\nports: 4\nfdb_used: 1 entry\nfdb_entries: 8,192\n"
	       "fdb_full: 0 times\nageing: 300 s\n\n"
	       "MAC                VLAN  PORT  STATIC   AGE\n"
	       "02:f1:00:00:00:01    10  vm1   off     12 s\n");
}

static void
an_object_in_an_object_is_indented_and_null_is_silent(void **state)
{
	char *text = shown("port.show", "{\"port\": \"vm1\"}",
			   "{\"name\": \"vm1\", \"guest\": {\"socket\": \"/run/vm1.sock\", \"memory\": 4194304, "
			   "\"features\": [\"MQ\", \"EVENT_IDX\"], \"fault\": null}}");

	assert_non_null(strstr(text, "\nguest:\n  socket: /run/vm1.sock\n"));
	assert_non_null(strstr(text, "\n  features: MQ,EVENT_IDX\n"));
	assert_non_null(strstr(text, "\n  memory: 4,194,304 bytes\n"));
	assert_non_null(strstr(text, "\n  fault: -\n"));
	free(text);
	text = shown("port.show", "{\"port\": \"vm1\"}", "{\"name\": \"vm1\", \"guest\": null}");
	assert_null(strstr(text, "guest"));
	free(text);
}

static void
options_for_qemu_are_printed_as_they_are(void **state)
{
	expect("port.qemu-args", "{\"port\": \"vm1\"}",
	       "{\"port\": \"vm1\", \"text\": \"-m 64M \\\\\\n-netdev x\\n\", \"args\": [\"-m\", \"64M\"]}",
	       "-m 64M \\\n-netdev x\n");
}

static void
a_change_says_whether_anything_changed(void **state)
{
	expect("port.set", "{\"port\":\"vm1\"}", "{\"port\":\"vm1\",\"changed\":true}", "port vm1 changed\n");
	expect("port.set", "{\"port\":\"vm1\"}", "{\"port\":\"vm1\",\"changed\":false}",
	       "port vm1 unchanged: it was so already\n");
	expect("vrss.set", "{\"port\":\"vm1\"}", "{\"port\":\"vm1\",\"changed\":true,\"made_anew\":false}",
	       "vrss vm1 changed\n");
	expect("vrss.set", "{\"port\":\"vm1\"}", "{\"port\":\"vm1\",\"changed\":true,\"made_anew\":true}",
	       "vrss vm1 changed, and made anew: its guest has to connect again\n");
	expect("queue.move", "{\"queue\":3}", "{\"queue\":3,\"processor\":1,\"changed\":true}", "queue 3 changed\n");
	expect("config.save", "{}", "{\"file\":\"/etc/f.yaml\",\"changed\":true}", "/etc/f.yaml: written\n");
	expect("config.apply", "{\"file\":\"f.yaml\"}",
	       "{\"changed\":true,\"steps\":[\"port vm4 added\",\"port vm2 removed\"],\"confirm_s\":60}",
	       "port vm4 added\nport vm2 removed\n"
	       "taken back in 60 s unless confirmed: fairlead config apply f.yaml\n");
	expect("config.apply", "{\"file\":\"f.yaml\"}", "{\"changed\":false,\"steps\":[],\"confirm_s\":0}",
	       "nothing to change: the daemon runs with f.yaml already\n");
}

static void
the_running_configuration_is_yaml_and_drift_a_comment(void **state)
{
	expect("config.show", "{}",
	       "{\"text\":\"version: 1\\n\",\"file\":\"f\",\"drift\":[\"port vm1: vlan.id is 10, in the file 20\"]}",
	       "version: 1\n# port vm1: vlan.id is 10, in the file 20\n");
	expect("config.show", "{}", "{\"text\":\"version: 1\\n\",\"file\":\"f\",\"drift\":[],\"confirm_s\":7}",
	       "version: 1\n# what runs is taken back in 7 s unless confirmed: fairlead config apply FILE\n");
}

static void
books_are_told_in_one_line(void **state)
{
	static const struct {
		const char *books, *want;
	} rows[] = {
		{ "{\"offered\":9881020,\"copies\":0,\"delivered\":9880000,\"dropped\":1020,\"held\":0,\"balanced\":"
		  "true}",
		  "offered 9,881,020 = delivered 9,880,000 + dropped 1,020 + held 0\n" },
		{ "{\"offered\":10,\"copies\":2,\"delivered\":12,\"dropped\":0,\"held\":0,\"balanced\":true}",
		  "offered 10 + copies 2 = delivered 12 + dropped 0 + held 0\n" },
		{ "{\"offered\":10,\"copies\":0,\"delivered\":9,\"dropped\":0,\"held\":0,\"balanced\":false}",
		  "offered 10 is NOT delivered 9 + dropped 0 + held 0\n" },
	};

	for (size_t i = 0; i < 3; i++) {
		json_t *books = json_loads(rows[i].books, 0, NULL);
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		answer_books(out, books);
		fclose(out);
		assert_string_equal(text, rows[i].want);
		free(text);
		json_decref(books);
	}
}

static void
a_daemon_cannot_steer_the_terminal(void **state)
{
	expect("drops", "{}", "[{\"port\":\"\\u001b[2Jx\",\"reason\":\"a\\nb\",\"count\":1,\"means\":\"m\"}]",
	       "PORT   REASON  COUNT  MEANS\n?[2Jx  a?b         1  m\n");
}

/* A result that keeps nothing of what the schema promises is shown as not there, and harms nobody. */
static void
an_odd_result_is_shown_without_harm(void **state)
{
	char *text = shown("processor.list", "{}", "{\"id\":1}");

	free(text);
	text = shown("port.list", "{}", "[1,null,{\"name\":{}}]");
	assert_non_null(strstr(text, "NAME"));
	free(text);
	text = shown("switch.show", "{}", "[]");
	assert_non_null(strstr(text, "name: -"));
	free(text);
	text = shown("config.apply", "{\"file\":\"f\"}", "{}");
	free(text);
}

static void
help_names_every_command_and_each_shows_its_example(void **state)
{
	char *all = NULL, *one = NULL;
	size_t len;
	FILE *out = open_memstream(&all, &len);

	help_all(out);
	fclose(out);
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++) {
		char line[128];

		snprintf(line, sizeof(line), "\n  %s%s%s ", m->noun, m->verb == NULL ? "" : " ",
			 m->verb == NULL ? "" : m->verb);
		assert_non_null(strstr(all, line));
		out = open_memstream(&one, &len);
		help_method(out, m);
		fclose(out);
		assert_non_null(strstr(one, m->example));
		assert_non_null(strstr(one, m->summary));
		free(one);
	}
	free(all);
}

static void
usage_shows_words_and_options(void **state)
{
	static const struct {
		const char *method, *usage;
	} rows[] = {
		{ "port.set",
		  "fairlead port set PORT [--vlan N] [--untagged] [--mac MAC] [--mtu BYTES] [--vmq-weight N] "
		  "[--spoof-check on|off] [--interrupt-moderation "
		  "adaptive|off|low|medium|high]" },
		{ "queue.move", "fairlead queue move QUEUE --processor PROCESSOR" },
		{ "drops", "fairlead drops [PORT]" },
		{ "completion", "fairlead completion bash|zsh" },
		{ "config.apply", "fairlead config apply FILE [--confirm SECONDS] [--take-over]" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		help_usage(out, schema_method_by_name(rows[i].method));
		fclose(out);
		assert_string_equal(text, rows[i].usage);
		free(text);
	}
}

/* What bash, given the script, completes the words to. */
static void
complete(const char *words, char *got, size_t size)
{
	char name[] = "/tmp/flrpc-completion-XXXXXX", command[1024];
	int fd = mkstemp(name);
	FILE *script = fdopen(fd, "w"), *bash;
	size_t n;

	assert_non_null(script);
	completion_print(script, "bash");
	fputs("fairlead() { printf 'NAME X\\nvm1 1\\nvm2 1\\n'; }\n", script);
	fclose(script);
	snprintf(command, sizeof(command),
		 "bash -c '. %s; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _fairlead; echo -n "
		 "\"${COMPREPLY[*]}\"'",
		 name, words);
	bash = popen(command, "r");
	n = fread(got, 1, size - 1, bash);
	got[n] = '\0';
	assert_int_equal(pclose(bash), 0);
	remove(name);
}

static void
the_shell_completes_nouns_verbs_names_options_and_values(void **state)
{
	static const struct {
		const char *words, *want;
	} rows[] = {
		{ "fairlead po", "port" },
		{ "fairlead port \"\"", "list show qemu-args set" },
		{ "fairlead --rpc /x port \"\"", "list show qemu-args set" },
		{ "fairlead port set vm", "vm1 vm2" },
		{ "fairlead drops \"\"", "vm1 vm2" },
		{ "fairlead port set vm1 --vm", "--vmq-weight" },
		{ "fairlead port set vm1 --spoof-check \"\"", "on off" },
		{ "fairlead config apply f --t", "--take-over" },
		{ "fairlead completion z", "zsh" },
		{ "fairlead config check /proc/self/cmdlin", "/proc/self/cmdline" },
		{ "fairlead nonsense \"\"", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char got[512];

		complete(rows[i].words, got, sizeof(got));
		assert_string_equal(got, rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_get_a_comma_before_each_three_digits),
		cmocka_unit_test(a_bar_shows_busy_waiting_and_idle),
		cmocka_unit_test(a_list_is_an_aligned_table_and_numbers_stand_right),
		cmocka_unit_test(a_table_wider_than_the_line_goes_on_below_behind_its_first_column),
		cmocka_unit_test(a_long_list_is_cut_in_a_table_and_whole_among_lines),
		cmocka_unit_test(a_unit_is_not_said_twice_and_one_is_one),
		cmocka_unit_test(what_is_not_there_is_a_dash_and_identifiers_have_no_commas),
		cmocka_unit_test(processors_have_units_lists_and_a_bar),
		cmocka_unit_test(an_object_is_lines_and_its_lists_are_tables),
		cmocka_unit_test(an_object_in_an_object_is_indented_and_null_is_silent),
		cmocka_unit_test(options_for_qemu_are_printed_as_they_are),
		cmocka_unit_test(a_change_says_whether_anything_changed),
		cmocka_unit_test(the_running_configuration_is_yaml_and_drift_a_comment),
		cmocka_unit_test(books_are_told_in_one_line),
		cmocka_unit_test(a_daemon_cannot_steer_the_terminal),
		cmocka_unit_test(an_odd_result_is_shown_without_harm),
		cmocka_unit_test(help_names_every_command_and_each_shows_its_example),
		cmocka_unit_test(usage_shows_words_and_options),
		cmocka_unit_test(the_shell_completes_nouns_verbs_names_options_and_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
