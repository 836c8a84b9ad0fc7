/*
 * vuser_test.c - the front end against a back end that is played here: it notes each message and answers, in the same thread,
 * whenever the front end waits.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "bench/vuser/vuser.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOTES 64
#define BIT(n) (1ull << (n))
#define DEVICE (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VUSER_F_PROTOCOL_FEATURES))
#define TIMEOUT_MS 200

struct note {
	struct vuser_msg m;
	int fd; /* the first descriptor that came with it; -1: none */
	unsigned n_fds;
};

/* How the back end behaves towards one request. */
enum manner { OBEYS, REFUSES, IS_SILENT, HANGS_UP, MISTAKES, CUTS };

static struct back_end {
	int listener, sock;
	bool hung_up;
	uint64_t features, protocol_features, pairs;
	uint16_t base;          /* where rings stop */
	enum vuser_request odd; /* the request that it treats in this manner */
	enum manner manner;
	struct note note[NOTES];
	unsigned n;
} back;

static struct vuser v;
static struct vuser_mem mem;
static char folder[] = "/tmp/flvuser.XXXXXX", path[64];

/* ---- the back end ---- */

static bool
read_note(struct note *n)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(VUSER_FDS_MAX * sizeof(int))];
	} control;
	struct iovec into = { &n->m, VUSER_HEADER_LEN };
	struct msghdr h = {
		.msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *c;

	if (recvmsg(back.sock, &h, MSG_DONTWAIT) != VUSER_HEADER_LEN)
		return false;
	assert_true(n->m.size <= sizeof(n->m.raw));
	if (n->m.size > 0)
		assert_int_equal(recv(back.sock, n->m.raw, n->m.size, MSG_WAITALL), n->m.size);
	n->fd = -1;
	n->n_fds = 0;
	c = CMSG_FIRSTHDR(&h);
	if (c != NULL) {
		n->n_fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(&n->fd, CMSG_DATA(c), sizeof(n->fd));
		for (unsigned i = 1; i < n->n_fds; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			close(fd);
		}
	}
	return true;
}

static void
answer(struct vuser_msg m, uint32_t size)
{
	m.flags = VUSER_VERSION | VUSER_REPLY;
	m.size = size;
	if (m.request == back.odd && back.manner == REFUSES)
		m.u64 = 1;
	if (m.request == back.odd && back.manner == MISTAKES)
		m.request++;
	if (m.request == back.odd && back.manner == CUTS)
		m.size = size = 4;
	assert_int_equal(send(back.sock, &m, VUSER_HEADER_LEN + size, MSG_NOSIGNAL), VUSER_HEADER_LEN + size);
}

static void
obey(const struct note *n)
{
	struct vuser_msg m = n->m;

	if (m.request == back.odd && back.manner == HANGS_UP) {
		close(back.sock);
		back.sock = -1;
		back.hung_up = true;
		return;
	}
	if (m.request == back.odd && back.manner == IS_SILENT)
		return;
	if (m.request == VUSER_GET_FEATURES)
		m.u64 = back.features;
	else if (m.request == VUSER_GET_PROTOCOL_FEATURES)
		m.u64 = back.protocol_features;
	else if (m.request == VUSER_GET_QUEUE_NUM)
		m.u64 = back.pairs;
	else if (m.request == VUSER_GET_VRING_BASE)
		m.state.num = back.base;
	else if (m.flags & VUSER_NEED_REPLY)
		m.u64 = 0;
	else
		return;
	answer(m, sizeof(m.u64));
}

static void
serve(void *arg)
{
	if (back.sock < 0 && !back.hung_up)
		back.sock = accept4(back.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (back.sock >= 0 && back.n < NOTES && read_note(&back.note[back.n]))
		obey(&back.note[back.n++]);
}

static int
listen_at(const char *at_path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", at_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int
begin(void **state)
{
	memset(&back, 0, sizeof(back));
	back.sock = -1;
	back.features = DEVICE | BIT(VIRTIO_F_IN_ORDER);
	back.protocol_features = BIT(VUSER_PROTOCOL_MQ) | BIT(VUSER_PROTOCOL_REPLY_ACK);
	back.pairs = 4;
	back.listener = listen_at(path);
	v = (struct vuser){ .stream = { .sock = -1, .timeout_ms = TIMEOUT_MS, .idle = serve } };
	return vuser_mem_open(&mem, 1 << 20, VUSER_GPA, false);
}

static int
end(void **state)
{
	vuser_close(&v);
	vuser_mem_close(&mem);
	for (unsigned i = 0; i < back.n; i++)
		if (back.note[i].fd >= 0)
			close(back.note[i].fd);
	if (back.sock >= 0)
		close(back.sock);
	close(back.listener);
	unlink(path);
	return 0;
}

static struct vuser_options
wishes(unsigned pairs)
{
	return (struct vuser_options){
		.path = path,
		.n_pairs = pairs,
		.rx_size = 256,
		.tx_size = 128,
		.features = DEVICE,
		.protocol_features = back.protocol_features,
	};
}

/* The first note of a request from number `from` on. */
static const struct note *
noted(enum vuser_request request, unsigned from)
{
	for (unsigned i = from; i < back.n; i++)
		if (back.note[i].m.request == request)
			return &back.note[i];
	fail_msg("request %d was not sent", request);
	return NULL;
}

static bool
same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* ---- the tests ---- */

static void
the_back_end_learns_memory_and_rings(void **state)
{
	struct vuser_options o = wishes(2);
	const struct note *n;

	assert_int_equal(vuser_open(&v, &o, &mem), 0);
	assert_int_equal(v.features, DEVICE); /* IN_ORDER was offered and not wished for */
	assert_int_equal(noted(VUSER_SET_FEATURES, 0)->m.u64, DEVICE);
	n = noted(VUSER_SET_MEM_TABLE, 0);
	assert_int_equal(n->m.size, 8 + sizeof(struct vuser_region));
	assert_int_equal(n->m.table.n, 1);
	assert_int_equal(n->m.table.region[0].gpa, VUSER_GPA);
	assert_int_equal(n->m.table.region[0].len, 1 << 20);
	assert_int_equal(n->m.table.region[0].user, (uintptr_t)mem.va);
	assert_int_equal(n->n_fds, 1);
	assert_true(same_file(n->fd, mem.fd));
	for (unsigned i = 0, at = 0; i < 4; i++, at = (unsigned)(n - back.note)) {
		n = noted(VUSER_SET_VRING_NUM, at);
		assert_int_equal(n->m.state.index, i);
		assert_int_equal(n->m.state.num, i % 2 == 0 ? 256 : 128);
		n = noted(VUSER_SET_VRING_ADDR, (unsigned)(n - back.note));
		assert_int_equal(n->m.addr.index, i);
		assert_int_equal(n->m.addr.desc, (uintptr_t)v.queue[i].desc);
		assert_int_equal(n->m.addr.avail, (uintptr_t)v.queue[i].avail);
		assert_int_equal(n->m.addr.used, (uintptr_t)v.queue[i].used);
		n = noted(VUSER_SET_VRING_KICK, (unsigned)(n - back.note));
		assert_int_equal(n->m.u64, i);
		assert_int_equal(n->n_fds, 1);
	}
	n = noted(VUSER_SET_VRING_ENABLE, 0);
	assert_int_equal(n->m.state.num, 1);
}

static void
kicks_and_calls_go_through_the_descriptors(void **state)
{
	struct vuser_options o = wishes(1);
	eventfd_t kicks;

	assert_int_equal(vuser_open(&v, &o, &mem), 0);
	vuser_kick(&v.queue[0]);
	assert_int_equal(eventfd_read(noted(VUSER_SET_VRING_KICK, 0)->fd, &kicks), 0);
	assert_int_equal(kicks, 1);
	assert_int_equal(vuser_called(&v.queue[0]), 0);
	assert_int_equal(eventfd_write(noted(VUSER_SET_VRING_CALL, 0)->fd, 2), 0);
	assert_int_equal(vuser_called(&v.queue[0]), 2);
}

static void
memory_is_added_and_removed_by_slot(void **state)
{
	struct vuser_options o;
	const struct note *n;

	back.protocol_features |= BIT(VUSER_PROTOCOL_MEM_SLOTS);
	o = wishes(1);
	assert_int_equal(vuser_open(&v, &o, &mem), 0);
	n = noted(VUSER_ADD_MEM_REG, 0);
	assert_int_equal(n->m.size, 8 + sizeof(struct vuser_region));
	assert_int_equal(n->m.slot.region.gpa, VUSER_GPA);
	assert_true(same_file(n->fd, mem.fd));
	assert_int_equal(vuser_unshare(&v, &mem), 0);
	assert_int_equal(noted(VUSER_REM_MEM_REG, 0)->m.slot.region.user, (uintptr_t)mem.va);
}

static void
a_queue_stops_and_starts_where_it_stood(void **state)
{
	struct vuser_options o = wishes(1);
	unsigned from;
	uint16_t base;

	assert_int_equal(vuser_open(&v, &o, &mem), 0);
	back.base = 65535;
	assert_int_equal(vuser_queue_stop(&v, 1, &base), 0);
	assert_int_equal(base, 65535);
	from = back.n;
	assert_int_equal(vuser_queue_start(&v, 1, base), 0);
	assert_int_equal(noted(VUSER_SET_VRING_BASE, from)->m.state.index, 1);
	assert_int_equal(noted(VUSER_SET_VRING_BASE, from)->m.state.num, 65535);
}

static void
queues_go_on_with_the_next_back_end(void **state)
{
	struct vuser_options o = wishes(1);
	struct vuser_queue *queue;
	const struct note *n;
	unsigned from;

	assert_int_equal(vuser_open(&v, &o, &mem), 0);
	queue = v.queue;
	vuser_queue_reset(&queue[1], 40000);
	from = back.n;
	vuser_hang_up(&v);
	close(back.sock);
	back.sock = -1;
	assert_int_equal(vuser_connect(&v, &o), 0);
	assert_int_equal(vuser_negotiate(&v, &o), 0);
	assert_int_equal(vuser_share(&v, &mem, 1), 0);
	assert_int_equal(vuser_start(&v, &o, &mem), 0);
	assert_ptr_equal(v.queue, queue);
	n = noted(VUSER_SET_VRING_BASE, from);
	assert_int_equal(n->m.state.num, 0);
	n = noted(VUSER_SET_VRING_BASE, (unsigned)(n - back.note) + 1);
	assert_int_equal(n->m.state.num, 40000);
}

static void
a_back_end_without_protocol_features_is_told_the_least(void **state)
{
	struct vuser_options o = wishes(1);

	back.features = BIT(VIRTIO_F_VERSION_1);
	assert_int_equal(vuser_open(&v, &o, &mem), 0);
	serve(NULL); /* nothing is acknowledged: the last messages are still under way */
	for (unsigned i = 0; i < back.n; i++) {
		assert_int_not_equal(back.note[i].m.request, VUSER_GET_PROTOCOL_FEATURES);
		assert_int_not_equal(back.note[i].m.request, VUSER_SET_VRING_ENABLE);
		assert_int_equal(back.note[i].m.flags, VUSER_VERSION);
	}
	assert_int_equal(back.note[back.n - 1].m.request, VUSER_SET_VRING_KICK);
}

static void
what_goes_wrong_is_told_apart(void **state)
{
	static const struct {
		enum vuser_request odd;
		enum manner manner;
		unsigned pairs;
		int err;
	} rows[] = {
		{ VUSER_GET_FEATURES, IS_SILENT, 1, -ETIMEDOUT },   { VUSER_GET_FEATURES, HANGS_UP, 1, -ECONNRESET },
		{ VUSER_GET_FEATURES, MISTAKES, 1, -EPROTO },       { VUSER_GET_FEATURES, CUTS, 1, -EPROTO },
		{ VUSER_SET_MEM_TABLE, REFUSES, 1, -EREMOTEIO },    { VUSER_SET_VRING_ADDR, IS_SILENT, 1, -ETIMEDOUT },
		{ VUSER_SET_VRING_ENABLE, REFUSES, 1, -EREMOTEIO }, { 0, OBEYS, 5, -EOPNOTSUPP }, /* it has 4 pairs */
	};

	for (unsigned i = 0; i < N(rows); i++) {
		struct vuser_options o = wishes(rows[i].pairs);

		back.odd = rows[i].odd;
		back.manner = rows[i].manner;
		assert_int_equal(vuser_open(&v, &o, &mem), rows[i].err);
		assert_int_equal(v.stream.sock, -1);
		end(NULL);
		begin(NULL);
	}
}

static void
nobody_at_the_socket_is_no_connection(void **state)
{
	struct vuser_options o = wishes(1);

	o.path = "/nonexistent/socket";
	assert_int_equal(vuser_open(&v, &o, &mem), -ENOENT);
	o.path = "/a/path/that/is/longer/than/what/sun_path/takes/which/is/one/hundred/and/eight/bytes/with/the/zero/"
		 "at/its/"
		 "end";
	assert_int_equal(vuser_open(&v, &o, &mem), -ENAMETOOLONG);
}

static void
a_back_end_may_come_to_us(void **state)
{
	struct vuser_options o = wishes(1);
	char at[80];

	snprintf(at, sizeof(at), "%s.ours", path);
	o.path = at;
	o.server = true;
	assert_int_equal(vuser_connect(&v, &o), -ETIMEDOUT);
	assert_int_equal(access(at, F_OK), -1);
}

static void
any_bytes_can_be_sent(void **state)
{
	struct vuser_options o = wishes(1);
	struct vuser_msg m = { .request = 999, .flags = 7, .size = 3, .raw = { 1, 2, 3 } };

	assert_int_equal(vuser_connect(&v, &o), 0);
	assert_int_equal(vuser_send(&v, &m, &mem.fd, 1), 0);
	assert_int_equal(vuser_send_bytes(&v, &m, VUSER_HEADER_LEN + 3), 0);
	serve(NULL);
	assert_int_equal(back.n, 2);
	assert_true(same_file(back.note[0].fd, mem.fd));
	assert_memory_equal(&back.note[0].m, &m, VUSER_HEADER_LEN + 3);
	assert_memory_equal(&back.note[1].m, &m, VUSER_HEADER_LEN + 3);
	m.size = sizeof(m.raw) + 1;
	assert_int_equal(vuser_send(&v, &m, NULL, 0), -EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_back_end_learns_memory_and_rings),
		TEST(kicks_and_calls_go_through_the_descriptors),
		TEST(memory_is_added_and_removed_by_slot),
		TEST(a_queue_stops_and_starts_where_it_stood),
		TEST(queues_go_on_with_the_next_back_end),
		TEST(a_back_end_without_protocol_features_is_told_the_least),
		TEST(what_goes_wrong_is_told_apart),
		TEST(nobody_at_the_socket_is_no_connection),
		TEST(a_back_end_may_come_to_us),
		TEST(any_bytes_can_be_sent),
	};
	int failed;

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/a.sock", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
