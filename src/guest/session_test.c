/* session_test.c - messages and descriptors, whole, in pieces, and withheld. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/test_held.h"
#include "guest/test_session.h"

/* ---- framing ---- */

static void
a_message_may_come_in_any_pieces(void **state)
{
	struct message m = { .op = OP_COUNT, .len = 32 };
	struct port p;
	int fd;

	port_open(&p);
	fd = peer_connect(&p);
	for (size_t piece = 1; piece <= HEADER + m.len; piece++) {
		unsigned want = p.messages + 1;

		for (size_t at = 0; at < HEADER + m.len; at += piece) {
			size_t left = HEADER + m.len - at;

			assert_false(until(&p.messages, want, 0));
			send_with(fd, (uint8_t *)&m + at, left < piece ? left : piece, 0);
			until(&p.messages, want, 1);
		}
		assert_true(until(&p.messages, want, 1000));
	}
	/* And many in one. */
	for (unsigned i = 0; i < 100; i++)
		send_message(fd, OP_COUNT, i, 0);
	assert_true(until(&p.messages, HEADER + m.len + 100, 1000));
	assert_int_equal(p.ended, 0);
	close(fd);
	assert_true(until(&p.ended, 1, 1000));
	assert_string_equal(p.why, "");
	port_close(&p);
}

static void
a_bad_message_ends_the_connection_with_its_reason(void **state)
{
	static const struct {
		enum op op;
		uint32_t len;
		const char *why;
	} rows[] = {
		{ OP_BAD_HEADER, 0, "bad header" },
		{ OP_REFUSE, 5, "refused" },
		{ OP_COUNT, PAYLOAD_MAX + 1, "message of 3001 bytes is too long" },
		{ OP_COUNT, INT32_MAX, "message of 2147483647 bytes is too long" },
	};
	struct port p;

	port_open(&p);
	for (size_t i = 0; i < LEN(rows); i++) {
		struct message m = { .op = rows[i].op, .len = rows[i].len };
		int fd = peer_connect(&p);

		send_with(fd, &m, HEADER + (m.len < 100 ? m.len : 100), 3);
		assert_true(until(&p.ended, (unsigned)i + 1, 1000));
		assert_string_equal(p.why, rows[i].why);
		assert_true(is_closed(fd));
		close(fd);
	}
	port_close(&p);
}

static void
the_rest_of_a_message_has_a_second_to_come(void **state)
{
	static const size_t sent[] = { 1, HEADER - 1, HEADER, HEADER + 1 };
	struct message m = { .op = OP_COUNT, .len = 16 };
	struct port p[LEN(sent)];
	int fd[LEN(sent)];
	uint64_t start = clock_ns();

	for (size_t i = 0; i < LEN(sent); i++) {
		port_open(&p[i]);
		fd[i] = peer_connect(&p[i]);
		send_with(fd[i], &m, sent[i], 0);
	}
	assert_false(until(&p[0].ended, 1, 900)); /* patience: 1000 ms */
	for (size_t i = 0; i < LEN(sent); i++) {
		assert_true(until(&p[i].ended, 1, 1000));
		assert_string_equal(p[i].why, "the rest of a message did not come within a second");
		assert_int_equal(p[i].messages, 0);
		close(fd[i]);
		port_close(&p[i]);
	}
	assert_true(clock_ns() - start >= 1000 * NSEC_PER_MS);
}

static void
between_two_messages_a_peer_may_be_quiet(void **state)
{
	struct port p;
	int fd;

	port_open(&p);
	fd = peer_connect(&p);
	round_trip(&p, fd);
	assert_false(until(&p.ended, 1, 1300));
	round_trip(&p, fd);
	/* But not go within one. */
	send_with(fd, "abc", 3, 2);
	until(&p.ended, 1, 20);
	close(fd);
	assert_true(until(&p.ended, 1, 1000));
	assert_string_equal(p.why, "it left within a message");
	port_close(&p);
}

/* ---- descriptors ---- */

/* CVE-2022-0669, CVE-2020-10726, CVE-2019-14818: descriptors that nobody wanted, or too many of them, and all of it again and again. */
static void
cve_2022_0669_2020_10726_and_2019_14818_descriptors_do_not_pile_up(void **state)
{
	static const unsigned counts[] = { 0, 1, 8, 9, 100, 253 };
	struct port p;
	unsigned fds;
	int fd;

	port_open(&p);
	fd = peer_connect(&p);
	round_trip(&p, fd);
	fds = test_open_fds();
	for (unsigned i = 0; i < 10000; i++) {
		unsigned n = counts[i % LEN(counts)];

		send_message(fd, OP_COUNT, i % 64, n);
		assert_true(until(&p.messages, i + 2, 1000));
		assert_int_equal(p.n_fds, n < SESSION_FDS_MAX ? n : SESSION_FDS_MAX);
		assert_int_equal(p.more_fds, n > SESSION_FDS_MAX);
	}
	assert_int_equal(test_open_fds(), fds);
	/* Those of a message that is never whole go with the connection. */
	send_with(fd, "half", 4, 253);
	until(&p.ended, 1, 20);
	close(fd);
	assert_true(until(&p.ended, 1, 1000));
	assert_int_equal(test_open_fds(), fds - 2);
	port_close(&p);
}

static void
descriptors_belong_to_the_message_that_they_came_with(void **state)
{
	struct message m = { .op = OP_KEEP, .len = 8 };
	struct stat is, was;
	struct port p;
	int fd;

	port_open(&p);
	fd = peer_connect(&p);
	/* Header, payload and the next message's header in three pieces, with one, two and three descriptors. */
	send_with(fd, &m, HEADER, 1);
	send_with(fd, m.payload, 8, 2);
	send_message(fd, OP_COUNT, 0, 3);
	assert_true(until(&p.messages, 1, 1000));
	assert_int_equal(p.n_fds, 3);
	assert_true(until(&p.messages, 2, 1000));
	assert_int_equal(p.n_fds, 3);
	/* The one that was kept is still ours, and the right one; it does not survive an exec. */
	assert_int_equal(fstat(p.kept, &is) + fstat(handed, &was), 0);
	assert_int_equal(is.st_ino, was.st_ino);
	assert_int_equal(fcntl(p.kept, F_GETFD), FD_CLOEXEC);
	close(p.kept);
	close(fd);
	port_close(&p);
}

static void
descriptors_that_got_lost_are_noticed(void **state)
{
	struct rlimit was, few;
	struct port p;
	unsigned fds;
	int fd;

	port_open(&p);
	fd = peer_connect(&p);
	round_trip(&p, fd);
	fds = test_open_fds();
	getrlimit(RLIMIT_NOFILE, &was);
	few = was;
	few.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &few);
	send_message(fd, OP_COUNT, 0, 200);
	assert_true(until(&p.ended, 1, 1000));
	setrlimit(RLIMIT_NOFILE, &was);
	assert_string_equal(p.why, "descriptors got lost on their way here");
	assert_int_equal(p.messages, 1);
	close(fd);
	assert_int_equal(test_open_fds(), fds - 2);
	port_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_may_come_in_any_pieces),
		cmocka_unit_test(a_bad_message_ends_the_connection_with_its_reason),
		cmocka_unit_test(the_rest_of_a_message_has_a_second_to_come),
		cmocka_unit_test(between_two_messages_a_peer_may_be_quiet),
		cmocka_unit_test(cve_2022_0669_2020_10726_and_2019_14818_descriptors_do_not_pile_up),
		cmocka_unit_test(descriptors_belong_to_the_message_that_they_came_with),
		cmocka_unit_test(descriptors_that_got_lost_are_noticed),
	};

	return cmocka_run_group_tests(tests, session_start, session_stop);
}
