/* message.c - messages of vhost-user on the socket; see vuser.h. */
#include "bench/vuser/vuser.h"

#include <errno.h>

int
vuser_send_bytes(struct vuser *v, const void *bytes, size_t len)
{
	return stream_send(&v->stream, bytes, len, NULL, 0);
}

int
vuser_send(struct vuser *v, const struct vuser_msg *m, const int *fds, unsigned n_fds)
{
	if (n_fds > VUSER_FDS_MAX || m->size > sizeof(m->raw))
		return -EINVAL;
	return stream_send(&v->stream, m, VUSER_HEADER_LEN + m->size, fds, n_fds);
}

int
vuser_receive(struct vuser *v, struct vuser_msg *m)
{
	int64_t end_ms = stream_deadline(&v->stream);
	int err = stream_receive(&v->stream, m, VUSER_HEADER_LEN, end_ms, NULL);

	if (err < 0)
		return err;
	if (m->size > sizeof(m->raw))
		return -EPROTO;
	return stream_receive(&v->stream, m->raw, m->size, end_ms, NULL);
}

/* The answer to `request`, of at least `least` bytes, into m. */
static int
receive_answer(struct vuser *v, struct vuser_msg *m, uint32_t request, unsigned least)
{
	int err = vuser_receive(v, m);

	if (err < 0)
		return err;
	return m->request == request && (m->flags & VUSER_REPLY) != 0 && m->size >= least ? 0 : -EPROTO;
}

int
vuser_tell(struct vuser *v, struct vuser_msg *m, const int *fds, unsigned n_fds)
{
	bool acknowledged = vuser_has_protocol(v, VUSER_PROTOCOL_REPLY_ACK);
	int err;

	m->flags = VUSER_VERSION | (acknowledged ? VUSER_NEED_REPLY : 0);
	err = vuser_send(v, m, fds, n_fds);
	if (err < 0 || !acknowledged)
		return err;
	err = receive_answer(v, m, m->request, sizeof(m->u64));
	if (err < 0)
		return err;
	return m->u64 == 0 ? 0 : -EREMOTEIO;
}

int
vuser_ask(struct vuser *v, struct vuser_msg *m, unsigned least)
{
	uint32_t request = m->request;
	int err;

	m->flags = VUSER_VERSION;
	err = vuser_send(v, m, NULL, 0);
	return err < 0 ? err : receive_answer(v, m, request, least);
}
