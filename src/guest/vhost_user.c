/*
 * vhost_user.c - what each message does; see vhost_user.h.
 *
 * A message with a wrong length, ring, descriptor or address ends the connection: the peer is not the front end that it should be,
 * and what comes next cannot be trusted either. One that we do not know, or that asks for what cannot be, is refused: answered so
 * if an answer is asked for, or else the connection ends, too, since the front end would go on without what it needs.
 */
#include "guest/vhost_user.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/interrupt.h"
#include "guest/vhost_device.h"

#define MTU_MIN 68 /* virtio 1.2, 5.1.4.1 */

/* A message on its way through its handler. */
struct call {
	struct vhost_user_message *m; /* a copy; becomes the answer */
	struct session_message *came;
	bool answered; /* m is an answer with m->size bytes of payload */
	bool go_on;    /* a refusal is no reason to end the connection */
};

static_assert(sizeof(struct vhost_user_message) == VHOST_USER_HEADER_LEN + 8 + VHOST_USER_TABLE_MAX * 32,
	      "QEMU's VhostUserMsg");
static_assert(VHOST_USER_TABLE_MAX <= SESSION_FDS_MAX, "a descriptor for each region");

static int
answer(struct call *c, uint64_t value)
{
	c->m->u64 = value;
	c->m->size = sizeof(value);
	c->answered = true;
	return 0;
}

/* ---- descriptors ---- */

/* Exactly n came: the handler may take them. */
static int
need_fds(const struct call *c, unsigned n, struct err *err)
{
	if (c->came->n_fds == n && !c->came->more_fds)
		return 0;
	return err_set(err, -EBADMSG, "request %u came with %u%s descriptors instead of %u", c->m->request,
		       c->came->n_fds, c->came->more_fds ? " and more" : "", n);
}

static int
take_fd(struct call *c)
{
	int fd = c->came->fds[0];

	c->came->fds[0] = -1;
	return fd;
}

/* ---- the device ---- */

static int
get_features(struct vhost *v, struct call *c, struct err *err)
{
	return answer(c, VHOST_USER_OFFER);
}

static int
set_features(struct vhost *v, struct call *c, struct err *err)
{
	return vhost_set_features(v, c->m->u64, err);
}

static int
get_protocol_features(struct vhost *v, struct call *c, struct err *err)
{
	return answer(c, VHOST_USER_PROTOCOL_OFFER);
}

static int
set_protocol_features(struct vhost *v, struct call *c, struct err *err)
{
	if (c->m->u64 & ~VHOST_USER_PROTOCOL_OFFER)
		return err_set(err, -EINVAL, "protocol features 0x%" PRIx64 " were never offered",
			       (uint64_t)(c->m->u64 & ~VHOST_USER_PROTOCOL_OFFER));
	v->protocol_features = c->m->u64;
	return 0;
}

/* SET_OWNER begins nothing that the connection has not begun. RESET_OWNER is deprecated: "recommended that back-ends ignore this". */
static int
nothing_to_do(struct vhost *v, struct call *c, struct err *err)
{
	return 0;
}

static int
get_queue_num(struct vhost *v, struct call *c, struct err *err)
{
	return answer(c, v->rings.n_pairs);
}

static int
set_mtu(struct vhost *v, struct call *c, struct err *err)
{
	if (c->m->u64 < MTU_MIN || c->m->u64 > v->is.mtu) {
		c->go_on = true;
		return err_set(err, -ERANGE, "MTU %" PRIu64 " is not between %d and the port's %u", c->m->u64, MTU_MIN,
			       v->is.mtu);
	}
	v->mtu_front_end = (unsigned)c->m->u64;
	vhost_apply_mtu(v);
	return 0;
}

static int
send_rarp(struct vhost *v, struct call *c, struct err *err)
{
	memcpy(v->announce, &c->came->bytes[VHOST_USER_HEADER_LEN], sizeof(v->announce));
	for (unsigned pair = 0; pair < v->rings.n_pairs; pair++)
		if (v->ring[2 * pair + 1].runs) {
			vring_announce(&v->rings.tx[pair], v->announce);
			queue_kick(v->queue[pair]); /* nobody else wakes its processor for it */
			memset(v->announce, 0, sizeof(v->announce));
			return 0;
		}
	return 0; /* by the first one that starts */
}

/* Zero is a reset (virtio 1.2, 2.1). QEMU tells before the next start which rings are enabled, and that stays. */
static int
set_status(struct vhost *v, struct call *c, struct err *err)
{
	v->status = (uint8_t)c->m->u64;
	if (v->status != 0)
		return 0;
	vhost_rings_halt(v, VHOST_ALL_RINGS);
	for (unsigned i = 0; i < vhost_n_rings(v); i++)
		vhost_ring_unkick(v, i);
	return 0;
}

static int
get_status(struct vhost *v, struct call *c, struct err *err)
{
	return answer(c, v->status);
}

static int
reset_device(struct vhost *v, struct call *c, struct err *err)
{
	vhost_reset(v);
	return 0;
}

/* ---- memory ---- */

static struct guest_region_claim
claim_of(const struct vhost_user_region *r)
{
	struct vhost_user_region is;

	memcpy(&is, r, sizeof(is)); /* packed */
	return (struct guest_region_claim){ is.gpa, is.len, is.user, is.offset, false };
}

static int
set_mem_table(struct vhost *v, struct call *c, struct err *err)
{
	struct guest_region_claim claims[VHOST_USER_TABLE_MAX];
	unsigned n = c->m->table.n;
	int ret;

	if (n > VHOST_USER_TABLE_MAX)
		return err_set(err, -EINVAL, "table of %u memory regions; %d at most", n, VHOST_USER_TABLE_MAX);
	if (c->m->size < 8 + n * sizeof(c->m->table.region[0]))
		return err_set(err, -EBADMSG, "table of %u memory regions in %u bytes", n, c->m->size);
	ret = need_fds(c, n, err);
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < n; i++)
		claims[i] = claim_of((const void *)((const uint8_t *)c->m + VHOST_USER_HEADER_LEN + 8 +
						    i * sizeof(struct vhost_user_region)));
	return vhost_mem_set(v, claims, c->came->fds, n, err);
}

static int
get_max_mem_slots(struct vhost *v, struct call *c, struct err *err)
{
	return answer(c, GUEST_REGIONS_MAX);
}

static struct guest_region_claim
slot_of(const struct call *c)
{
	return claim_of((const void *)((const uint8_t *)c->m + VHOST_USER_HEADER_LEN + 8));
}

static int
add_mem_reg(struct vhost *v, struct call *c, struct err *err)
{
	struct guest_region_claim claim = slot_of(c);
	int ret = need_fds(c, 1, err);

	return ret < 0 ? ret : vhost_mem_add(v, &claim, c->came->fds[0], err);
}

static int
rem_mem_reg(struct vhost *v, struct call *c, struct err *err)
{
	struct guest_region_claim claim = slot_of(c);

	return vhost_mem_remove(v, &claim, err);
}

/* Answered always: QEMU waits. */
static int
set_log_base(struct vhost *v, struct call *c, struct err *err)
{
	int ret = need_fds(c, 1, err);

	if (ret < 0)
		return ret;
	ret = vhost_log_set(v, c->came->fds[0], c->m->log.offset, c->m->log.len, err);
	if (v->log_fd == c->came->fds[0])
		take_fd(c);
	return ret < 0 ? ret : answer(c, 0);
}

/* ---- rings ---- */

/* index, or -EINVAL and err. */
static int
ring_of(const struct vhost *v, uint32_t index, struct err *err)
{
	if (index < vhost_n_rings(v))
		return (int)index;
	return err_set(err, -EINVAL, "virtqueue %u of %u", index, vhost_n_rings(v));
}

static int
set_vring_num(struct vhost *v, struct call *c, struct err *err)
{
	uint32_t size = c->m->state.num;
	int i = ring_of(v, c->m->state.index, err);

	if (i < 0)
		return i;
	if (size == 0 || size > VRING_SIZE_MAX || (size & (size - 1)) != 0)
		return err_set(err, -EINVAL, "virtqueue of %u entries: a power of two up to %d is needed", size,
			       VRING_SIZE_MAX);
	vhost_rings_halt(v, 1u << i);
	v->ring[i].size = size;
	return vhost_rings_run(v, 1u << i, err);
}

static int
set_vring_addr(struct vhost *v, struct call *c, struct err *err)
{
	struct vhost_ring *r;
	int i = ring_of(v, c->m->addr.index, err);

	if (i < 0)
		return i;
	if (c->m->addr.desc % 16 != 0 || c->m->addr.avail % 2 != 0 || c->m->addr.used % 4 != 0)
		return err_set(err, -EINVAL, "virtqueue %u is not aligned", i);
	vhost_rings_halt(v, 1u << i);
	r = &v->ring[i];
	r->desc = c->m->addr.desc;
	r->used = c->m->addr.used;
	r->avail = c->m->addr.avail;
	r->log = c->m->addr.log;
	r->logs = c->m->addr.flags & VHOST_USER_RING_LOGS;
	r->has_addr = true;
	return vhost_rings_run(v, 1u << i, err);
}

static int
set_vring_base(struct vhost *v, struct call *c, struct err *err)
{
	int i = ring_of(v, c->m->state.index, err);

	if (i < 0)
		return i;
	if (c->m->state.num > UINT16_MAX)
		return err_set(err, -EINVAL, "virtqueue %u cannot begin at entry %u", i, c->m->state.num);
	vhost_rings_halt(v, 1u << i);
	v->ring[i].base = (uint16_t)c->m->state.num;
	v->ring[i].has_base = true;
	return vhost_rings_run(v, 1u << i, err);
}

/* Stops this ring alone, until the next SET_VRING_KICK. */
static int
get_vring_base(struct vhost *v, struct call *c, struct err *err)
{
	int i = ring_of(v, c->m->state.index, err);

	if (i < 0)
		return i;
	vhost_rings_halt(v, 1u << i);
	vhost_ring_unkick(v, i);
	c->m->state.num = v->ring[i].base;
	c->answered = true; /* index and num */
	return 0;
}

static int
set_vring_enable(struct vhost *v, struct call *c, struct err *err)
{
	int i = ring_of(v, c->m->state.index, err);

	if (i < 0)
		return i;
	if (c->m->state.num > 1)
		return err_set(err, -EINVAL, "virtqueue %u can be enabled by 1 or disabled by 0, not by %u", i,
			       c->m->state.num);
	if (c->m->state.num == 1)
		return vhost_ring_enable(v, i, err);
	vhost_ring_disable(v, i);
	return 0;
}

/* The ring (or -errno and err) and the eventfd that KICK, CALL and ERR name; *fd: -1 when none comes along, else the caller's. */
static int
ring_eventfd(struct vhost *v, struct call *c, int *fd, struct err *err)
{
	int i = ring_of(v, c->m->u64 & 0xff, err), ret;

	*fd = -1;
	if (i < 0 || (c->m->u64 & VHOST_USER_NO_FD))
		return i;
	ret = need_fds(c, 1, err);
	if (ret < 0)
		return ret;
	if (!interrupt_is_eventfd(c->came->fds[0]))
		return err_set(err, -EBADF, "virtqueue %u got a descriptor that is no eventfd", i);
	*fd = take_fd(c);
	/* Flags of an eventfd are shared with the front end; F_SETFL leaves how it was opened alone. */
	fcntl(*fd, F_SETFL, O_NONBLOCK);
	return i;
}

static int
set_vring_kick(struct vhost *v, struct call *c, struct err *err)
{
	int fd, i = ring_eventfd(v, c, &fd, err);

	if (i < 0)
		return i;
	vhost_rings_halt(v, 1u << i);
	if (v->ring[i].kick_fd >= 0)
		close(v->ring[i].kick_fd);
	v->ring[i].kick_fd = fd;
	v->ring[i].has_kick = true;
	return vhost_rings_run(v, 1u << i, err);
}

static int
set_vring_call(struct vhost *v, struct call *c, struct err *err)
{
	int fd, i = ring_eventfd(v, c, &fd, err);

	if (i < 0)
		return i;
	vhost_ring_set_call(v, i, fd);
	return 0;
}

/* We tell a person of a broken ring, not the guest: no front end listens for this one (QEMU never did). */
static int
set_vring_err(struct vhost *v, struct call *c, struct err *err)
{
	int fd, i = ring_eventfd(v, c, &fd, err);

	if (fd >= 0)
		close(fd);
	return i < 0 ? i : 0;
}

/* ---- the protocol ---- */

enum { U64 = 8, STATE = 8, ADDR = 40, LOG = 16, SLOT = 40, TABLE = 8, TABLE_FULL = 8 + VHOST_USER_TABLE_MAX * 32 };

/* Lengths of payload that a request may have, and who handles it. */
static const struct request {
	uint32_t least, most;
	int (*handle)(struct vhost *v, struct call *c, struct err *err);
} requests[VHOST_USER_REQUESTS] = {
	[VHOST_USER_GET_FEATURES] = { 0, 0, get_features },
	[VHOST_USER_SET_FEATURES] = { U64, U64, set_features },
	[VHOST_USER_SET_OWNER] = { 0, 0, nothing_to_do },
	[VHOST_USER_RESET_OWNER] = { 0, 0, nothing_to_do },
	[VHOST_USER_SET_MEM_TABLE] = { TABLE, TABLE_FULL, set_mem_table },
	[VHOST_USER_SET_LOG_BASE] = { LOG, LOG, set_log_base },
	[VHOST_USER_SET_LOG_FD] = { 0, 0, nothing_to_do }, /* whoever reads the log polls it: the eventfd is closed */
	[VHOST_USER_SET_VRING_NUM] = { STATE, STATE, set_vring_num },
	[VHOST_USER_SET_VRING_ADDR] = { ADDR, ADDR, set_vring_addr },
	[VHOST_USER_SET_VRING_BASE] = { STATE, STATE, set_vring_base },
	[VHOST_USER_GET_VRING_BASE] = { STATE, STATE, get_vring_base },
	[VHOST_USER_SET_VRING_KICK] = { U64, U64, set_vring_kick },
	[VHOST_USER_SET_VRING_CALL] = { U64, U64, set_vring_call },
	[VHOST_USER_SET_VRING_ERR] = { U64, U64, set_vring_err },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { 0, 0, get_protocol_features },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { U64, U64, set_protocol_features },
	[VHOST_USER_GET_QUEUE_NUM] = { 0, 0, get_queue_num },
	[VHOST_USER_SET_VRING_ENABLE] = { STATE, STATE, set_vring_enable },
	[VHOST_USER_SEND_RARP] = { U64, U64, send_rarp },
	[VHOST_USER_NET_SET_MTU] = { U64, U64, set_mtu },
	[VHOST_USER_RESET_DEVICE] = { 0, 0, reset_device },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { 0, 0, get_max_mem_slots },
	[VHOST_USER_ADD_MEM_REG] = { SLOT, SLOT, add_mem_reg },
	[VHOST_USER_REM_MEM_REG] = { SLOT, SLOT, rem_mem_reg },
	[VHOST_USER_SET_STATUS] = { U64, U64, set_status },
	[VHOST_USER_GET_STATUS] = { 0, 0, get_status },
};

static const struct request *
request_of(uint32_t number)
{
	return number < VHOST_USER_REQUESTS && requests[number].handle != NULL ? &requests[number] : NULL;
}

static int
payload_len(void *owner, const uint8_t *header, struct err *err)
{
	const struct request *request;
	uint32_t number, flags, size;

	memcpy(&number, header, 4);
	memcpy(&flags, header + 4, 4);
	memcpy(&size, header + 8, 4);
	if ((flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION || (flags & VHOST_USER_REPLY))
		return err_set(err, -EBADMSG, "message is no request of vhost-user, version 1");
	request = request_of(number);
	if (size > VHOST_USER_PAYLOAD_MAX || (request != NULL && (size < request->least || size > request->most)))
		return err_set(err, -EBADMSG, "request %u has %u bytes", number, size);
	return (int)size;
}

static int
send_message(struct vhost *v, struct vhost_user_message *m, struct err *err)
{
	int ret;

	m->flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	ret = session_send(v->session, m, VHOST_USER_HEADER_LEN + m->size);
	return ret < 0 ? err_set(err, ret, "it takes no answer: %s", strerror(-ret)) : 0;
}

static int
on_message(void *owner, struct session_message *came, struct err *err)
{
	struct vhost_user_message m = { 0 };
	struct call c = { .m = &m, .came = came };
	const struct request *request;
	struct vhost *v = owner;
	bool need_reply;
	int ret;

	memcpy(&m, came->bytes, came->len < sizeof(m) ? came->len : sizeof(m));
	need_reply = m.flags & VHOST_USER_NEED_REPLY;
	request = request_of(m.request);
	if (request != NULL) {
		ret = request->handle(v, &c, err);
	} else {
		c.go_on = true;
		ret = err_set(err, -EOPNOTSUPP, "request %u is not known", m.request);
	}
	if (!c.answered && need_reply)
		answer(&c, ret < 0); /* REPLY_ACK: zero for success */
	if (c.answered && (ret == 0 || need_reply) && send_message(v, &m, err) < 0)
		return err->code;
	if (ret == 0 || !c.go_on || !need_reply)
		return ret;
	session_refused(v->session, err->msg);
	return 0;
}

static void
begun(void *owner)
{
	struct vhost *v = owner;

	v->connects++;
}

/* Everything is as before the connection: the next front end finds a new device. */
static void
ended(void *owner, const char *why)
{
	struct vhost *v = owner;

	snprintf(v->last_error, sizeof(v->last_error), "%s", why != NULL ? why : "");
	vhost_reset(v);
	vhost_mem_publish(v, NULL);
	if (v->log_fd >= 0)
		close(v->log_fd);
	v->log_fd = -1;
	v->features = v->protocol_features = 0;
	v->mtu_front_end = 0;
	memset(v->announce, 0, sizeof(v->announce));
	vhost_apply_mtu(v);
}

const struct session_kind vhost_user_kind = {
	.peer = "front end",
	.header_len = VHOST_USER_HEADER_LEN,
	.message_max = VHOST_USER_HEADER_LEN + VHOST_USER_PAYLOAD_MAX,
	.payload_len = payload_len,
	.message = on_message,
	.begun = begun,
	.ended = ended,
};
