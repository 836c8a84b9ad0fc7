#ifndef NIC_INGRESS_H
#define NIC_INGRESS_H
/*
 * ingress.h - where the frames of a source enter: a port of a switch, a member of an adapter's NIC switch. The counterpart of a sink.
 */
struct burst;
struct ingress;
struct lane;

/* The first member of whatever frames enter; constant while a source leads to it. */
struct ingress {
	/*
	 * Forwards a burst that was taken from a source: counts everything, and every packet has ended when it returns. Returns how many
	 * of them ended in a drop only. Lanes.
	 */
	unsigned (*input)(struct lane *lane, struct ingress *in, struct burst *burst);
};
#endif
