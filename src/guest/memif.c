/* memif.c - who comes to a memif, and what they say; see memif.h. */
#include "guest/memif.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/qsbr.h"
#include "guest/interrupt.h"
#include "guest/memif_ring.h"
#include "guest/session.h"
#include "guest/vhost.h"
#include "nic/queue.h"

#define BACKLOG 4 /* our choice; one of them is served */
#define MEMIF_TO_SERVER 1

/* What a peer says of a ring. */
struct ring_claim {
	bool told;
	uint16_t region;
	uint32_t offset, size;
	int event_fd;
};

enum { TO_US, TO_PEER, RINGS };

struct memif {
	struct uplink_medium medium; /* first */
	struct memif_rings rings;
	struct uplink_medium_options is;
	char name[VPORT_NAME_MAX], path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct stat socket; /* which file is ours to remove */
	struct session *session;

	/* Of the present peer. */
	bool introduced, connected;
	struct guest_mem *mem;
	unsigned n_regions;
	struct ring_claim ring[RINGS];
};

/* ---- what a peer leaves ---- */

static void
forget(struct memif *m)
{
	if (m->connected) {
		queue_set_source(m->is.queue, QUEUE_FROM_SENDER, NULL);
		memif_rings_halt(&m->rings);
		qsbr_synchronize();
		atomic_store(&m->rings.mem, NULL);
	}
	guest_mem_free(m->mem);
	for (unsigned i = 0; i < RINGS; i++) {
		if (m->ring[i].told)
			close(m->ring[i].event_fd);
		m->ring[i] = (struct ring_claim){ .event_fd = -1 };
	}
	m->mem = NULL;
	m->n_regions = 0;
	m->introduced = m->connected = false;
}

/* ---- messages ---- */

/* What is not kept is the session's to close, which waits for no peer. */
static int
descriptor(const struct session_message *came, struct err *err)
{
	if (came->n_fds != 1 || came->more_fds)
		return err_set(err, -EBADF, "it sent %u descriptors with a message that needs one", came->n_fds);
	return came->fds[0];
}

static int
heard_init(struct memif *m, const struct memif_message *msg, struct session_message *came, struct err *err)
{
	const struct memif_init *init = &msg->init;

	if (m->introduced)
		return err_set(err, -EPROTO, "it introduced itself twice");
	if (init->version != MEMIF_VERSION)
		return err_set(err, -EPROTO, "it speaks version %u.%u of memif, not 2.0", init->version >> 8,
			       init->version & 0xff);
	if (init->id != 0)
		return err_set(err, -ENOENT, "it wants the interface with id %u; there is one, with id 0", init->id);
	if (init->mode != 0)
		return err_set(err, -EPROTO, "it does not speak Ethernet, but mode %u", init->mode);
	m->introduced = true;
	return MEMIF_ACK;
}

static int
heard_region(struct memif *m, const struct memif_message *msg, struct session_message *came, struct err *err)
{
	const struct memif_add_region *add = &msg->add_region;
	struct guest_region_claim claim = { (uint64_t)add->index << MEMIF_REGION_BITS, add->size, 0, 0, false };
	struct guest_mem *next;
	int fd;

	if (add->index != m->n_regions || m->n_regions == GUEST_REGIONS_MAX)
		return err_set(err, -EINVAL, "it told region %u after %u others", add->index, m->n_regions);
	if (add->size == 0 || add->size > 1ull << MEMIF_REGION_BITS)
		return err_set(err, -EFBIG, "region %u has %llu bytes; up to 4 GiB can be reached", add->index,
			       (unsigned long long)add->size);
	fd = descriptor(came, err);
	if (fd < 0)
		return fd;
	next = guest_mem_with(m->mem, &claim, fd, err);
	if (next == NULL)
		return err->code;
	guest_mem_free(m->mem);
	m->mem = next;
	m->n_regions++;
	return MEMIF_ACK;
}

static int
heard_ring(struct memif *m, const struct memif_message *msg, struct session_message *came, struct err *err)
{
	const struct memif_add_ring *add = &msg->add_ring;
	struct ring_claim *ring = &m->ring[add->flags & MEMIF_TO_SERVER ? TO_US : TO_PEER];
	int fd;

	if (add->index != 0 || ring->told)
		return err_set(err, -EINVAL, "it has more than one ring each way");
	if (add->log2_size == 0 || add->log2_size > MEMIF_LOG2_SIZE_MAX)
		return err_set(err, -EINVAL, "its rings have 2^%u slots; 2 to 2^%u are possible", add->log2_size,
			       MEMIF_LOG2_SIZE_MAX);
	fd = descriptor(came, err);
	if (fd < 0)
		return fd;
	if (!interrupt_is_eventfd(fd))
		return err_set(err, -EBADF, "it sent a descriptor that is no eventfd");
	/* Its flags are shared with the peer; F_SETFL leaves how it was opened alone. */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	*ring = (struct ring_claim){ true, add->region, add->offset, 1u << add->log2_size, fd };
	came->fds[0] = -1;
	return MEMIF_ACK;
}

/* Ours, of a ring that it told; NULL and err. */
static struct memif_shared *
find_ring(const struct memif *m, unsigned i, struct err *err)
{
	const struct ring_claim *claim = &m->ring[i];
	uint64_t at = (uint64_t)claim->region << MEMIF_REGION_BITS | claim->offset;
	struct memif_shared *shared =
		guest_mem_gpa(m->mem, at, sizeof(*shared) + claim->size * sizeof(shared->slot[0]));

	if (shared == NULL)
		err_set(err, -EFAULT, "a ring does not lie in its memory");
	else if (claim->offset % _Alignof(struct memif_shared) != 0)
		err_set(err, -EINVAL, "a ring is not aligned to %zu bytes", _Alignof(struct memif_shared));
	else if (__atomic_load_n(&shared->cookie, __ATOMIC_RELAXED) != MEMIF_COOKIE)
		err_set(err, -EINVAL, "there is no ring where it says");
	else
		return shared;
	return NULL;
}

static int
heard_connect(struct memif *m, const struct memif_message *msg, struct session_message *came, struct err *err)
{
	struct memif_setup setup = { .rx_size = m->ring[TO_US].size, .tx_size = m->ring[TO_PEER].size };
	int ret;

	if (!m->ring[TO_US].told || !m->ring[TO_PEER].told)
		return err_set(err, -EPROTO, "it connected without a ring each way");
	setup.mem = m->mem;
	setup.wake_fd = m->ring[TO_US].event_fd;
	setup.call_fd = m->ring[TO_PEER].event_fd;
	setup.rx = find_ring(m, TO_US, err);
	if (setup.rx != NULL)
		setup.tx = find_ring(m, TO_PEER, err);
	if (setup.rx == NULL || setup.tx == NULL)
		return err->code;
	memif_rings_start(&m->rings, &setup);
	m->connected = true;
	ret = queue_set_source(m->is.queue, QUEUE_FROM_SENDER, &m->rings.source);
	if (ret < 0)
		return err_set(err, ret, "its eventfd cannot be watched: %s", strerror(-ret));
	return MEMIF_CONNECTED;
}

static int
heard_disconnect(struct memif *m, const struct memif_message *msg, struct session_message *came, struct err *err)
{
	char text[MEMIF_TEXT_LEN + 1];

	snprintf(text, sizeof(text), "%.*s", MEMIF_TEXT_LEN, msg->disconnect.text);
	for (char *c = text; *c != '\0'; c++)
		if (!isprint((unsigned char)*c) || *c == '"')
			*c = '?';
	return err_set(err, -ECONNRESET, "it disconnected: %s", text[0] != '\0' ? text : "it does not say why");
}

/* What may be said when; the answer, or -errno and err. */
static int
judge(struct memif *m, const struct memif_message *msg, struct session_message *came, struct err *err)
{
	switch (msg->type) {
	case MEMIF_DISCONNECT:
		return heard_disconnect(m, msg, came, err);
	case MEMIF_INIT:
		return heard_init(m, msg, came, err);
	case MEMIF_ADD_REGION:
	case MEMIF_ADD_RING:
	case MEMIF_CONNECT:
		break;
	default:
		return err_set(err, -EPROTO, "it sent a message of type %u", msg->type);
	}
	if (!m->introduced || m->connected)
		return err_set(err, -EPROTO, "it sent a message of type %u %s", msg->type,
			       m->connected ? "when it was connected" : "before it introduced itself");
	if (msg->type == MEMIF_ADD_REGION)
		return heard_region(m, msg, came, err);
	return msg->type == MEMIF_ADD_RING ? heard_ring(m, msg, came, err) : heard_connect(m, msg, came, err);
}

static int
message(void *owner, struct session_message *came, struct err *err)
{
	struct memif *m = owner;
	struct memif_message msg, answer = { 0 };
	int ret;

	memcpy(&msg, came->bytes, sizeof(msg));
	ret = judge(m, &msg, came, err);
	if (ret < 0 && msg.type != MEMIF_DISCONNECT) {
		answer.type = MEMIF_DISCONNECT;
		snprintf(answer.disconnect.text, sizeof(answer.disconnect.text), "%.95s", err->msg);
		session_send(m->session, &answer, sizeof(answer));
	}
	if (ret < 0)
		return ret;
	answer.type = (uint16_t)ret;
	if (ret == MEMIF_CONNECTED) {
		snprintf(answer.name, sizeof(answer.name), "%.31s", m->name);
		log_info("memif is up adapter=%s regions=%u slots=%u", m->name, m->n_regions, m->ring[TO_US].size);
	}
	ret = session_send(m->session, &answer, sizeof(answer));
	return ret < 0 ? err_set(err, ret, "it cannot be answered: %s", strerror(-ret)) : 0;
}

static int
no_payload(void *owner, const uint8_t *header, struct err *err)
{
	return 0;
}

static void
begun(void *owner)
{
	struct memif *m = owner;
	struct memif_message hello = { .type = MEMIF_HELLO };

	snprintf(hello.hello.name, sizeof(hello.hello.name), "fairlead " FAIRLEAD_VERSION);
	hello.hello.version_min = hello.hello.version_max = MEMIF_VERSION;
	hello.hello.region_max = GUEST_REGIONS_MAX - 1;
	hello.hello.log2_size_max = MEMIF_LOG2_SIZE_MAX;
	session_send(m->session, &hello, sizeof(hello)); /* who does not get it says nothing, or the wrong thing */
}

static void
ended(void *owner, const char *why)
{
	forget(owner);
}

static const struct session_kind kind = {
	.peer = "memif peer",
	.header_len = sizeof(struct memif_message),
	.message_max = sizeof(struct memif_message),
	.payload_len = no_payload,
	.message = message,
	.begun = begun,
	.ended = ended,
};

/* ---- the socket ---- */

/* A socket that nobody listens at is what somebody left who was killed. */
static int
remove_stale(const struct sockaddr_un *at)
{
	struct stat st;
	int fd, ret;

	if (lstat(at->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno != ECONNREFUSED ? -EADDRINUSE : 0;
	close(fd);
	return ret == 0 && unlink(at->sun_path) < 0 ? -errno : ret;
}

static int
listen_at(struct memif *m, struct err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd, ret;

	memcpy(at.sun_path, m->path, sizeof(at.sun_path));
	ret = remove_stale(&at);
	fd = ret == 0 ? socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
	if (ret == 0 && (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, BACKLOG) < 0 ||
			 lstat(m->path, &m->socket) < 0))
		ret = -errno;
	if (ret == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	err_set(err, ret, "adapter '%s': cannot listen at %s: %s", m->name, m->path, strerror(-ret));
	if (ret == -EEXIST)
		err_hint(err, "there is a file of that name, which is no socket");
	return ret;
}

static void
stop_listening(const struct memif *m)
{
	struct stat st;

	if (lstat(m->path, &st) == 0 && st.st_dev == m->socket.st_dev && st.st_ino == m->socket.st_ino)
		unlink(m->path);
}

/* ---- the uplink ---- */

static bool
has_link(const struct uplink_medium *medium)
{
	return ((const struct memif *)medium)->connected;
}

static void
tend(struct uplink_medium *medium)
{
	struct memif *m = (struct memif *)medium;
	enum memif_fault fault = m->connected ? memif_rings_fault(&m->rings) : MEMIF_FAULT_NONE;

	if (fault != MEMIF_FAULT_NONE)
		session_end(m->session, memif_fault_text(fault));
	else if (guest_mem_is_dead(m->mem))
		session_end(m->session, "memory shrank");
}

static void
close_memif(struct uplink_medium *medium)
{
	struct memif *m = (struct memif *)medium;

	session_close(m->session);
	stop_listening(m);
	free(m);
}

static const struct uplink_medium_ops memif_ops = {
	.driver = "memif", .close = close_memif, .has_link = has_link, .tend = tend
};

struct uplink_medium *
memif_open(const struct uplink_medium_options *options, struct err *err)
{
	struct memif *m = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(*m), (size_t)RTE_CACHE_LINE_SIZE));
	struct session_options session = { .kind = &kind, .owner = m };

	if (m == NULL) {
		err_set(err, -ENOMEM, "no memory for adapter '%s'", options->name);
		return NULL;
	}
	memset((void *)m, 0, sizeof(*m));
	m->medium.ops = &memif_ops;
	m->medium.sink = &m->rings.sink;
	m->is = *options;
	snprintf(m->name, sizeof(m->name), "%s", options->name);
	memif_rings_init(&m->rings, options->ingress, options->vport, options->mtu);
	forget(m);
	if ((size_t)snprintf(m->path, sizeof(m->path), "%s", options->arg) >= sizeof(m->path)) {
		err_set(err, -ENAMETOOLONG, "adapter '%s': the path of its socket is too long", m->name);
		goto free_memif;
	}
	session.name = m->name;
	session.listen_fd = listen_at(m, err);
	if (session.listen_fd < 0)
		goto free_memif;
	m->session = session_open(vhost_session_loop(), &session, err);
	if (m->session == NULL) {
		stop_listening(m);
		goto free_memif;
	}
	return &m->medium;

free_memif:
	free(m);
	return NULL;
}
