/* rpc_message_test.c - messages in and out, without sockets. Examples of JSON-RPC 2.0 (specification, section 7) among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "ctl/params.h"
#include "ctl/rpc_dummy.h"
#include "ctl/rpc_message.h"

static struct rpc_dummy dummy;
static const struct rpc_service service = { dummy_handlers, &dummy };
static const struct rpc_caller writer = { 1000, 42, false }, reader = { 1000, 42, true };

/* The answer to a line, parsed; NULL when nothing was sent. */
static json_t *
ask_as(const struct rpc_caller *who, const char *line, size_t len)
{
	struct rpc_text out = { 0 };
	json_t *answer = NULL;

	assert_int_equal(rpc_answer(&service, who, line, len, &out), 0);
	if (out.len > 0) {
		assert_int_equal(out.data[out.len - 1], '\n');
		assert_null(memchr(out.data, '\n', out.len - 1));
		answer = json_loadb(out.data, out.len, 0, NULL);
		assert_non_null(answer);
	}
	free(out.data);
	return answer;
}

static json_t *
ask(const char *line)
{
	return ask_as(&writer, line, strlen(line));
}

static int
code_of(const json_t *answer)
{
	return (int)json_integer_value(json_object_get(json_object_get(answer, "error"), "code"));
}

static const char *
text_of(const json_t *answer, const char *key)
{
	const json_t *error = json_object_get(answer, "error");

	if (strcmp(key, "message") == 0)
		return json_string_value(json_object_get(error, key));
	return json_string_value(json_object_get(json_object_get(error, "data"), key));
}

/* id is what the answer must carry, as JSON. */
struct bad_row {
	const char *line;
	int code;
	const char *id;
};

static void
a_bad_message_gets_the_code_of_the_specification(void **state)
{
	static const struct bad_row rows[] = {
		{ "garbage", -32700, "null" },
		{ "{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]", -32700, "null" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"id\":1", -32700, "null" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"id\":1,\"id\":2}", -32700, "null" },
		{ "\xff\xfe", -32700, "null" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\\u0000\",\"id\":1}", -32700, "null" },
		{ "{\"jsonrpc\": \"2.0\", \"method\": 1, \"params\": \"bar\"}", -32600, "null" },
		{ "{}", -32600, "null" },
		{ "1", -32600, "null" },
		{ "\"port.list\"", -32600, "null" },
		{ "null", -32600, "null" },
		{ "[]", -32600, "null" },
		{ "{\"method\":\"port.list\",\"id\":1}", -32600, "null" },
		{ "{\"jsonrpc\":\"1.0\",\"method\":\"port.list\",\"id\":1}", -32600, "null" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"id\":{}}", -32600, "null" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"params\":7,\"id\":1}", -32600, "null" },
		{ "{\"jsonrpc\": \"2.0\", \"method\": \"foobar\", \"id\": \"1\"}", -32601, "\"1\"" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"config.check\",\"id\":2}", -32601, "2" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"vmq.list\",\"id\":3}", -32601, "3" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"params\":[1],\"id\":4}", -32602, "4" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"port.set\",\"id\":null}", -32602, "null" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"port.set\",\"params\":{\"port\":\"vm9\"},\"id\":5.5}", -32000,
		  "5.5" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"config.save\",\"id\":6}", -32603, "6" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *answer = ask(rows[i].line), *id = json_loads(rows[i].id, JSON_DECODE_ANY, NULL);

		assert_non_null(answer);
		if (code_of(answer) != rows[i].code)
			fail_msg("%s: got %d, want %d", rows[i].line, code_of(answer), rows[i].code);
		assert_true(json_equal(json_object_get(answer, "id"), id));
		assert_string_equal(json_string_value(json_object_get(answer, "jsonrpc")), "2.0");
		assert_null(json_object_get(answer, "result"));
		assert_true(strlen(text_of(answer, "message")) > 0);
		json_decref(answer);
		json_decref(id);
	}
}

static void
a_good_request_gets_its_result_and_its_own_id(void **state)
{
	json_t *answer = ask("{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"id\":\"a\"}");

	assert_string_equal(json_string_value(json_object_get(answer, "id")), "a");
	assert_int_equal(json_array_size(json_object_get(answer, "result")), 1);
	assert_null(json_object_get(answer, "error"));
	json_decref(answer);
}

static void
a_notification_is_done_and_never_answered(void **state)
{
	dummy.calls = 0;
	assert_null(ask("{\"jsonrpc\":\"2.0\",\"method\":\"port.set\",\"params\":{\"port\":\"vm1\"}}"));
	assert_int_equal(dummy.calls, 1);
	/* One that only reads would be for nobody. */
	assert_null(ask("{\"jsonrpc\":\"2.0\",\"method\":\"port.list\"}"));
	assert_int_equal(dummy.calls, 1);
	assert_null(ask("{\"jsonrpc\":\"2.0\",\"method\":\"foobar\"}"));
	assert_null(ask("{\"jsonrpc\":\"2.0\",\"method\":\"port.set\"}"));
	assert_null(
		ask("[{\"jsonrpc\":\"2.0\",\"method\":\"port.list\"},{\"jsonrpc\":\"2.0\",\"method\":\"foobar\"}]"));
}

/* Specification, section 7, "rpc call Batch", with methods of ours: five answers of six requests. */
static void
a_batch_is_answered_in_one_list(void **state)
{
	json_t *answer = ask("[{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"id\":\"1\"},"
			     "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\"},"
			     "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"id\":\"2\"},"
			     "{\"foo\":\"boo\"},"
			     "{\"jsonrpc\":\"2.0\",\"method\":\"foo.get\",\"id\":\"5\"},"
			     "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"id\":\"9\"}]");
	static const int codes[] = { 0, 0, -32600, -32601, 0 };

	assert_int_equal(json_array_size(answer), 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(code_of(json_array_get(answer, i)), codes[i]);
	json_decref(answer);
	answer = ask("[1,2,3]");
	assert_int_equal(json_array_size(answer), 3);
	assert_int_equal(code_of(json_array_get(answer, 2)), -32600);
	json_decref(answer);
}

static void
a_batch_of_too_many_is_refused_whole(void **state)
{
	char line[8192] = "[";
	json_t *answer;

	for (int i = 0; i < RPC_BATCH_MAX; i++)
		strcat(line, "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"id\":1},");
	line[strlen(line) - 1] = ']';
	answer = ask(line);
	assert_int_equal(json_array_size(answer), RPC_BATCH_MAX);
	json_decref(answer);

	dummy.calls = 0;
	line[strlen(line) - 1] = ',';
	strcat(line, "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"id\":1}]");
	answer = ask(line);
	assert_int_equal(code_of(answer), -32600);
	assert_int_equal(dummy.calls, 0);
	json_decref(answer);
}

/* A line of n times what, closed properly or not: it must be refused before it is parsed. */
static json_t *
ask_repeated(const char *head, const char *what, size_t n)
{
	size_t len = strlen(head) + strlen(what) * n;
	char *line = malloc(len + 1);
	json_t *answer;

	assert_non_null(line);
	strcpy(line, head);
	for (size_t i = 0; i < n; i++)
		memcpy(line + strlen(head) + i * strlen(what), what, strlen(what));
	answer = ask_as(&writer, line, len);
	free(line);
	return answer;
}

static void
depth_and_number_of_values_are_bounded(void **state)
{
	json_t *answer = ask_repeated("", "[", RPC_DEPTH_MAX);

	assert_int_equal(code_of(answer), -32700); /* judged by the parser, which misses the end */
	json_decref(answer);
	answer = ask_repeated("", "[", RPC_DEPTH_MAX + 1);
	assert_int_equal(code_of(answer), -32600);
	assert_string_equal(text_of(answer, "message"), "message nested too deeply");
	json_decref(answer);
	answer = ask_repeated("[", "{},", RPC_VALUES_MAX);
	assert_int_equal(code_of(answer), -32600);
	assert_string_equal(text_of(answer, "message"), "message of too many values");
	json_decref(answer);
	answer = ask_repeated("", "[{\"a\":", (8u << 20) / 6);
	assert_int_equal(code_of(answer), -32600);
	json_decref(answer);
	/* Brackets and commas within a text are no structure. */
	answer = ask_repeated("{\"jsonrpc\":\"2.0\",\"method\":\"\\\"", "[{,", RPC_VALUES_MAX);
	assert_int_equal(code_of(answer), -32700);
	json_decref(answer);
}

static void
a_configuration_of_a_mebibyte_arrives_whole(void **state)
{
	const char *head =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"config.apply\",\"params\":{\"file\":\"f\",\"text\":\"";
	size_t n = 1u << 20, len = strlen(head) + 6 * n + 3;
	char *line = malloc(len + 1);
	json_t *answer;

	assert_true(len < RPC_LINE_MAX); /* the worst escaping of the longest text fits a line */
	strcpy(line, head);
	for (size_t i = 0; i < n; i++)
		memcpy(line + strlen(head) + 6 * i, "\\u0001", 6);
	strcpy(line + strlen(head) + 6 * n, "\"}}");
	answer = ask_as(&writer, line, len);
	free(line);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "result"), "bytes")), n);
	json_decref(answer);
}

static void
an_answer_too_long_becomes_an_error(void **state)
{
	json_t *answer;

	dummy.fdb = 500000; /* 36 bytes and more each: over 16 MiB */
	answer = ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"switch.show\",\"params\":{\"switch\":\"ext\"}}");
	assert_int_equal(code_of(answer), -32000);
	assert_string_equal(text_of(answer, "errno"), "EMSGSIZE");
	json_decref(answer);
	/* In a batch the answers before it stay; what follows is refused unbegun, so that it costs nothing. */
	dummy.calls = 0;
	answer = ask("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.list\"},"
		     "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"switch.show\",\"params\":{\"switch\":\"ext\"}},"
		     "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"port.list\"}]");
	assert_int_equal(json_array_size(answer), 3);
	assert_int_equal(code_of(json_array_get(answer, 0)), 0);
	assert_int_equal(code_of(json_array_get(answer, 1)), -32000);
	assert_int_equal(code_of(json_array_get(answer, 2)), -32000);
	assert_int_equal(dummy.calls, 2);
	json_decref(answer);
	dummy.fdb = 0;
}

static void
the_read_only_socket_refuses_what_changes(void **state)
{
	const char *set = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.set\",\"params\":{\"port\":\"vm1\"}}";
	const char *list = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.list\"}";
	json_t *answer;

	dummy.calls = 0;
	answer = ask_as(&reader, set, strlen(set));
	assert_int_equal(code_of(answer), -32000);
	assert_string_equal(text_of(answer, "errno"), "EROFS");
	assert_int_equal(dummy.calls, 0);
	json_decref(answer);
	answer = ask_as(&reader, list, strlen(list));
	assert_int_equal(code_of(answer), 0);
	json_decref(answer);
}

static void
a_refusal_carries_the_handlers_words(void **state)
{
	json_t *answer = ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.set\",\"params\":{\"port\":\"vm9\"}}");

	assert_string_equal(text_of(answer, "message"), "no port 'vm9'");
	assert_string_equal(text_of(answer, "errno"), "ENOENT");
	assert_string_equal(text_of(answer, "hint"), "ports: vm1");
	assert_string_equal(text_of(answer, "path"), "port");
	json_decref(answer);
}

static void
a_mistyped_method_is_recognized(void **state)
{
	json_t *answer = ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.lst\"}");

	assert_string_equal(text_of(answer, "message"), "no method 'port.lst'");
	assert_string_equal(text_of(answer, "hint"), "did you mean 'port.list'?");
	json_decref(answer);
}

/* The text that call(line) writes to standard error, up to 4095 bytes. */
static void
log_of(const char *line, char text[4096])
{
	int ends[2], old = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	json_decref(ask(line));
	dup2(old, STDERR_FILENO);
	close(old);
	close(ends[1]);
	n = read(ends[0], text, 4095);
	text[n < 0 ? 0 : n] = '\0';
	close(ends[0]);
}

static void
each_change_leaves_one_line_of_audit(void **state)
{
	char text[4096];

	log_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.set\",\"params\":{\"port\":\"vm1\",\"vlan\":10}}",
	       text);
	assert_string_equal(text, "change made over RPC uid=1000 pid=42 method=port.set object=vm1 result=done\n");
	log_of("{\"jsonrpc\":\"2.0\",\"method\":\"port.set\",\"params\":{\"port\":\"vm9\"}}", text);
	assert_string_equal(text, "change refused over RPC uid=1000 pid=42 method=port.set object=vm9 result=ENOENT\n");
	log_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.list\"}", text);
	assert_string_equal(text, "");
	/* Nobody forges a second line, or another key. */
	log_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.set\",\"params\":{\"port\":\"a\\nb uid=0\"}}", text);
	assert_string_equal(text, "change refused over RPC uid=1000 pid=42 method=port.set object=a?b?uid?0 "
				  "result=EINVAL\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_message_gets_the_code_of_the_specification),
		cmocka_unit_test(a_good_request_gets_its_result_and_its_own_id),
		cmocka_unit_test(a_notification_is_done_and_never_answered),
		cmocka_unit_test(a_batch_is_answered_in_one_list),
		cmocka_unit_test(a_batch_of_too_many_is_refused_whole),
		cmocka_unit_test(depth_and_number_of_values_are_bounded),
		cmocka_unit_test(a_configuration_of_a_mebibyte_arrives_whole),
		cmocka_unit_test(an_answer_too_long_becomes_an_error),
		cmocka_unit_test(the_read_only_socket_refuses_what_changes),
		cmocka_unit_test(a_refusal_carries_the_handlers_words),
		cmocka_unit_test(a_mistyped_method_is_recognized),
		cmocka_unit_test(each_change_leaves_one_line_of_audit),
	};

	log_set_level(LOG_LEVEL_INFO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
