#ifndef GUEST_TEST_TAPS_H
#define GUEST_TEST_TAPS_H
/*
 * test_taps.h - for tests: two real TAPs side by side, flunit0 and flunit1, in a network namespace of the test's own.
 *
 * What a packet socket sends on the first comes out at its descriptor, goes through source, parse and sink, and is received
 * by a packet socket on the second. The keeper's functions are here: they make the interfaces themselves. Needs root.
 */
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <sys/socket.h>

#include "guest/tap.h"
#include "pkt/testframe.h"

#define MTU_MAX 65521 /* of a TAP: 65535 bytes with the Ethernet header, drivers/net/tun.c */
#define TAPS_ROOM (TESTFRAME_MAX + 64)

struct side {
	struct tap *tap;
	int sock;
	struct sockaddr_ll at;
};

extern struct side taps_a, taps_b;
extern struct lane taps_lane;
extern struct toeplitz *taps_toeplitz;
extern int taps_refuse; /* errno that the keeper answers; 0: it does what it is asked for */
extern uint8_t taps_sent[TAPS_ROOM], taps_got[TAPS_ROOM];

/* Group setup and teardown: namespace, EAL, lane. Setup and teardown of a test: both TAPs, one queue, MTU_MAX. */
int taps_start(void **state);
int taps_stop(void **state);
int taps_open(void **state);
int taps_close(void **state);

void taps_open_side(struct side *s, const char *interface, unsigned queues, unsigned mtu);
void taps_close_side(struct side *s);

/* A packet socket that sends and receives with a virtio-net header in front, and does not hear itself. */
int taps_socket(const char *interface, struct sockaddr_ll *at);

/* The request of an honest sender for a frame with `partial`. */
struct virtio_net_hdr taps_header(const struct testplace *at, uint8_t gso_type, uint16_t gso_size);

/* Sends len bytes of taps_sent from the kernel's side; false when the kernel refuses the header. */
bool taps_transmit(struct side *s, const struct virtio_net_hdr *header, size_t len);

/* Receives into taps_got on the kernel's side. The frame's length, 0 when there is none; *tci: -1 when it came without a tag. */
size_t taps_receive(struct side *s, struct virtio_net_hdr *header, int *tci);

/* Our side: takes a burst; parses packet i of it; gives that to s and returns the verdict. */
unsigned taps_take(struct side *s);
int taps_parse(unsigned i);
uint8_t taps_put(struct side *s, unsigned i, int tag);

/* SIOCSIFMTU or SIOCSIFFLAGS. */
void taps_ioctl(const char *name, unsigned long request, int value);
#endif
