#ifndef PKT_DROP_H
#define PKT_DROP_H
/*
 * drop.h - the reasons for which a packet ends without being delivered.
 *
 * One list yields the enum, the name that `fairlead drops` and scripts see, and
 * the text for people. A reason says what a user can act on, not where in the
 * code it happened. Counted per port and worker, so that on each port
 * offered == delivered + sum(drops) + held.
 */

/* enum, name, text */
#define DROP_REASONS(X)                                                                                 \
	X(RUNT, "runt", "frame shorter than its headers say")                                           \
	X(HEADERS_TOO_LONG, "headers_too_long", "headers longer than the 128 bytes that are looked at") \
	X(BAD_OFFLOAD, "bad_offload", "checksum or segmentation request that does not fit the frame")   \
	X(VLAN_DENIED, "vlan_denied", "VLAN not allowed on this port")                                  \
	X(SPOOFED, "spoofed", "source address is not the port's own")                                   \
	X(BAD_SOURCE, "bad_source", "source address is a group address or zero")                        \
	X(SAME_PORT, "same_port", "destination is on the port that it came from")                       \
	X(NO_RECEIVER, "no_receiver", "nobody on this switch and VLAN to receive it")                   \
	X(LINK_LOCAL, "link_local", "reserved bridge group address, never forwarded")                   \
	X(QUEUE_FULL, "queue_full", "the processor of this queue did not keep up")                      \
	X(RECEIVER_FULL, "receiver_full", "receiver took no more frames")                               \
	X(BUFFER_TOO_SMALL, "buffer_too_small", "longer than the receiver's buffers")                   \
	X(NO_BUFFER, "no_buffer", "no free packet buffer for the uplink")                               \
	X(TOO_BIG, "too_big", "frame longer than the receiver's MTU")                                   \
	X(LINK_DOWN, "link_down", "the uplink's interface is gone")                                     \
	X(PORT_DOWN, "port_down", "receiver's interface is down or gone")                               \
	X(QUEUE_DISABLED, "queue_disabled", "sent by a queue that its guest has disabled")

enum drop_reason {
#define X(id, name, text) DROP_##id,
	DROP_REASONS(X)
#undef X
		DROP_REASON_COUNT
};

/* Name for scripts, as "vlan_denied"; "unknown" for a value out of range. Any thread. */
const char *drop_reason_name(enum drop_reason why);

/* Text for people; never NULL. Any thread. */
const char *drop_reason_text(enum drop_reason why);
#endif
