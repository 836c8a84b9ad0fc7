/* rpc_text_test.c - what is written is JSON (RFC 8259), whatever the values are, and says why it ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/rpc_server.h"
#include "ctl/rpc_text.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
text_is(struct rpc_text *t, const char *want)
{
	assert_int_equal(t->failed, 0);
	assert_int_equal(t->len, strlen(want));
	assert_memory_equal(t->data, want, t->len);
	free(t->data);
	*t = (struct rpc_text){ 0 };
}

static void
values_stand_with_their_keys_and_commas_between(void **state)
{
	struct rpc_text t = { 0 };

	put_object(&t, NULL);
	put_int(&t, "a", -1);
	put_bool(&t, "b", true);
	put_list(&t, "c");
	put_bool(&t, NULL, false);
	put_null(&t, NULL);
	put_object(&t, NULL);
	put_object_end(&t);
	put_object(&t, NULL);
	put_text(&t, "[", "[");
	put_text(&t, "{", "{");
	put_object_end(&t);
	put_list_end(&t);
	put_list(&t, "d");
	put_list_end(&t);
	put_key(&t, "e");
	put_count(&t, NULL, 0);
	put_json(&t, "f", json_pack("[i, {s:s}]", 1, "g", "h"));
	put_text(&t, "i", NULL);
	put_object_end(&t);
	text_is(&t, "{\"a\":-1,\"b\":true,\"c\":[false,null,{},{\"[\":\"[\",\"{\":\"{\"}],\"d\":[],\"e\":0,"
		    "\"f\":[1,{\"g\":\"h\"}],\"i\":null}");
}

static void
numbers_have_all_their_digits(void **state)
{
	struct rpc_text t = { 0 };

	put_list(&t, NULL);
	put_count(&t, NULL, UINT64_MAX);
	put_int(&t, NULL, INT64_MAX);
	put_int(&t, NULL, INT64_MIN);
	put_count(&t, NULL, 10);
	put_list_end(&t);
	text_is(&t, "[18446744073709551615,9223372036854775807,-9223372036854775808,10]");
}

/* RFC 8259, 7: what must be escaped. What is no UTF-8 is shown as '?'. */
static void
any_text_is_written_as_json(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "\"\"" },
		{ "vm1", "\"vm1\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "a\nb\x01", "\"a\\nb\\u0001\"" },
		{ "\xc3\xa9", "\"\xc3\xa9\"" },
		{ "\xff\xfe!", "\"\?\?!\"" },
		{ "\x7f", "\"\x7f\"" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct rpc_text t = { 0 };

		put_text(&t, NULL, rows[i].text);
		text_is(&t, rows[i].want);
	}
}

static void
the_zero_address_is_none(void **state)
{
	const struct mac mac = { { 0x02, 0xf1, 0, 0, 0, 0x0a } }, zero = { 0 };
	struct rpc_text t = { 0 };

	put_list(&t, NULL);
	put_mac(&t, NULL, &mac);
	put_mac(&t, NULL, &zero);
	put_list_end(&t);
	text_is(&t, "[\"02:f1:00:00:00:0a\",null]");
}

static void
a_text_that_failed_takes_nothing_more_until_it_is_cut(void **state)
{
	struct rpc_text t = { 0 };
	size_t len;

	put_list(&t, NULL);
	put_json(&t, NULL, NULL);
	assert_int_equal(t.failed, -ENOMEM);
	put_count(&t, NULL, 1);
	put_list_end(&t);
	assert_int_equal(t.len, 1);
	rpc_text_cut(&t, 1);
	while (t.failed == 0)
		put_text(&t, "key", "a value of some length");
	assert_int_equal(t.failed, -EMSGSIZE);
	assert_true(t.len > RPC_OUT_MAX);
	len = t.len;
	assert_int_equal(rpc_text_add(&t, "", 1), -EMSGSIZE);
	assert_int_equal(t.len, len);
	rpc_text_cut(&t, 1);
	put_list_end(&t);
	text_is(&t, "[]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_stand_with_their_keys_and_commas_between),
		cmocka_unit_test(numbers_have_all_their_digits),
		cmocka_unit_test(any_text_is_written_as_json),
		cmocka_unit_test(the_zero_address_is_none),
		cmocka_unit_test(a_text_that_failed_takes_nothing_more_until_it_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
