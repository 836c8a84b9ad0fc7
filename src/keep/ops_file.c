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

/* Where the socket lies that a request names, and one of our own for it in c->fds[0]. */
static int
socket_begin(const struct keeper *k, struct call *c, struct sockaddr_un *a)
{
	int n = snprintf(a->sun_path, sizeof(a->sun_path), "%s/%s", k->options->run_dir, c->q.name);

	c->re.step = KEEP_AT_FILE;
	a->sun_family = AF_UNIX;
	if (n >= (int)sizeof(a->sun_path))
		return -ENAMETOOLONG;
	return call_hold(c, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/* Connects it to what stands there, which must be a socket, and no link to one. When that fails it is as new. */
static int
socket_connect(struct call *c, const struct sockaddr_un *a)
{
	struct stat st;

	if (lstat(a->sun_path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return connect(c->fds[0], (const struct sockaddr *)a, sizeof(*a)) < 0 ? -errno : 0;
}

/* The mode comes from umask and not from chmod: a path can be made to point elsewhere between two calls. */
static int
socket_make(struct call *c, const struct sockaddr_un *a, struct keeper_socket *entry)
{
	mode_t old = umask(0777 & ~c->q.mode);
	int code = bind(c->fds[0], (const struct sockaddr *)a, sizeof(*a));
	struct stat st;

	umask(old);
	if (code < 0)
		return -errno;
	if (fchownat(AT_FDCWD, a->sun_path, c->q.uid, c->q.gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    lstat(a->sun_path, &st) < 0 || listen(c->fds[0], LISTEN_BACKLOG) < 0) {
		code = -errno;
		unlink(a->sun_path);
		return code;
	}
	memcpy(entry->path, a->sun_path, sizeof(entry->path));
	entry->ino = st.st_ino;
	c->n_give = 1;
	return 0;
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
	struct sockaddr_un a;
	int code =
		socket_begin(k, c, &a) ?: call_hold(c, open(k->options->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct keeper_socket *entry = socket_entry(k, a.sun_path) ?: socket_entry(k, "");

	/* Two daemons that start at once would both find a stale socket, and one remove the other's new one. */
	code = code ?: entry == NULL ? -ENOSPC : flock(c->fds[1], LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (code < 0)
		return code;
	code = socket_connect(c, &a);
	if (code != -ENOENT && code != -ECONNREFUSED)
		return code == -EEXIST ? code : -EADDRINUSE;
	if (code == -ECONNREFUSED && unlink(a.sun_path) < 0)
		return -errno;
	return socket_make(c, &a, entry);
}

/* Unless somebody has put another in its place. */
void
socket_remove(struct keeper_socket *entry)
{
	struct stat st;

	if (lstat(entry->path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == entry->ino)
		unlink(entry->path);
	entry->path[0] = '\0';
}

int
op_unlisten(struct keeper *k, struct call *c)
{
	struct sockaddr_un a;
	int code = socket_begin(k, c, &a);
	struct keeper_socket *entry = code == 0 ? socket_entry(k, a.sun_path) : NULL;

	if (entry == NULL)
		return code ?: -ENOENT;
	socket_remove(entry);
	return 0;
}

int
op_connect(struct keeper *k, struct call *c)
{
	struct sockaddr_un a;

	c->n_give = 1;
	return socket_begin(k, c, &a) ?: socket_connect(c, &a);
}

/* All of a sealed memfd, whose length and bytes can no longer change, into a new file like the old one. */
static int
config_copy(int from, size_t len, int to, const struct stat *like)
{
	off_t at = 0;
	ssize_t n;

	while (at < (off_t)len)
		if ((n = sendfile(to, from, &at, len - (size_t)at)) <= 0)
			return n < 0 ? -errno : -EIO;
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
