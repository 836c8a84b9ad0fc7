#ifndef NIC_PACKET_SOCKET_H
#define NIC_PACKET_SOCKET_H
/*
 * packet_socket.h - what an af_packet uplink receives: frames of its interface as they are, or not at all. Frames that the
 * driver would bend are left to the kernel, and are in no book. Nobody calls this; see packet_socket.c.
 */
#include <linux/if_packet.h>
#include <stdint.h>

#define PACKET_SOCKET_FRAME_ROOM 2048 /* the driver's framesz, as uplink.c asks for it: one packet buffer */
/* net/packet/af_packet.c, tpacket_rcv: 14 bytes of header end where the network header begins, which is aligned. */
#define PACKET_SOCKET_LONGEST (PACKET_SOCKET_FRAME_ROOM - (TPACKET_ALIGN(TPACKET2_HDRLEN + 16) - 14))
#endif
