/*
 * packet_socket.c - what DPDK's af_packet driver asks of the kernel, put right.
 *
 * The driver (22.11 to 24.11) makes its socket by itself, and four of its habits bend frames or let strange ones in:
 *
 *	fan-out		its only socket, too, joins a group with PACKET_FANOUT_FLAG_DEFRAG: the kernel puts IPv4 fragments
 *			together, and what comes of it is longer than any frame (of "ping -s 1480" nothing arrived)
 *	long frames	are cut to the room in the ring, and passed on
 *	802.1ad		a tag that the kernel took out of a frame is put back as 0x8100: a VLAN of the provider became one of ours
 *	before bind	the socket takes frames of all interfaces of the host
 *
 * None of it is an option of the driver, so the link lets its setsockopt come here (--wrap, meson.build). It calls, in this
 * order: PACKET_VERSION on the new socket, then bind, then PACKET_FANOUT.
 */
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "nic/packet_socket.h"

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);

static int
attach(int fd, struct sock_filter *code, unsigned short n)
{
	struct sock_fprog program = { n, code };

	return __real_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int
take_nothing(int fd)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };

	return attach(fd, code, 1);
}

/* The kernel has taken an outer tag out by now, so the length is without it. */
static int
take_whole_frames(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, PACKET_SOCKET_LONGEST, 4, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_AD_OFF + SKF_AD_VLAN_TPID),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};

	return attach(fd, code, sizeof(code) / sizeof(code[0]));
}

int
__wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (level == SOL_PACKET && name == PACKET_FANOUT)
		return take_whole_frames(fd);
	if (level == SOL_PACKET && name == PACKET_VERSION && take_nothing(fd) < 0)
		return -1;
	return __real_setsockopt(fd, level, name, value, len);
}
