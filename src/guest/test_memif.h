#ifndef GUEST_TEST_MEMIF_H
#define GUEST_TEST_MEMIF_H
/*
 * test_memif.h - for tests: a memif as an uplink on a real socket, a peer in the same thread, and a lane.
 */
#include <sys/un.h>

#include "bench/muser/muser.h"
#include "guest/memif.h"
#include "nic/queue.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define LOG2_SLOTS 6
#define SLOTS (1u << LOG2_SLOTS)
#define ROOM 2048
#define WIRE_MTU 9000

struct wire {
	struct uplink_medium *medium;
	struct vport vport;
	struct queue *queue;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct muser peer;
	struct lane lane;
};

/* Group setup and teardown. */
int wire_start(void **state);
int wire_stop(void **state);

/* A memif that nobody has come to; and its end. */
void wire_open(struct wire *w);
void wire_close(struct wire *w);

/* The peer, with both rings, and away again. */
void wire_up(struct wire *w);
void wire_down(struct wire *w);

/* cmocka takes SIGBUS for each test: it goes back to fault.c. */
void wire_catch_faults(void);

/* The server's loop, until it has nothing to do. */
void wire_poll(void);

bool wire_has_link(const struct wire *w);

/* The source in the queue; NULL: none. */
struct source *wire_source(const struct wire *w);

/* A burst from the source into the lane's; its frames. And back. */
unsigned wire_take(struct wire *w);
void wire_give(struct wire *w);

/* One packet to the sink, tag or PKT_TAG_NONE. Returns its verdict. */
uint8_t wire_put(struct wire *w, struct pkt *pkt, int tag);

/* The same of len bytes, parsed as a guest's frame without offloads. */
uint8_t wire_put_bytes(struct wire *w, const uint8_t *bytes, uint32_t len, int tag);

/* Fails unless both rings stand still now, control sends the peer away, and the next one is welcome. */
void wire_expect_the_end(struct wire *w, unsigned row);

/* The ring that frames come to the peer by. */
static inline struct muser_end *
wire_back(struct wire *w)
{
	return &w->peer.rx[0];
}

/* The peer lays a frame of len bytes into the slots `ahead` of its next one, `piece` bytes in each. Returns its slots; and publishes as many. */
unsigned wire_lay(struct wire *w, unsigned ahead, unsigned number, uint32_t len, uint32_t piece);
void wire_publish(struct wire *w, unsigned slots);

/* The next frame that came to the peer, over as many slots as it has: its bytes, 0: none did. */
uint32_t wire_receive(struct wire *w, uint8_t *out);

/* Bytes of a frame with that number; and of one that nobody has to finish. */
void wire_fill(uint8_t *at, unsigned number, uint32_t from, uint32_t len);
void wire_frame(uint8_t *at, unsigned number, uint32_t len);

/* Byte i of a frame with that number. */
static inline uint8_t
wire_byte(unsigned number, uint32_t i)
{
	return (uint8_t)(number * 31 + i * 7 + (i >> 8));
}
#endif
