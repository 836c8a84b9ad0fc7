/* client.c - the data plane's side: one request, one answer; see keep.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "keep/proto.h"

#define ANSWER_S 5 /* keep.h */

static int client_sock = -1;
static uint32_t client_seq;

/* A question with its answer. fds go with the question, and then hold what came with the answer. */
struct ask {
	struct keep_request q;
	struct keep_reply re;
	int fds[KEEP_FDS_MAX];
	unsigned n_fds;
};

void
keep_client_init(int sock)
{
	struct timeval t = { .tv_sec = ANSWER_S };

	client_sock = sock;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
}

static int
ask(struct ask *a, enum keep_op op, unsigned n_expected, struct err *err)
{
	ssize_t n = 0;
	int code;

	a->q.version = KEEP_VERSION;
	a->q.size = sizeof(a->q);
	a->q.op = op;
	a->q.seq = ++client_seq;
	code = keep_send(client_sock, &a->q, sizeof(a->q), a->fds, a->n_fds);
	while (code == 0) {
		n = keep_recv(client_sock, &a->re, sizeof(a->re), a->fds, &a->n_fds);
		if (n == sizeof(a->re) && a->re.seq == a->q.seq)
			break;
		keep_close_all(a->fds, &a->n_fds); /* an answer that came too late for an earlier question */
		code = n > 0 ? 0 : n == 0 ? -EPIPE : n == -EAGAIN ? -ETIMEDOUT : (int)n;
	}
	if (code == -ETIMEDOUT)
		return err_set(err, code, "the keeper did not answer within %d s", ANSWER_S);
	if (code < 0) {
		err_set(err, code, "the keeper cannot be asked: %s", strerror(-code));
		err_hint(err, "the keeper process has ended: restart fairleadd");
		return code;
	}
	if (a->re.code == 0 && a->n_fds != n_expected) {
		keep_close_all(a->fds, &a->n_fds);
		err_set(err, -EMFILE, "descriptors from the keeper did not fit into this process");
		err_hint(err, "raise the limit of open files: ulimit -n, or LimitNOFILE= in the unit");
		return -EMFILE;
	}
	return a->re.code == 0 ? 0 : keep_sentence(&a->q, &a->re, err);
}

static int
put_name(char *to, size_t size, const char *name, struct err *err)
{
	if (snprintf(to, size, "%s", name) < (int)size)
		return 0;
	return err_set(err, -ENAMETOOLONG, "name '%s' is longer than %zu characters", name, size - 1);
}
#define put(field, name, err) put_name(field, sizeof(field), name, err)

int
keep_tap_open(const struct keep_tap *tap, int *fds, struct mac *mac_out, struct err *err)
{
	struct ask a = { .q.tap = *tap };
	int code = ask(&a, KEEP_TAP_OPEN, tap->queues, err);

	if (code < 0)
		return code;
	memcpy(fds, a.fds, sizeof(int) * a.n_fds);
	*mac_out = a.re.mac;
	return 0;
}

int
keep_tap_set(const struct keep_tap *tap, struct err *err)
{
	struct ask a = { .q.tap = *tap };

	return ask(&a, KEEP_TAP_SET, 0, err);
}

int
keep_link_is_up(const char *netns, const char *interface, bool *up, struct err *err)
{
	struct ask a = { 0 };
	int code = put(a.q.tap.netns, netns, err) ?: put(a.q.tap.interface, interface, err) ?: ask(&a, KEEP_LINK_IS_UP, 0, err);

	*up = a.re.link.up;
	return code;
}

/* "fe80::1%eth0" and "::ffff:10.0.0.1" as they stand in SSH_CONNECTION and getsockname() are interface addresses too. */
static int
caller_parse(const char *text, struct prefix *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* RFC 4291, 2.5.5.2 */
	char address[PREFIX_TEXT_LEN];
	int code;

	snprintf(address, sizeof(address), "%.*s", (int)strcspn(text, "%"), text);
	code = prefix_parse(address, out);
	if (code == 0 && out->family == AF_INET6 && memcmp(out->addr, mapped, sizeof(mapped)) == 0) {
		*out = (struct prefix){ .family = AF_INET,
					.bits = 32,
					.addr = { out->addr[12], out->addr[13], out->addr[14], out->addr[15] } };
	}
	return code;
}

int
keep_link_show(const char *interface, const char *caller, struct keep_link *out, struct err *err)
{
	struct ask a = { 0 };
	int code;

	if (caller != NULL && caller_parse(caller, &a.q.caller) < 0)
		return err_set(err, -EINVAL, "the caller's address '%s' is not an IP address", caller);
	code = put(a.q.tap.interface, interface, err) ?: ask(&a, KEEP_LINK_SHOW, 0, err);
	*out = a.re.link;
	return code;
}

int
keep_link_up(const char *interface, struct err *err)
{
	struct ask a = { 0 };

	return put(a.q.tap.interface, interface, err) ?: ask(&a, KEEP_LINK_UP, 0, err);
}

int
keep_take_over(const char *uplink, const char *to, struct err *err)
{
	struct ask a = { 0 };

	return put(a.q.tap.interface, uplink, err) ?: put(a.q.to, to, err) ?: ask(&a, KEEP_TAKE_OVER, 0, err);
}

int
keep_give_back(struct err *err)
{
	struct ask a = { 0 };

	return ask(&a, KEEP_GIVE_BACK, 0, err);
}

/* The number of a user or a group; text may be one, or empty: then *id stays. */
static int
id_find(const char *text, bool user, uint32_t *id, struct err *err)
{
	const struct passwd *p = user ? getpwnam(text) : NULL;
	const struct group *g = user ? NULL : getgrnam(text);
	unsigned long number;
	char *end;

	if (text[0] == '\0')
		return 0;
	number = strtoul(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number < KEEP_NO_ID) {
		*id = (uint32_t)number;
		return 0;
	}
	if (p != NULL || g != NULL) {
		*id = user ? p->pw_uid : g->gr_gid;
		return 0;
	}
	err_set(err, -EINVAL, "there is no %s '%s'", user ? "user" : "group", text);
	err_hint(err, "getent %s lists those that there are", user ? "passwd" : "group");
	return -EINVAL;
}

static int
owner_find(const char *owner, struct keep_request *q, struct err *err)
{
	const char *colon = owner != NULL ? strchr(owner, ':') : NULL;
	char user[KEEP_NAME_MAX] = "";

	q->uid = q->gid = KEEP_NO_ID;
	if (owner == NULL || owner[0] == '\0')
		return 0;
	if (colon == NULL || colon - owner >= (ptrdiff_t)sizeof(user))
		return err_set(err, -EINVAL, "'%s' is not user:group", owner);
	memcpy(user, owner, (size_t)(colon - owner));
	return id_find(user, true, &q->uid, err) ?: id_find(colon + 1, false, &q->gid, err);
}

int
keep_listen(const char *name, mode_t mode, const char *owner, struct err *err)
{
	struct ask a = { .q.mode = mode };

	return owner_find(owner, &a.q, err) ?: put(a.q.name, name, err) ?: ask(&a, KEEP_LISTEN, 1, err) ?: a.fds[0];
}

int
keep_unlisten(const char *name, struct err *err)
{
	struct ask a = { 0 };

	return put(a.q.name, name, err) ?: ask(&a, KEEP_UNLISTEN, 0, err);
}

int
keep_connect(const char *name, struct err *err)
{
	struct ask a = { 0 };

	return put(a.q.name, name, err) ?: ask(&a, KEEP_CONNECT, 1, err) ?: a.fds[0];
}

int
keep_save_config(const char *text, size_t len, struct err *err)
{
	int fd = memfd_create("config", MFD_CLOEXEC | MFD_ALLOW_SEALING), code;
	struct ask a = { .fds = { fd }, .n_fds = 1 };

	/* A write to memory is whole, or the memory is used up. */
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) < 0)
		code = err_set(err, -ENOMEM, "there is no memory to hold %zu bytes of configuration", len);
	else
		code = ask(&a, KEEP_SAVE_CONFIG, 0, err);
	if (fd >= 0)
		close(fd);
	return code;
}
