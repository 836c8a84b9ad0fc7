#ifndef BENCH_VUSER_PROTO_H
#define BENCH_VUSER_PROTO_H
/*
 * proto.h - messages of vhost-user, as a front end sends them (QEMU's docs/interop/vhost-user.rst). Shared with no back end
 * of ours, so that both do not make the same mistake.
 */
#include <stdint.h>

enum vuser_request {
	VUSER_GET_FEATURES = 1,
	VUSER_SET_FEATURES = 2,
	VUSER_SET_OWNER = 3,
	VUSER_RESET_OWNER = 4,
	VUSER_SET_MEM_TABLE = 5,
	VUSER_SET_LOG_BASE = 6,
	VUSER_SET_LOG_FD = 7,
	VUSER_SET_VRING_NUM = 8,
	VUSER_SET_VRING_ADDR = 9,
	VUSER_SET_VRING_BASE = 10,
	VUSER_GET_VRING_BASE = 11,
	VUSER_SET_VRING_KICK = 12,
	VUSER_SET_VRING_CALL = 13,
	VUSER_SET_VRING_ERR = 14,
	VUSER_GET_PROTOCOL_FEATURES = 15,
	VUSER_SET_PROTOCOL_FEATURES = 16,
	VUSER_GET_QUEUE_NUM = 17,
	VUSER_SET_VRING_ENABLE = 18,
	VUSER_SEND_RARP = 19,
	VUSER_NET_SET_MTU = 20,
	VUSER_RESET_DEVICE = 34,
	VUSER_GET_MAX_MEM_SLOTS = 36,
	VUSER_ADD_MEM_REG = 37,
	VUSER_REM_MEM_REG = 38,
	VUSER_SET_STATUS = 39,
	VUSER_GET_STATUS = 40,
};

/* "Protocol features": bit numbers. */
enum vuser_protocol {
	VUSER_PROTOCOL_MQ = 0,
	VUSER_PROTOCOL_LOG_SHMFD = 1,
	VUSER_PROTOCOL_RARP = 2,
	VUSER_PROTOCOL_REPLY_ACK = 3,
	VUSER_PROTOCOL_NET_MTU = 4,
	VUSER_PROTOCOL_RESET_DEVICE = 13,
	VUSER_PROTOCOL_MEM_SLOTS = 15,
	VUSER_PROTOCOL_STATUS = 16,
};

#define VUSER_F_LOG_ALL 26 /* device feature bit: writes are logged */
#define VUSER_F_PROTOCOL_FEATURES 30

/* "Header": the flags. */
#define VUSER_VERSION 1u
#define VUSER_REPLY 4u
#define VUSER_NEED_REPLY 8u

#define VUSER_NO_FD 0x100u /* in the u64 of KICK, CALL and ERR: no descriptor comes with it */
#define VUSER_TABLE_MAX 8  /* regions of SET_MEM_TABLE */
#define VUSER_FDS_MAX VUSER_TABLE_MAX
#define VUSER_HEADER_LEN 12

struct vuser_region {
	uint64_t gpa, len, user, offset;
};

struct vuser_msg {
	uint32_t request, flags, size; /* size: bytes of the payload */
	union {
		uint64_t u64;
		struct {
			uint32_t index, num;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} addr;
		struct {
			uint32_t n, padding;
			struct vuser_region region[VUSER_TABLE_MAX];
		} table;
		struct {
			uint64_t padding;
			struct vuser_region region;
		} slot;
		struct {
			uint64_t len, offset;
		} log;
		uint8_t raw[4096];
	};
} __attribute__((packed));
#endif
