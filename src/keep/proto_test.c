/* proto_test.c - the check before every operation, at its edges; what it refuses is also sent to a keeper in keeper_test.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "keep/proto.h"

static struct keep_request
request(enum keep_op op)
{
	struct keep_request q = { .version = KEEP_VERSION, .size = sizeof(q), .op = op };

	strcpy(q.tap.interface, "eth0");
	strcpy(q.to, "flhost");
	strcpy(q.name, "fairlead.sock");
	q.tap.queues = 1;
	return q;
}

static int
check(const struct keep_request *q)
{
	return keep_request_check(q, sizeof(*q), q->op == KEEP_SAVE_CONFIG ? 1 : 0);
}

static void
every_operation_passes_with_fields_that_are_right(void **state)
{
	for (unsigned op = 0; op < KEEP_OPS; op++) {
		struct keep_request q = request(op);

		assert_int_equal(check(&q), 0);
	}
}

static void
only_the_exact_length_is_read(void **state)
{
	/* From the heap and of that length, so that the address sanitizer sees a byte too many. */
	for (size_t len = 0; len < sizeof(struct keep_request); len++) {
		struct keep_request q = request(KEEP_TAP_OPEN);
		void *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		memcpy(copy, &q, len);
		assert_int_equal(keep_request_check(copy, len, 0), -EPROTO);
		free(copy);
	}
}

static void
names_are_of_letters_digits_underscore_point_and_hyphen(void **state)
{
	for (int c = 1; c < 256; c++) {
		struct keep_request q = request(KEEP_LINK_UP);
		bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
			    c == '.' || c == '-';

		q.tap.interface[1] = (char)c;
		assert_int_equal(check(&q), good ? 0 : -EPROTO);
	}
}

static void
names_end_inside_their_field(void **state)
{
	static const struct {
		enum keep_op op;
		size_t offset, size;
		bool may_be_empty;
	} rows[] = {
		{ KEEP_TAP_OPEN, offsetof(struct keep_request, tap.netns), KEEP_NAME_MAX, true },
		{ KEEP_TAP_SET, offsetof(struct keep_request, tap.interface), IFNAMSIZ, false },
		{ KEEP_TAKE_OVER, offsetof(struct keep_request, to), IFNAMSIZ, false },
		{ KEEP_LINK_SHOW, offsetof(struct keep_request, tap.netns), KEEP_NAME_MAX, true },
		{ KEEP_LISTEN, offsetof(struct keep_request, name), KEEP_NAME_MAX, false },
		{ KEEP_UNLISTEN, offsetof(struct keep_request, name), KEEP_NAME_MAX, false },
		{ KEEP_CONNECT, offsetof(struct keep_request, name), KEEP_NAME_MAX, false },
	};
	static const char *const bad[] = { ".", "..", "a/b", "/", "a b", "\n", "a\xff" };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keep_request q = request(rows[i].op);
		char *name = (char *)&q + rows[i].offset;

		memset(name, 'x', rows[i].size);
		assert_int_equal(check(&q), -EPROTO);
		name[rows[i].size - 1] = '\0';
		assert_int_equal(check(&q), 0);
		name[0] = '\0';
		assert_int_equal(check(&q), rows[i].may_be_empty ? 0 : -EPROTO);
		for (unsigned j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
			strcpy(name, bad[j]);
			assert_int_equal(check(&q), -EPROTO);
		}
		strcpy(name, "...");
		assert_int_equal(check(&q), 0);
	}
}

static void
numbers_are_taken_up_to_their_limits(void **state)
{
	static const struct {
		size_t offset;
		uint32_t low, high; /* the first and the last that are good; 0 is for "leave it", except for queues */
		bool zero;
	} rows[] = {
		{ offsetof(struct keep_request, tap.queues), 1, 16, false },
		{ offsetof(struct keep_request, tap.mtu), 68, 65521, true },
		{ offsetof(struct keep_request, tap.txqueuelen), 1, 100000, true },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keep_request q = request(KEEP_TAP_OPEN);
		uint32_t *number = (uint32_t *)(void *)((char *)&q + rows[i].offset);

		*number = rows[i].low;
		assert_int_equal(check(&q), 0);
		*number = rows[i].high;
		assert_int_equal(check(&q), 0);
		*number = rows[i].high + 1;
		assert_int_equal(check(&q), -EPROTO);
		*number = UINT32_MAX;
		assert_int_equal(check(&q), -EPROTO);
		*number = 0;
		assert_int_equal(check(&q), rows[i].zero ? 0 : -EPROTO);
	}
}

static void
addresses_are_whole(void **state)
{
	static const struct {
		uint8_t family, bits;
		int code;
	} rows[] = {
		{ AF_INET, 0, 0 },          { AF_INET, 32, 0 },        { AF_INET, 33, -EPROTO }, { AF_INET6, 128, 0 },
		{ AF_INET6, 129, -EPROTO }, { AF_UNSPEC, 0, -EPROTO }, { 255, 0, -EPROTO },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keep_request q = request(KEEP_TAP_SET);

		for (unsigned j = 0; j < KEEP_ADDRESSES_MAX; j++)
			q.tap.address[j] = (struct prefix){ .family = AF_INET6, .bits = 64 };
		q.tap.address[KEEP_ADDRESSES_MAX - 1] =
			(struct prefix){ .family = rows[i].family, .bits = rows[i].bits };
		q.tap.n_addresses = KEEP_ADDRESSES_MAX;
		assert_int_equal(check(&q), rows[i].code);
		q.tap.n_addresses = KEEP_ADDRESSES_MAX - 1; /* the last one is not looked at */
		assert_int_equal(check(&q), 0);
	}
}

static void
addresses_beyond_the_field_are_not_taken_even_if_they_look_good(void **state)
{
	struct keep_request q = request(KEEP_TAP_SET);
	struct prefix p = { .family = AF_INET6 };

	/* AF_INET6 is 10, so a count of ten looks like an address itself, and what follows is made to. */
	for (unsigned i = 0; i < 10; i++)
		memcpy((char *)&q + offsetof(struct keep_request, tap.address) + i * sizeof(p), &p, sizeof(p));
	q.tap.n_addresses = 10;
	assert_int_equal(check(&q), -EPROTO);
	q.tap.n_addresses = KEEP_ADDRESSES_MAX;
	assert_int_equal(check(&q), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_passes_with_fields_that_are_right),
		cmocka_unit_test(only_the_exact_length_is_read),
		cmocka_unit_test(names_are_of_letters_digits_underscore_point_and_hyphen),
		cmocka_unit_test(names_end_inside_their_field),
		cmocka_unit_test(numbers_are_taken_up_to_their_limits),
		cmocka_unit_test(addresses_are_whole),
		cmocka_unit_test(addresses_beyond_the_field_are_not_taken_even_if_they_look_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
