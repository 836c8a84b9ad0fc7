/*
 * vfecho.c - a guest on a virtual function that answers ARP for one address and ICMP echo, until it is ended: something to ping.
 *
 * usage: vfecho SOCKET ADDRESS
 *
 * Prints "up MAC" once its driver runs.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/vfuser/ixvf.h"

#define RING_SIZE 256
#define ROOM 2048
#define MEMORY (8 << 20)
#define IDLE_US 500 /* between two looks: a guest without load costs nothing to speak of */

/* Where things are in a frame: IEEE 802.3, RFC 826, RFC 791 and RFC 792. */
enum { TO = 0, FROM = 6, TYPE = 12, ARP_OP = 20, ARP_FROM = 22, ARP_FROM_IP = 28, ARP_TO = 32, ARP_TO_IP = 38 };
enum { IP_PROTO = 23, IP_FROM = 26, IP_TO = 30, ICMP_TYPE = 34, ICMP_SUM = 36, SHORTEST = 42 };

static uint8_t own_ip[4];

static bool
arp_answer(uint8_t *frame, const uint8_t *mac)
{
	if (frame[ARP_OP + 1] != 1 || memcmp(frame + ARP_TO_IP, own_ip, 4) != 0)
		return false;
	frame[ARP_OP + 1] = 2;
	memcpy(frame + ARP_TO, frame + ARP_FROM, 10);
	memcpy(frame + ARP_FROM, mac, 6);
	memcpy(frame + ARP_FROM_IP, own_ip, 4);
	return true;
}

/* The checksum changes by what the type changes: RFC 1624, from 0x0800 to 0. */
static bool
echo_answer(uint8_t *frame)
{
	uint32_t sum = (uint32_t)(frame[ICMP_SUM] << 8 | frame[ICMP_SUM + 1]) + 0x0800;
	uint8_t from[4];

	if (frame[IP_PROTO] != 1 || frame[ICMP_TYPE] != 8 || memcmp(frame + IP_TO, own_ip, 4) != 0)
		return false;
	frame[ICMP_TYPE] = 0;
	sum = (sum & 0xffff) + (sum >> 16);
	frame[ICMP_SUM] = (uint8_t)(sum >> 8);
	frame[ICMP_SUM + 1] = (uint8_t)sum;
	memcpy(from, frame + IP_FROM, 4);
	memcpy(frame + IP_FROM, own_ip, 4);
	memcpy(frame + IP_TO, from, 4);
	return true;
}

/* Makes the frame its answer; false: there is none. */
static bool
answer(uint8_t *frame, unsigned len, const uint8_t *mac)
{
	unsigned type = frame[TYPE] << 8 | frame[TYPE + 1];
	bool answers = false;

	if (len >= SHORTEST && type == 0x0806)
		answers = arp_answer(frame, mac);
	else if (len >= SHORTEST && type == 0x0800)
		answers = echo_answer(frame);
	if (!answers)
		return false;
	memcpy(frame + TO, frame + FROM, 6);
	memcpy(frame + FROM, mac, 6);
	return true;
}

/* A buffer stays with one direction at a time: what was sent is given to the receive ring when it is done. */
static void
serve(struct ixvf *vf)
{
	struct ix_rx *rx = &vf->rx[0];
	struct ix_tx *tx = &vf->tx[0];
	struct ix_rx_done done;
	uint64_t token;

	for (;;) {
		unsigned n = 0;

		for (; ix_rx_take(rx, &done, 1) == 1; n++) {
			if (!answer((uint8_t *)(uintptr_t)done.token, done.len, vf->mac) ||
			    ix_tx_put(tx, &done.token, 1, done.len) != 1)
				ix_rx_put(rx, &done.token, 1);
		}
		ix_tx_flush(tx);
		for (; ix_tx_clean(tx, &token, 1) == 1; n++)
			ix_rx_put(rx, &token, 1);
		ix_rx_flush(rx);
		/* A register by message: it fails when the function's end is gone. */
		if (n == 0 && usleep(IDLE_US) == 0 && (ixvf_read(vf, IX_STATUS), vf->failed != 0))
			return;
	}
}

int
main(int argc, char **argv)
{
	struct ixvf_options o = { .n_pairs = 1, .rx_size = RING_SIZE, .tx_size = RING_SIZE, .rx_room = ROOM };
	static struct ixvf vf;
	struct vuser_mem mem;
	int ret;

	if (argc != 3 || inet_pton(AF_INET, argv[2], own_ip) != 1) {
		fprintf(stderr, "usage: vfecho SOCKET ADDRESS\n");
		return 2;
	}
	o.path = argv[1];
	ret = vuser_mem_open(&mem, MEMORY, VUSER_GPA, false);
	if (ret == 0)
		ret = ixvf_open(&vf, &o, &mem);
	for (unsigned i = 0; i < RING_SIZE / 2 && ret == 0; i++) {
		uint64_t token = (uintptr_t)vuser_mem_carve(&mem, ROOM, 64);

		ret = token != 0 && ix_rx_put(&vf.rx[0], &token, 1) == 1 ? 0 : -ENOMEM;
	}
	if (ret < 0) {
		fprintf(stderr, "vfecho: %s: %s\n", o.path, strerror(-ret));
		return 1;
	}
	ix_rx_flush(&vf.rx[0]);
	printf("up %02x:%02x:%02x:%02x:%02x:%02x\n", vf.mac[0], vf.mac[1], vf.mac[2], vf.mac[3], vf.mac[4], vf.mac[5]);
	fflush(stdout);
	serve(&vf);
	return 1;
}
