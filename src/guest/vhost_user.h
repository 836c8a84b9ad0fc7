#ifndef GUEST_VHOST_USER_H
#define GUEST_VHOST_USER_H
/*
 * vhost_user.h - the messages of vhost-user (QEMU, docs/interop/vhost-user.rst), as the back end of a network device speaks them.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stdint.h>

#include "guest/session.h"

/* "Front-end message types". */
enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SEND_RARP = 19,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_REQUESTS
};

/* "Header": flags. */
#define VHOST_USER_VERSION 1u
#define VHOST_USER_VERSION_MASK 3u
#define VHOST_USER_REPLY (1u << 2)
#define VHOST_USER_NEED_REPLY (1u << 3)

#define VHOST_USER_NO_FD (1u << 8) /* KICK, CALL, ERR: "invalid FD flag" */
#define VHOST_USER_RING_LOGS 1u    /* SET_VRING_ADDR: VHOST_VRING_F_LOG */
#define VHOST_USER_TABLE_MAX 8     /* "Memory regions description" */

#define VHOST_USER_BIT(n) (1ull << (n))

/* "Protocol features". */
#define VHOST_USER_PROTOCOL_MQ VHOST_USER_BIT(0)
#define VHOST_USER_PROTOCOL_LOG_SHMFD VHOST_USER_BIT(1)
#define VHOST_USER_PROTOCOL_RARP VHOST_USER_BIT(2)
#define VHOST_USER_PROTOCOL_REPLY_ACK VHOST_USER_BIT(3)
#define VHOST_USER_PROTOCOL_NET_MTU VHOST_USER_BIT(4)
#define VHOST_USER_PROTOCOL_RESET_DEVICE VHOST_USER_BIT(13)
#define VHOST_USER_PROTOCOL_MEM_SLOTS VHOST_USER_BIT(15)
#define VHOST_USER_PROTOCOL_STATUS VHOST_USER_BIT(16)

/* What we offer. Not INFLIGHT_SHMFD: buffers are given back in ring order, so used->idx says all (dataplane's rule). */
#define VHOST_USER_PROTOCOL_OFFER                                                                         \
	(VHOST_USER_PROTOCOL_MQ | VHOST_USER_PROTOCOL_LOG_SHMFD | VHOST_USER_PROTOCOL_RARP |              \
	 VHOST_USER_PROTOCOL_REPLY_ACK | VHOST_USER_PROTOCOL_NET_MTU | VHOST_USER_PROTOCOL_RESET_DEVICE | \
	 VHOST_USER_PROTOCOL_MEM_SLOTS | VHOST_USER_PROTOCOL_STATUS)

/* Since kernel 6.2, so not in every linux/virtio_net.h that we build with (virtio 1.3, 5.1.3). */
#ifndef VIRTIO_NET_F_GUEST_USO4
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_HOST_USO 56
#endif
#ifndef VIRTIO_F_IN_ORDER
#define VIRTIO_F_IN_ORDER 35 /* virtio 1.2, 6 */
#endif
#define VHOST_USER_INDIRECT_DESC 28 /* VIRTIO_F_INDIRECT_DESC and VIRTIO_F_EVENT_IDX of virtio 1.2, 6 */
#define VHOST_USER_EVENT_IDX 29

#define VHOST_USER_LOG_ALL VHOST_USER_BIT(26)           /* VHOST_F_LOG_ALL */
#define VHOST_USER_PROTOCOL_FEATURES VHOST_USER_BIT(30) /* VHOST_USER_F_PROTOCOL_FEATURES */

/* What the device does by itself. */
#define VHOST_USER_OFFLOADS                                                                  \
	(VHOST_USER_BIT(VIRTIO_NET_F_CSUM) | VHOST_USER_BIT(VIRTIO_NET_F_GUEST_CSUM) |       \
	 VHOST_USER_BIT(VIRTIO_NET_F_HOST_TSO4) | VHOST_USER_BIT(VIRTIO_NET_F_HOST_TSO6) |   \
	 VHOST_USER_BIT(VIRTIO_NET_F_HOST_ECN) | VHOST_USER_BIT(VIRTIO_NET_F_HOST_USO) |     \
	 VHOST_USER_BIT(VIRTIO_NET_F_GUEST_TSO4) | VHOST_USER_BIT(VIRTIO_NET_F_GUEST_TSO6) | \
	 VHOST_USER_BIT(VIRTIO_NET_F_GUEST_ECN) | VHOST_USER_BIT(VIRTIO_NET_F_GUEST_USO4) |  \
	 VHOST_USER_BIT(VIRTIO_NET_F_GUEST_USO6))
#define VHOST_USER_RINGS                                                                                               \
	(VHOST_USER_BIT(VIRTIO_NET_F_MRG_RXBUF) | VHOST_USER_BIT(VIRTIO_NET_F_MQ) | VHOST_USER_BIT(VIRTIO_NET_F_MTU) | \
	 VHOST_USER_BIT(VHOST_USER_INDIRECT_DESC) | VHOST_USER_BIT(VHOST_USER_EVENT_IDX) |                             \
	 VHOST_USER_BIT(VIRTIO_F_VERSION_1) | VHOST_USER_BIT(VIRTIO_F_IN_ORDER) | VHOST_USER_BIT(VIRTIO_F_ANY_LAYOUT))

/*
 * What the front end does: the control queue, the link's state, announcements. It takes them off its own offer where the back
 * end has not got the bit (QEMU, user_feature_bits: GUEST_ANNOUNCE today, all of these before 2.2; DPDK offers the first four).
 */
#define VHOST_USER_FRONT_END                                                                   \
	(VHOST_USER_BIT(VIRTIO_NET_F_CTRL_VQ) | VHOST_USER_BIT(VIRTIO_NET_F_CTRL_RX) |         \
	 VHOST_USER_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | VHOST_USER_BIT(VIRTIO_NET_F_STATUS) |   \
	 VHOST_USER_BIT(VIRTIO_NET_F_CTRL_VLAN) | VHOST_USER_BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | \
	 VHOST_USER_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR))

#define VHOST_USER_OFFER                                                                      \
	(VHOST_USER_OFFLOADS | VHOST_USER_RINGS | VHOST_USER_FRONT_END | VHOST_USER_LOG_ALL | \
	 VHOST_USER_PROTOCOL_FEATURES)

struct vhost_user_region {
	uint64_t gpa, len, user, offset;
};

#define VHOST_USER_HEADER_LEN 12
#define VHOST_USER_PAYLOAD_MAX \
	2048 /* bytes: above the longest of any device (QEMU's crypto session, 1.7 KiB). Our choice */

struct vhost_user_message {
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
			struct vhost_user_region region[VHOST_USER_TABLE_MAX];
		} table;
		struct {
			uint64_t padding;
			struct vhost_user_region region;
		} slot;
		struct {
			uint64_t len, offset;
		} log;
	};
} __attribute__((packed));

/* The protocol, for session_open; owner is a struct vhost. */
extern const struct session_kind vhost_user_kind;
#endif
