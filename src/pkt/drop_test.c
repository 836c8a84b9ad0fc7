/* drop_test.c - names and texts of the drop reasons. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pkt/drop.h"

static void
every_reason_has_a_name_of_its_own_and_a_text(void **state)
{
	for (int i = 0; i < DROP_REASON_COUNT; i++) {
		const char *name = drop_reason_name((enum drop_reason)i);

		/* Names are keys in JSON and metrics. */
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		assert_true(strlen(name) > 0 && strlen(drop_reason_text((enum drop_reason)i)) > 0);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name, drop_reason_name((enum drop_reason)j));
	}
}

static void
a_name_belongs_to_its_reason(void **state)
{
	assert_string_equal(drop_reason_name(DROP_RUNT), "runt");
	assert_string_equal(drop_reason_name(DROP_PORT_DOWN), "port_down");
	assert_string_equal(drop_reason_text(DROP_VLAN_DENIED), "VLAN not allowed on this port");
}

static void
a_value_out_of_range_is_unknown(void **state)
{
	assert_string_equal(drop_reason_name(DROP_REASON_COUNT), "unknown");
	assert_string_equal(drop_reason_text((enum drop_reason) - 1), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_name_of_its_own_and_a_text),
		cmocka_unit_test(a_name_belongs_to_its_reason),
		cmocka_unit_test(a_value_out_of_range_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
