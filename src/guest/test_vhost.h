#ifndef GUEST_TEST_VHOST_H
#define GUEST_TEST_VHOST_H
/*
 * test_vhost.h - for tests: a vhost device on a real socket, a front end with a driver in the same thread, and a lane that works
 * on all its rings in another.
 */
#include <pthread.h>
#include <sys/un.h>

#include "bench/vuser/vuser.h"
#include "guest/vhost.h"
#include "guest/vhost_user.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIB (1ull << 20)
#define GUEST_MEMORY (8 * MIB)
#define RING_SIZE 64
#define FRAME_LEN 60
#define PORT_MTU 9216

/* What a front end asks for in most tests. */
#define GUEST_FEATURES                                                                                         \
	(VHOST_USER_PROTOCOL_FEATURES | VHOST_USER_BIT(VIRTIO_F_VERSION_1) | VHOST_USER_BIT(VIRTIO_NET_F_MQ) | \
	 VHOST_USER_BIT(VIRTIO_NET_F_MRG_RXBUF) | VHOST_USER_BIT(VIRTIO_NET_F_GUEST_CSUM))
#define GUEST_PROTOCOL (VHOST_USER_PROTOCOL_OFFER & ~VHOST_USER_PROTOCOL_MEM_SLOTS)

struct guest {
	struct vhost *vhost;
	struct vport vport;
	struct queue *queue[VHOST_PAIRS_MAX];
	unsigned n_pairs;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct vuser_options options; /* of the front end, used by guest_up */
	struct vuser front;
	struct vuser_mem mem;

	/* The lane. */
	struct lane lane;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic uint64_t rounds, taken, put, runts; /* runts: taken ones that are not what guest_send sends */
	_Atomic uint64_t down;                      /* frames put that found no ring running */
};

/* Group setup and teardown. */
int guest_start(void **state);
int guest_stop(void **state);

/* A device with n pairs that listens, without a front end. */
void guest_open(struct guest *g, unsigned n_pairs);
void guest_close(struct guest *g);

/* Front end, memory, features, rings, all running; and away again. */
void guest_up(struct guest *g);
void guest_down(struct guest *g);

/* Negotiates, and makes memory and rings that the back end knows nothing of yet. */
void guest_prepare(struct guest *g);

/* What a ring needs; tells one of it for ring i. */
enum need { NEED_MEMORY, NEED_SIZE, NEED_BASE, NEED_ADDRESSES, NEED_KICK, NEED_ENABLE, NEEDS };
void guest_give(struct guest *g, unsigned i, enum need need);

/* The lane works from now on: takes from all transmit rings, and puts a frame to the sink each round. */
void guest_work(struct guest *g);
void guest_rest(struct guest *g);
void guest_wait_rounds(struct guest *g, uint64_t n);

struct vhost_info guest_info(const struct guest *g);

/* The same without a thread: frames taken from the transmit ring of a pair; one frame to the sink, returns its verdict. */
unsigned guest_take(struct guest *g, unsigned pair);
uint8_t guest_put(struct guest *g);

/* The driver sends n frames by a pair, or posts n receive buffers; returns how many there was room for. Used ones are taken back. */
unsigned guest_send(struct guest *g, unsigned pair, unsigned n);
unsigned guest_post(struct guest *g, unsigned pair, unsigned n);

/* A message with a u64, or an index and a number. Returns what the answer was, or vuser_tell's error. */
int guest_u64(struct guest *g, enum vuser_request request, uint64_t value);
int guest_state(struct guest *g, enum vuser_request request, unsigned index, unsigned num);

/* The control loop works until the state is that, or until it has nothing to do for some ms. Returns whether it is. */
bool guest_until(struct guest *g, enum vhost_state state);

#endif
