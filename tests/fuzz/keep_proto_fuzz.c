/* keep_proto_fuzz.c - any bytes as a request: no read beyond them, and what passes keeps what the operations rely on. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "keep/proto.h"
#include "tests/fuzz/fuzz.h"

static void
must_be_name(const char *s, size_t size)
{
	must(memchr(s, '\0', size) != NULL && strchr(s, '/') == NULL && strcmp(s, "..") != 0 && strchr(s, '%') == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keep_request *q = malloc(size ? size : 1);
	/* A number of descriptors comes from outside too: that of the operation, mostly. */
	unsigned n_fds = size > 12 ? (data[8] == KEEP_SAVE_CONFIG) ^ (data[12] == 0xff) : 0;

	if (q == NULL)
		return 0;
	memcpy(q, data, size);
	if (keep_request_check(q, size, n_fds) == 0) {
		must(size == sizeof(*q) && q->op < KEEP_OPS && n_fds == (q->op == KEEP_SAVE_CONFIG));
		if (q->op <= KEEP_TAKE_OVER)
			must_be_name(q->tap.interface, sizeof(q->tap.interface));
		if (q->op <= KEEP_LINK_SHOW)
			must_be_name(q->tap.netns, sizeof(q->tap.netns));
		if (q->op == KEEP_TAKE_OVER)
			must_be_name(q->to, sizeof(q->to));
		if (q->op >= KEEP_LISTEN && q->op <= KEEP_CONNECT)
			must_be_name(q->name, sizeof(q->name));
		if (q->op == KEEP_LISTEN)
			must(q->mode <= 0777);
		if (q->op == KEEP_TAP_OPEN)
			must(q->tap.queues >= 1 && q->tap.queues <= KEEP_TAP_QUEUES_MAX);
		if (q->op <= KEEP_TAP_SET) {
			must(q->tap.n_addresses <= KEEP_ADDRESSES_MAX);
			for (unsigned i = 0; i < q->tap.n_addresses; i++)
				must(q->tap.address[i].family == AF_INET || q->tap.address[i].family == AF_INET6);
		}
	}
	free(q);
	return 0;
}
