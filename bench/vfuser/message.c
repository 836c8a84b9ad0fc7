/* message.c - messages of vfio-user on the socket; see vfuser.h. */
#include "bench/vfuser/vfuser.h"

#include <errno.h>
#include <unistd.h>

int
vfuser_send_bytes(struct vfuser *v, const void *bytes, size_t len)
{
	return stream_send(&v->stream, bytes, len, NULL, 0);
}

int
vfuser_send(struct vfuser *v, const struct vfuser_msg *m, const int *fds, unsigned n_fds)
{
	return m->size > sizeof(*m) ? -EINVAL : stream_send(&v->stream, m, m->size, fds, n_fds);
}

int
vfuser_receive(struct vfuser *v, struct vfuser_msg *m, int *fd)
{
	int64_t end_ms = stream_deadline(&v->stream);
	int kept = -1, err = stream_receive(&v->stream, m, VFUSER_HEADER_LEN, end_ms, &kept);

	if (err == 0 && (m->size < VFUSER_HEADER_LEN || m->size > sizeof(*m)))
		err = -EPROTO;
	if (err == 0)
		err = stream_receive(&v->stream, m->raw, m->size - VFUSER_HEADER_LEN, end_ms, &kept);
	if ((err < 0 || fd == NULL) && kept >= 0) {
		close(kept);
		kept = -1;
	}
	if (fd != NULL)
		*fd = kept;
	return err;
}

int
vfuser_ask(struct vfuser *v, struct vfuser_msg *m, unsigned len, const int *fds, unsigned n_fds, unsigned least,
	   int *fd)
{
	uint16_t command = m->command;
	int err;

	m->id = ++v->id;
	m->size = VFUSER_HEADER_LEN + len;
	m->flags = m->error = 0;
	err = vfuser_send(v, m, fds, n_fds);
	if (err == 0)
		err = vfuser_receive(v, m, fd);
	if (err < 0)
		return err;
	if (m->id != v->id || m->command != command || (m->flags & VFUSER_TYPE) != VFUSER_REPLY)
		return -EPROTO;
	if (m->flags & VFUSER_ERROR) {
		v->error = m->error;
		return m->error != 0 && m->size == VFUSER_HEADER_LEN ? -EREMOTEIO : -EPROTO;
	}
	return m->error == 0 && m->size >= VFUSER_HEADER_LEN + least ? 0 : -EPROTO;
}
