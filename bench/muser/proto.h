#ifndef BENCH_MUSER_PROTO_H
#define BENCH_MUSER_PROTO_H
/* proto.h - messages and memory of a memif, version 2.0; little-endian, as are the machines that this runs on. */
#include <stdint.h>

#define MUSER_VERSION 0x0200
#define MUSER_COOKIE 0x3e31f20
#define MUSER_NAME_LEN 32
#define MUSER_SECRET_LEN 24

enum muser_type {
	MUSER_ACK = 1,
	MUSER_HELLO,
	MUSER_INIT,
	MUSER_ADD_REGION,
	MUSER_ADD_RING,
	MUSER_CONNECT,
	MUSER_CONNECTED,
	MUSER_DISCONNECT,
};

#define MUSER_RING_TO_SERVER 1 /* of add_ring.flags */

/* One datagram on a SOCK_SEQPACKET socket. */
struct muser_msg {
	uint16_t type;
	union {
		struct {
			uint8_t name[MUSER_NAME_LEN];
			uint16_t version_min, version_max, region_max, to_client_max, to_server_max;
			uint8_t log2_size_max;
		} __attribute__((packed)) hello;
		struct {
			uint16_t version;
			uint32_t id;
			uint8_t mode; /* 0: Ethernet */
			uint8_t secret[MUSER_SECRET_LEN], name[MUSER_NAME_LEN];
		} __attribute__((packed)) init;
		struct {
			uint16_t index;
			uint64_t size;
		} __attribute__((packed)) region;
		struct {
			uint16_t flags, index, region;
			uint32_t offset;
			uint8_t log2_size;
			uint16_t private_len;
		} __attribute__((packed)) ring;
		struct {
			uint32_t code;
			uint8_t text[96];
		} __attribute__((packed)) disconnect;
		uint8_t name[MUSER_NAME_LEN]; /* CONNECT, CONNECTED */
		uint8_t bytes[126];
	};
} __attribute__((packed));

_Static_assert(sizeof(struct muser_msg) == 128, "a message has 128 bytes");

#define MUSER_DESC_NEXT 1 /* the frame goes on in the next slot */

struct muser_desc {
	uint16_t flags, region;
	uint32_t length, offset, metadata;
};

#define MUSER_NO_INTERRUPT 1 /* of a ring's flags: its consumer polls */

/* To the server: head is the client's, tail the server's. To the client: head is the client's (buffers posted), tail the server's. */
struct muser_ring {
	_Alignas(64) uint32_t cookie;
	uint16_t flags, head;
	_Alignas(64) uint16_t tail;
	_Alignas(64) struct muser_desc desc[];
};
#endif
