#ifndef GUEST_TEST_SESSION_H
#define GUEST_TEST_SESSION_H
/*
 * test_session.h - for tests: ports whose protocol counts and echoes, their peers, and the loop that they stand in.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "guest/outbox.h"
#include "guest/session.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HEADER 8
#define PAYLOAD_MAX 3000

/* Messages of the tests: what the port does with one, and how many bytes follow. */
enum op { OP_COUNT, OP_ECHO, OP_REFUSE, OP_KEEP, OP_LONG, OP_BAD_HEADER };

#define LONG_ANSWER OUTBOX_MAX /* bytes of what OP_LONG is answered with: the most that can wait */

struct message {
	uint32_t op, len;
	uint8_t payload[PAYLOAD_MAX];
};

struct port {
	struct session *session;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	unsigned messages, begun, ended;
	unsigned n_fds; /* of the last message */
	bool more_fds;
	int kept; /* descriptor of the last OP_KEEP */
	char why[512];
};

extern struct session_loop *loop;
extern const struct session_kind port_kind;
extern int handed; /* the descriptor that is sent along, copied on its way as often as wanted */

/* Group setup and teardown. */
int session_start(void **state);
int session_stop(void **state);

/* A listening port. */
void port_open(struct port *p);
void port_close(struct port *p);
int peer_connect(const struct port *p);

/* Sends len bytes, or a message with a payload of len bytes, with n copies of `handed`. */
void send_with(int fd, const void *bytes, size_t len, unsigned n);
void send_message(int fd, enum op op, uint32_t len, unsigned n_fds);

/* Polls as the control loop does, until *counter is value; at most ms. Returns whether it is. */
bool until(const unsigned *counter, unsigned value, unsigned ms);

/* A question and its answer: microseconds that it took. */
unsigned round_trip(struct port *p, int fd);

bool is_closed(int fd);
#endif
