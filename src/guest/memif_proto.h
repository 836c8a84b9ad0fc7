#ifndef GUEST_MEMIF_PROTO_H
#define GUEST_MEMIF_PROTO_H
/*
 * memif_proto.h - a memif, version 2.0, as it lies on the socket and in memory; for memif*.c alone. Fields are in host byte order:
 * both ends are processes of one machine.
 *
 * Source: the header of libmemif (VPP, extras/libmemif/src/memif_private.h and memif.h) and DPDK's guide (guides/nics/memif).
 */
#include <assert.h>
#include <stdint.h>

#define MEMIF_VERSION 0x0200
#define MEMIF_COOKIE 0x3e31f20
#define MEMIF_NAME_LEN 32
#define MEMIF_SECRET_LEN 24
#define MEMIF_TEXT_LEN 96
#define MEMIF_LOG2_SIZE_MAX 14 /* indexes are 16 bits, and a full ring is not an empty one; as DPDK has it */

enum memif_type {
	MEMIF_ACK = 1,
	MEMIF_HELLO,
	MEMIF_INIT,
	MEMIF_ADD_REGION,
	MEMIF_ADD_RING,
	MEMIF_CONNECT,
	MEMIF_CONNECTED,
	MEMIF_DISCONNECT,
};

struct memif_hello {
	char name[MEMIF_NAME_LEN];
	uint16_t version_min, version_max;
	uint16_t region_max, to_client_max, to_server_max; /* highest indexes */
	uint8_t log2_size_max;
} __attribute__((packed));

struct memif_init {
	uint16_t version;
	uint32_t id;
	uint8_t mode; /* 0: Ethernet */
	char secret[MEMIF_SECRET_LEN], name[MEMIF_NAME_LEN];
} __attribute__((packed));

struct memif_add_region {
	uint16_t index;
	uint64_t size;
} __attribute__((packed));

struct memif_add_ring {
	uint16_t flags; /* 1: to the server */
	uint16_t index, region;
	uint32_t offset;
	uint8_t log2_size;
	uint16_t private_len;
} __attribute__((packed));

struct memif_disconnect {
	uint32_t code;
	char text[MEMIF_TEXT_LEN];
} __attribute__((packed));

/* One datagram of a SOCK_SEQPACKET socket. */
struct memif_message {
	uint16_t type;
	union {
		struct memif_hello hello;
		struct memif_init init;
		struct memif_add_region add_region;
		struct memif_add_ring add_ring;
		struct memif_disconnect disconnect;
		char name[MEMIF_NAME_LEN]; /* CONNECT, CONNECTED */
		uint8_t bytes[126];
	};
} __attribute__((packed));
static_assert(sizeof(struct memif_message) == 128, "a message has 128 bytes");

#define MEMIF_SLOT_NEXT 1 /* the frame goes on in the next slot */

struct memif_slot {
	uint16_t flags, region;
	uint32_t len, offset, metadata;
};

#define MEMIF_NO_INTERRUPT 1 /* of a ring's flags: who reads it polls */

/* A ring. head is the client's, tail the server's, whichever way frames go. */
struct memif_shared {
	_Alignas(64) uint32_t cookie;
	uint16_t flags, head;
	_Alignas(64) uint16_t tail;
	_Alignas(64) struct memif_slot slot[];
};
static_assert(sizeof(struct memif_shared) == 128, "slots begin at 128");
#endif
