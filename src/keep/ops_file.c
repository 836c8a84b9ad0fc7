/* ops_file.c - listening sockets in the run directory, and the configuration file; see ops.h. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "keep/ops.h"

#define LISTEN_BACKLOG 16 /* our choice: clients of an operator's tool */

/* Takes a socket that nobody listens on out of the way. */
static int
stale_remove(const struct sockaddr_un *a)
{
	struct stat st;
	int fd, code = -EADDRINUSE;

	if (lstat(a->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	fd = S_ISSOCK(st.st_mode) ? socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
	if (fd < 0)
		return S_ISSOCK(st.st_mode) ? -errno : -EEXIST;
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 && errno == ECONNREFUSED)
		code = unlink(a->sun_path) < 0 ? -errno : 0;
	close(fd);
	return code;
}

/* The mode comes from umask and not from chmod: a path can be made to point elsewhere between two calls. */
static int
socket_make(int fd, const struct sockaddr_un *a, const struct keep_request *q, struct stat *st)
{
	mode_t old = umask(0777 & ~q->mode);
	int code = bind(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 ? -errno : 0;

	umask(old);
	if (code < 0)
		return code;
	if (fchownat(AT_FDCWD, a->sun_path, (uid_t)-1, q->gid, AT_SYMLINK_NOFOLLOW) < 0 || lstat(a->sun_path, st) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0) {
		code = -errno;
		unlink(a->sun_path);
	}
	return code;
}

static struct keeper_socket *
socket_entry(struct keeper *k, const char *path)
{
	for (unsigned i = 0; i < KEEP_SOCKETS_MAX; i++)
		if (strcmp(k->sockets[i].path, path) == 0)
			return &k->sockets[i];
	return NULL;
}

int
op_listen(struct keeper *k, struct call *c)
{
	const char *dir = k->options->run_dir;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct keeper_socket *entry;
	struct stat st;
	int code;

	c->re.step = KEEP_AT_FILE;
	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, c->q.name) >= (int)sizeof(a.sun_path))
		return -ENAMETOOLONG;
	entry = socket_entry(k, a.sun_path) ?: socket_entry(k, "");
	if (entry == NULL)
		return -ENOSPC;
	code = call_hold(c, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
		       ?: call_hold(c, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (code < 0)
		return code;
	/* Two daemons that start at once would both find a stale socket, and one remove the other's new one. */
	code = flock(c->fds[1], LOCK_EX | LOCK_NB) < 0 ? -errno : stale_remove(&a) ?: socket_make(c->fds[0], &a, &c->q, &st);
	if (code == 0) {
		memcpy(entry->path, a.sun_path, sizeof(entry->path));
		entry->ino = st.st_ino;
		c->n_give = 1;
	}
	return code;
}

void
sockets_remove(struct keeper *k)
{
	struct stat st;

	for (struct keeper_socket *e = k->sockets; e < k->sockets + KEEP_SOCKETS_MAX; e++)
		if (e->path[0] && lstat(e->path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == e->ino)
			unlink(e->path);
}

/* All of a sealed memfd, whose length and bytes can no longer change, into a new file like the old one. */
static int
config_copy(int from, size_t len, int to, const struct stat *like)
{
	off_t at = 0;

	while (at < (off_t)len) {
		ssize_t n = sendfile(to, from, &at, len - (size_t)at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	if (fchown(to, like->st_uid, like->st_gid) < 0 || fchmod(to, like->st_mode & 07777) < 0 || fsync(to) < 0)
		return -errno;
	return 0;
}

static int
config_replace(struct call *c, const char *path, size_t len)
{
	char beside[PATH_MAX + 4], dir[PATH_MAX];
	struct stat like;
	int code;

	if (lstat(path, &like) < 0 || !S_ISREG(like.st_mode))
		return -EINVAL;
	snprintf(beside, sizeof(beside), "%s.new", path);
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path + 1), path);
	unlink(beside); /* a crash may have left one */
	code = call_hold(c, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
		       ?: call_hold(c, open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
	if (code < 0)
		return code;
	code = config_copy(c->fds[0], len, c->fds[2], &like) ?: rename(beside, path) < 0 ? -errno : 0;
	if (code < 0)
		unlink(beside);
	/* Without it the rename may be lost with the power. */
	return code ?: fsync(c->fds[1]) < 0 ? -errno : 0;
}

int
op_save_config(struct keeper *k, struct call *c)
{
	const int sealed = F_SEAL_WRITE | F_SEAL_SHRINK;
	int seals = fcntl(c->fds[0], F_GET_SEALS);
	char path[PATH_MAX];
	struct stat st;

	c->re.step = KEEP_AT_FILE;
	/* Only a memfd has seals; anything else could block the keeper, or change while it is read. */
	if (seals < 0 || (seals & sealed) != sealed || fstat(c->fds[0], &st) < 0 || st.st_size < 1 ||
	    st.st_size > KEEP_CONFIG_MAX)
		return -EPROTO;
	if (k->options->config_path == NULL)
		return -EROFS;
	if (realpath(k->options->config_path, path) == NULL)
		return -errno;
	return config_replace(c, path, (size_t)st.st_size);
}
