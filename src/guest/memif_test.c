/* memif_test.c - who comes to a memif, what they may say, and that they can go and come again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test_held.h"
#include "guest/test_memif.h"

static struct wire wire;

static int
open_wire(void **state)
{
	wire_open(&wire);
	return 0;
}

static int
close_wire(void **state)
{
	muser_close(&wire.peer);
	wire_close(&wire);
	return 0;
}

/* ---- conversations ---- */

/* A step of a conversation: a message as it should be, changed by `bend`. */
enum step { INIT, REGION, TO_SERVER, TO_CLIENT, CONNECT, STEPS };

struct sentence {
	struct muser_msg msg;
	size_t len;
	int fd; /* -1: none */
};

static void
make(enum step step, struct sentence *s)
{
	const struct muser *peer = &wire.peer;

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	s->len = sizeof(s->msg);
	switch (step) {
	case INIT:
		s->msg.type = MUSER_INIT;
		s->msg.init.version = MUSER_VERSION;
		break;
	case REGION:
		s->msg.type = MUSER_ADD_REGION;
		s->msg.region.size = peer->len;
		s->fd = peer->fd;
		break;
	case TO_SERVER:
	case TO_CLIENT:
		s->msg.type = MUSER_ADD_RING;
		s->msg.ring.flags = step == TO_SERVER ? MUSER_RING_TO_SERVER : 0;
		s->msg.ring.log2_size = LOG2_SLOTS;
		s->msg.ring.offset =
			(uint32_t)((uint8_t *)(step == TO_SERVER ? peer->tx : peer->rx[0]).ring - peer->base);
		s->fd = step == TO_SERVER ? peer->tx.event_fd : peer->rx[0].event_fd;
		break;
	default:
		s->msg.type = MUSER_CONNECT;
	}
}

static void
other_version(struct sentence *s)
{
	s->msg.init.version = 0x0300;
}
static void
other_id(struct sentence *s)
{
	s->msg.init.id = 1;
}
static void
other_mode(struct sentence *s)
{
	s->msg.init.mode = 1;
}
static void
other_type(struct sentence *s)
{
	s->msg.type = 9;
}
static void
server_type(struct sentence *s)
{
	s->msg.type = MUSER_HELLO;
}
static void
no_type(struct sentence *s)
{
	s->msg.type = 0;
}
static void
as_init(struct sentence *s)
{
	make(INIT, s);
}
static void
as_connect(struct sentence *s)
{
	make(CONNECT, s);
}
static void
as_to_server(struct sentence *s)
{
	make(TO_SERVER, s);
}
static void
second_region(struct sentence *s)
{
	s->msg.region.index = 1;
}
static void
no_descriptor(struct sentence *s)
{
	s->fd = -1;
}
static void
no_region(struct sentence *s)
{
	s->msg.region.size = 0;
}
static void
huge_region(struct sentence *s)
{
	s->msg.region.size = (1ull << 32) + 4096;
}
static void
long_region(struct sentence *s)
{
	s->msg.region.size = wire.peer.len + 1;
}
static void
an_eventfd(struct sentence *s)
{
	s->fd = wire.peer.tx.event_fd;
}
static void
a_file(struct sentence *s)
{
	s->fd = wire.peer.fd;
}
static void
second_ring(struct sentence *s)
{
	s->msg.ring.index = 1;
}
static void
no_slots(struct sentence *s)
{
	s->msg.ring.log2_size = 0;
}
static void
many_slots(struct sentence *s)
{
	s->msg.ring.log2_size = 15;
}
static void
undefined_slots(struct sentence *s)
{
	s->msg.ring.log2_size = 255;
}
static void
ring_elsewhere(struct sentence *s)
{
	s->msg.ring.region = 1;
}
static void
ring_outside(struct sentence *s)
{
	s->msg.ring.offset = (uint32_t)wire.peer.len - 64;
}
static void
ring_far_outside(struct sentence *s)
{
	s->msg.ring.offset = UINT32_MAX - 63;
}
static void
ring_askew(struct sentence *s)
{
	s->msg.ring.offset += 8;
}
static void
ring_of_nothing(struct sentence *s)
{
	s->msg.ring.offset += 64;
}

/* What is sent at `step`, and in which words the peer is sent away. */
static const struct row {
	enum step step;
	void (*bend)(struct sentence *s);
	const char *why;
} rows[] = {
	{ INIT, other_version, "version 3.0" },
	{ INIT, other_id, "id 1" },
	{ INIT, other_mode, "mode 1" },
	{ INIT, other_type, "type 9" },
	{ INIT, server_type, "type 2" },
	{ INIT, no_type, "type 0" },
	{ INIT, as_connect, "before it introduced itself" },
	{ REGION, as_init, "twice" },
	{ REGION, second_region, "region 1 after 0 others" },
	{ REGION, no_descriptor, "0 descriptors" },
	{ REGION, no_region, "0 bytes" },
	{ REGION, huge_region, "up to 4 GiB" },
	{ REGION, long_region, "are needed" },
	{ REGION, an_eventfd, "memfd" },
	{ TO_SERVER, second_ring, "more than one ring" },
	{ TO_SERVER, no_slots, "2^0 slots" },
	{ TO_SERVER, many_slots, "2^15 slots" },
	{ TO_SERVER, undefined_slots, "2^255 slots" },
	{ TO_SERVER, no_descriptor, "0 descriptors" },
	{ TO_SERVER, a_file, "no eventfd" },
	{ TO_SERVER, as_connect, "without a ring each way" },
	{ TO_CLIENT, as_to_server, "more than one ring" },
	{ TO_CLIENT, as_connect, "without a ring each way" },
	{ TO_SERVER, ring_elsewhere, "does not lie in its memory" },
	{ TO_SERVER, ring_outside, "does not lie in its memory" },
	{ TO_CLIENT, ring_far_outside, "does not lie in its memory" },
	{ TO_SERVER, ring_askew, "not aligned" },
	{ TO_CLIENT, ring_of_nothing, "no ring where it says" },
};

/* All steps, one of them bent. Returns the error of the first that was refused; the server's words are in *last. */
static int
converse(const struct row *row, struct muser_msg *last)
{
	int err = muser_call(&wire.peer, wire.path);

	if (err == 0)
		err = muser_hear(&wire.peer, MUSER_HELLO, last);
	for (enum step step = 0; step < STEPS && err == 0; step++) {
		struct sentence s;

		make(step, &s);
		if (row != NULL && row->step == step)
			row->bend(&s);
		*last = s.msg;
		err = muser_ask(&wire.peer, last, s.fd, step == CONNECT ? MUSER_CONNECTED : MUSER_ACK);
	}
	return err;
}

static void
prepare(void)
{
	struct muser_shape shape = { LOG2_SLOTS, ROOM, 1 };

	assert_int_equal(muser_prepare(&wire.peer, &shape), 0);
}

static void
who_says_something_wrong_is_told_and_sent_away(void **state)
{
	unsigned fds;

	prepare();
	fds = test_open_fds();
	for (unsigned i = 0; i < LEN(rows); i++) {
		struct muser_msg last;
		int err = converse(&rows[i], &last);

		if (err != -ECONNREFUSED || last.type != MUSER_DISCONNECT ||
		    strstr((char *)last.disconnect.text, rows[i].why) == NULL)
			fail_msg("row %u: error %d, \"%.96s\", want \"%s\"", i, err,
				 last.type == MUSER_DISCONNECT ? (char *)last.disconnect.text : "", rows[i].why);
		assert_null(wire_source(&wire));
		muser_hang_up(&wire.peer);
		wire_poll();
		if (!test_has_fds(fds, 1000))
			fail_msg("row %u: %d descriptors more than before", i, (int)test_open_fds() - (int)fds);
		/* The next one is welcome. */
		assert_int_equal(converse(NULL, &last), 0);
		assert_true(wire_has_link(&wire));
		assert_non_null(wire_source(&wire));
		muser_hang_up(&wire.peer);
		wire_poll();
		assert_false(wire_has_link(&wire));
		assert_null(wire_source(&wire));
	}
}

static void
a_connected_peer_says_no_more(void **state)
{
	for (enum step step = INIT; step < STEPS; step++) {
		struct muser_msg last;
		struct sentence s;

		prepare();
		assert_int_equal(converse(NULL, &last), 0);
		make(step, &s);
		assert_int_equal(muser_ask(&wire.peer, &s.msg, s.fd, MUSER_ACK), -ECONNREFUSED);
		assert_false(wire_has_link(&wire));
		muser_close(&wire.peer);
	}
}

/* A message is one datagram of 128 bytes. */
static void
half_a_message_is_the_end_of_it(void **state)
{
	prepare();
	assert_int_equal(muser_call(&wire.peer, wire.path), 0);
	assert_int_equal(send(wire.peer.sock, "x", 1, 0), 1);
	wire_poll();
	usleep(1100000); /* SESSION_PATIENCE_MS */
	wire_poll();
	muser_hang_up(&wire.peer);
	wire_up(&wire);
}

static void
a_peer_that_takes_its_leave_is_gone(void **state)
{
	struct muser_msg bye = { .type = MUSER_DISCONNECT };

	strcpy((char *)bye.disconnect.text, "enough\n\"of it\"");
	wire_up(&wire);
	assert_int_equal(muser_say(&wire.peer, &bye, -1), 0);
	wire_poll();
	assert_false(wire_has_link(&wire));
	assert_null(wire_source(&wire));
}

static void
a_second_peer_is_turned_away(void **state)
{
	struct muser second = { .idle = wire_poll };
	struct muser_shape shape = { LOG2_SLOTS, ROOM, 1 };

	wire_up(&wire);
	assert_true(muser_open(&second, wire.path, &shape) < 0);
	assert_true(wire_has_link(&wire));
	wire_down(&wire);
	second = (struct muser){ .idle = wire_poll };
	assert_int_equal(muser_open(&second, wire.path, &shape), 0);
	muser_close(&second);
	wire_poll();
}

/* ---- the socket ---- */

static struct uplink_medium *
open_at(const char *path, struct err *err)
{
	struct uplink_medium_options o = {
		.name = "other", .arg = path, .mtu = 1500, .queue = wire.queue, .vport = &wire.vport
	};

	*err = (struct err){ 0 };
	return memif_open(&o, err);
}

static void
make_stale_socket(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	strcpy(at.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
}

static void
a_socket_is_taken_only_where_nobody_is(void **state)
{
	char path[sizeof(wire.path) + 8], nowhere[300];
	struct uplink_medium *m;
	struct err err;
	int fd;

	assert_null(open_at(wire.path, &err)); /* in use */
	assert_int_equal(err.code, -EADDRINUSE);
	assert_int_equal(access(wire.path, F_OK), 0);
	snprintf(path, sizeof(path), "%.90s.x", wire.path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_null(open_at(path, &err)); /* a file */
	assert_int_equal(err.code, -EEXIST);
	assert_int_equal(unlink(path), 0);
	make_stale_socket(path);
	m = open_at(path, &err);
	assert_non_null(m);
	m->ops->close(m);
	assert_int_equal(access(path, F_OK), -1);
	assert_null(open_at("/nowhere/at/all", &err));
	assert_int_equal(err.code, -ENOENT);
	memset(nowhere, 'a', sizeof(nowhere) - 1);
	nowhere[sizeof(nowhere) - 1] = '\0';
	assert_null(open_at(nowhere, &err));
	assert_int_equal(err.code, -ENAMETOOLONG);
}

/* Somebody else put another one there meanwhile. */
static void
a_socket_that_is_not_ours_stays(void **state)
{
	char path[sizeof(wire.path) + 8];
	struct uplink_medium *m;
	struct err err;

	snprintf(path, sizeof(path), "%.90s.y", wire.path);
	m = open_at(path, &err);
	assert_non_null(m);
	assert_int_equal(unlink(path), 0);
	make_stale_socket(path);
	m->ops->close(m);
	assert_int_equal(unlink(path), 0);
}

/* ---- memory ---- */

/* Without a seal the peer can take its memory away: what we read then is zeros, and it has to come anew. */
static void
memory_that_shrinks_ends_the_connection(void **state)
{
	struct muser *peer = &wire.peer;
	struct muser_msg last;

	prepare();
	close(peer->fd);
	munmap(peer->base, peer->len);
	peer->fd = memfd_create("bare", MFD_CLOEXEC);
	assert_int_equal(ftruncate(peer->fd, (off_t)peer->len), 0);
	peer->base = mmap(NULL, peer->len, PROT_READ | PROT_WRITE, MAP_SHARED, peer->fd, 0);
	peer->tx.ring = (struct muser_ring *)peer->base;
	peer->rx[0].ring = (struct muser_ring *)(peer->base + 4096);
	peer->tx.ring->cookie = peer->rx[0].ring->cookie = MUSER_COOKIE;
	assert_int_equal(converse(NULL, &last), 0);
	peer->tx.ring->head = 1;
	peer->tx.ring->desc[0] = (struct muser_desc){ .length = 60, .offset = (uint32_t)peer->len - 64 };
	assert_int_equal(ftruncate(peer->fd, 0), 0);
	wire_catch_faults();
	wire_take(&wire); /* where the ring was are zeros */
	wire.medium->ops->tend(wire.medium);
	assert_false(wire_has_link(&wire));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_wire, close_wire)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_says_something_wrong_is_told_and_sent_away),
		TEST(a_connected_peer_says_no_more),
		TEST(half_a_message_is_the_end_of_it),
		TEST(a_peer_that_takes_its_leave_is_gone),
		TEST(a_second_peer_is_turned_away),
		TEST(a_socket_is_taken_only_where_nobody_is),
		TEST(a_socket_that_is_not_ours_stays),
		TEST(memory_that_shrinks_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, wire_start, wire_stop);
}
