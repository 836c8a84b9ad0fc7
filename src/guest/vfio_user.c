/*
 * vfio_user.c - requests and answers; see vfio_user.h.
 *
 * What has no valid header, is no request, is too long, or comes before the version is agreed on ends the connection: the peer is not
 * the client that it should be, and where its next message begins cannot be known. Everything else that is wrong is answered by an
 * error and changes nothing: QEMU goes on without what it asked for, and says so.
 */
#include "guest/vfio_user.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/vfio_user_call.h"

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

/*
 * "Version data format". No write_multiple: QEMU 10.1 then sends every message by its slower, queued way. QEMU takes the answer
 * into the buffer of its own offer, so what we leave out stays as it offered it, and a longer answer is an error.
 */
static const char capabilities[] =
	"{\"capabilities\":{\"max_msg_fds\":" TEXT_OF(SESSION_FDS_MAX) ",\"max_data_xfer_size\":" TEXT_OF(
		VFIO_XFER_MAX) ",\"max_dma_maps\":" TEXT_OF(VFIO_SECTIONS_MAX) ",\"pgsizes\":4096,\"write_multiple\":"
									       "false}}";
static const char no_capabilities[] = "{\"capabilities\":{}}";

static_assert(VFIO_PAYLOAD_MAX + VFIO_USER_HEADER_LEN <= 4096 + SESSION_HEADER_MAX, "an answer fits (outbox.h)");

/* ---- version ---- */

static int
agree(struct vfio_user *v, struct vfio_call *c, struct err *err)
{
	struct vfio_user_version version;
	size_t room = c->len - sizeof(version), n = 0;
	const char *data = NULL;

	if (v->agreed)
		return err_set(err, -EINVAL, "version is agreed on already");
	c->over = true;
	memcpy(&version, c->payload, sizeof(version));
	if (version.major != VFIO_USER_MAJOR)
		return err_set(err, -EINVAL, "version %u.%u is not %d.x", version.major, version.minor,
			       VFIO_USER_MAJOR);
	if (room > 0 && c->payload[c->len - 1] != '\0')
		return err_set(err, -EINVAL, "capabilities do not end with a zero byte");
	version.minor = VFIO_USER_MINOR; /* "the server's minor version, up to the client's" */
	if (room >= sizeof(capabilities)) {
		data = capabilities;
		n = sizeof(capabilities);
	} else if (room >= sizeof(no_capabilities)) {
		data = no_capabilities;
		n = sizeof(no_capabilities);
	}
	memcpy(c->answer, &version, sizeof(version));
	if (n > 0)
		memcpy(c->answer + sizeof(version), data, n);
	c->answer_len = sizeof(version) + n;
	v->agreed = true;
	return 0;
}

/* ---- regions ---- */

/* Checks where an access goes. */
static int
access_of(struct vfio_user *v, struct vfio_call *c, bool writes, struct vfio_user_access *a, struct err *err)
{
	struct vfio_region region = { .fd = -1 };
	bool any_size;

	memcpy(a, c->payload, sizeof(*a));
	any_size = a->region == VFIO_REGION_CONFIG && a->count > 0 && a->count <= VFIO_XFER_MAX;
	if (a->count != 1 && a->count != 2 && a->count != 4 && a->count != 8 && !any_size)
		return err_set(err, -EINVAL, "access of %" PRIu32 " bytes to region %" PRIu32, a->count, a->region);
	if (a->region < VFIO_REGIONS)
		v->is.ops->region(v->is.device, a->region, &region);
	if (a->offset > region.size || a->count > region.size - a->offset)
		return err_set(err, -EINVAL,
			       "access at 0x%" PRIx64 " of region %" PRIu32 ", which has %" PRIu64 " bytes", a->offset,
			       a->region, region.size);
	if (writes && !region.writable)
		return err_set(err, -EACCES, "region %" PRIu32 " is written, but can only be read", a->region);
	v->traps++;
	return 0;
}

static int
read_region(struct vfio_user *v, struct vfio_call *c, struct err *err)
{
	struct vfio_user_access a;
	int ret = access_of(v, c, false, &a, err);

	if (ret < 0)
		return ret;
	ret = v->is.ops->read(v->is.device, a.region, a.offset, c->answer + sizeof(a), a.count);
	if (ret < 0)
		return err_set(err, ret, "region %" PRIu32 " cannot be read at 0x%" PRIx64, a.region, a.offset);
	memcpy(c->answer, &a, sizeof(a));
	c->answer_len = sizeof(a) + a.count;
	return 0;
}

static int
write_region(struct vfio_user *v, struct vfio_call *c, struct err *err)
{
	struct vfio_user_access a;
	int ret = access_of(v, c, true, &a, err);

	if (ret < 0)
		return ret;
	if (c->len - sizeof(a) != a.count)
		return err_set(err, -EINVAL, "write of %" PRIu32 " bytes came with %zu", a.count, c->len - sizeof(a));
	ret = v->is.ops->write(v->is.device, a.region, a.offset, c->payload + sizeof(a), a.count);
	if (ret < 0)
		return err_set(err, ret, "region %" PRIu32 " cannot be written at 0x%" PRIx64, a.region, a.offset);
	memcpy(c->answer, &a, sizeof(a));
	c->answer_len = sizeof(a);
	return 0;
}

static int
reset(struct vfio_user *v, struct vfio_call *c, struct err *err)
{
	v->is.ops->reset(v->is.device);
	return 0;
}

/* ---- requests ---- */

/* Bytes of payload that a request may have, descriptors at most, whether the device has to look around before, and who handles it. */
static const struct request {
	size_t least, most;
	unsigned fds;
	bool syncs;
	vfio_handler *handle;
} requests[VFIO_USER_COMMANDS] = {
	[VFIO_USER_VERSION] = { sizeof(struct vfio_user_version), VFIO_PAYLOAD_MAX, 0, false, agree },
	[VFIO_USER_DMA_MAP] = { sizeof(struct vfio_user_dma_map), sizeof(struct vfio_user_dma_map), 1, true,
				vfio_dma_map },
	[VFIO_USER_DMA_UNMAP] = { sizeof(struct vfio_user_dma_unmap), sizeof(struct vfio_user_dma_unmap), 0, true,
				  vfio_dma_unmap },
	[VFIO_USER_DEVICE_GET_INFO] = { sizeof(struct vfio_user_device_info), sizeof(struct vfio_user_device_info), 0,
					false, vfio_get_info },
	/* A client that asks again, with room for the capabilities, may send that room along. */
	[VFIO_USER_DEVICE_GET_REGION_INFO] = { sizeof(struct vfio_user_region_info), VFIO_PAYLOAD_MAX, 0, false,
					       vfio_get_region_info },
	[VFIO_USER_DEVICE_GET_IRQ_INFO] = { sizeof(struct vfio_user_irq_info), sizeof(struct vfio_user_irq_info), 0,
					    false, vfio_get_irq_info },
	/* Longer with DATA_BOOL, which is refused as a whole. */
	[VFIO_USER_DEVICE_SET_IRQS] = { sizeof(struct vfio_user_set_irqs), VFIO_PAYLOAD_MAX, SESSION_FDS_MAX, true,
					vfio_set_irqs },
	[VFIO_USER_REGION_READ] = { sizeof(struct vfio_user_access), sizeof(struct vfio_user_access), 0, true,
				    read_region },
	[VFIO_USER_REGION_WRITE] = { sizeof(struct vfio_user_access) + 1, VFIO_PAYLOAD_MAX, 0, true, write_region },
	[VFIO_USER_DEVICE_RESET] = { 0, 0, 0, true, reset },
};

static int
payload_len(void *owner, const uint8_t *header, struct err *err)
{
	struct vfio_user_header h;

	memcpy(&h, header, sizeof(h));
	if ((h.flags & VFIO_USER_TYPE) != VFIO_USER_REQUEST)
		return err_set(err, -EBADMSG, "message with flags 0x%" PRIx32 " is no request of vfio-user", h.flags);
	if (h.size < VFIO_USER_HEADER_LEN || h.size > VFIO_USER_HEADER_LEN + VFIO_PAYLOAD_MAX)
		return err_set(err, -EBADMSG, "command %u has %" PRIu32 " bytes", h.command, h.size);
	return (int)(h.size - VFIO_USER_HEADER_LEN);
}

/* Carries a request out. */
static int
handle(struct vfio_user *v, struct vfio_call *c, bool more_fds, struct err *err)
{
	unsigned command = c->header->command;
	const struct request *r = command < VFIO_USER_COMMANDS ? &requests[command] : &requests[0];

	if (!v->agreed && command != VFIO_USER_VERSION) {
		c->over = true;
		return err_set(err, -EINVAL, "command %u came before the version was agreed on", command);
	}
	if (r->handle == NULL)
		return err_set(err, -EOPNOTSUPP, "command %u is not known", command);
	if (c->len < r->least || c->len > r->most)
		return err_set(err, -EINVAL, "command %u has %zu bytes", command, c->len + VFIO_USER_HEADER_LEN);
	if (c->n_fds > r->fds || more_fds)
		return err_set(err, -EINVAL, "command %u came with %u%s descriptors", command, c->n_fds,
			       more_fds ? " and more" : "");
	if (r->syncs)
		v->is.ops->sync(v->is.device);
	return r->handle(v, c, err);
}

/* message: room for header and answer, with the answer in its place. */
static int
reply(struct vfio_user *v, const struct vfio_call *c, int error, uint8_t *message, struct err *err)
{
	struct vfio_user_header h = { c->header->id, c->header->command, VFIO_USER_HEADER_LEN, VFIO_USER_REPLY, 0 };
	int ret;

	if (error < 0) {
		h.flags |= VFIO_USER_ERROR;
		h.error = (uint32_t)-error;
	} else {
		h.size += (uint32_t)c->answer_len;
	}
	memcpy(message, &h, sizeof(h));
	ret = session_send_fd(v->session, message, h.size, error < 0 ? -1 : c->answer_fd);
	return ret < 0 ? err_set(err, ret, "it takes no answer: %s", strerror(-ret)) : 0;
}

static int
on_message(void *owner, struct session_message *came, struct err *err)
{
	uint8_t message[VFIO_USER_HEADER_LEN + VFIO_PAYLOAD_MAX];
	struct vfio_user *v = owner;
	struct vfio_user_header header;
	struct vfio_call c = {
		.header = &header,
		.payload = came->bytes + VFIO_USER_HEADER_LEN,
		.len = came->len - VFIO_USER_HEADER_LEN,
		.fds = came->fds,
		.n_fds = came->n_fds,
		.answer = message + VFIO_USER_HEADER_LEN,
		.answer_fd = -1,
	};
	struct err why = { 0 };
	int ret;

	memcpy(&header, came->bytes, sizeof(header));
	ret = handle(v, &c, came->more_fds, &why);
	if (!(header.flags & VFIO_USER_NO_REPLY) && reply(v, &c, ret, message, err) < 0)
		return err->code;
	if (ret == 0)
		return 0;
	if (c.over)
		return err_set(err, ret, "%s", why.msg);
	session_refused(v->session, why.msg);
	snprintf(v->last_error, sizeof(v->last_error), "%.159s", why.msg);
	return 0;
}

/* ---- the session ---- */

static void
begun(void *owner)
{
	struct vfio_user *v = owner;

	v->connects++;
	v->agreed = false;
	v->is.ops->begun(v->is.device);
}

static void
ended(void *owner, const char *why)
{
	struct vfio_user *v = owner;

	if (why != NULL)
		snprintf(v->last_error, sizeof(v->last_error), "%s", why);
	for (unsigned i = 0; i < v->is.ops->n_vectors; i++)
		v->is.ops->set_vector(v->is.device, i, -1);
	vfio_mem_clear(v);
	v->is.ops->ended(v->is.device, why);
}

static const struct session_kind kind = {
	.peer = "VMM",
	.header_len = VFIO_USER_HEADER_LEN,
	.message_max = VFIO_USER_HEADER_LEN + VFIO_PAYLOAD_MAX,
	.payload_len = payload_len,
	.message = on_message,
	.begun = begun,
	.ended = ended,
};

struct vfio_user *
vfio_user_open(struct session_loop *loop, const struct vfio_user_options *options, int server, struct err *err)
{
	struct session_options session = { .kind = &kind, .name = options->name, .listen_fd = server };
	struct vfio_user *v = calloc(1, sizeof(*v));

	if (v == NULL) {
		close(server);
		err_set(err, -ENOMEM, "no memory for port '%s'", options->name);
		return NULL;
	}
	session.owner = v;
	v->is = *options;
	v->session = session_open(loop, &session, err);
	if (v->session != NULL)
		return v;
	free(v);
	return NULL;
}

void
vfio_user_close(struct vfio_user *v)
{
	if (v == NULL)
		return;
	session_close(v->session);
	free(v);
}

const struct guest_mem *_Atomic *
vfio_user_memory(struct vfio_user *v)
{
	return &v->published;
}

void
vfio_user_end(struct vfio_user *v, const char *why)
{
	session_end(v->session, why);
}

void
vfio_user_tend(struct vfio_user *v)
{
	if (guest_mem_is_dead(v->mem))
		session_end(v->session, "memory shrank");
}

void
vfio_user_info(const struct vfio_user *v, struct vfio_user_info *out)
{
	*out = (struct vfio_user_info){
		.connected = session_has_peer(v->session),
		.connects = v->connects,
		.sections = v->n_sections,
		.regions = v->mem != NULL ? v->mem->n : 0,
		.traps = v->traps,
	};
	for (unsigned i = 0; i < out->regions; i++)
		out->memory_bytes += v->mem->region[i].len;
	snprintf(out->last_error, sizeof(out->last_error), "%s", v->last_error);
}
