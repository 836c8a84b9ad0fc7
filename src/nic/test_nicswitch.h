#ifndef NIC_TEST_NICSWITCH_H
#define NIC_TEST_NICSWITCH_H
/*
 * test_nicswitch.h - for tests: an adapter's switch with members, a wire and an external switch that keep what they are given.
 *
 * Member	VLAN			address
 * A, B, E	transparent 10		test_vf_mac(A) and so on
 * C		may tag: untagged, 20
 * D		transparent 20
 * HOST has NEAR, WIRE has FAR; nobody knows where STRANGER is.
 */
#include "nic/deliver.h"
#include "nic/nicswitch.h"

enum { A, B, C, D, E, MEMBERS, WIRE = MEMBERS, HOST, ENDS };
#define NEAR 0x10
#define FAR 0x20
#define STRANGER 0x30
#define NO_TAG (-1)

struct test_end {
	struct sink sink;
	struct vport vport;
	uint8_t refusal; /* enum drop_reason; SINK_TAKEN: none */
	unsigned n;      /* frames kept */
	uint64_t taken;  /* ever */
	struct {
		uint32_t number;
		int tag; /* with which it came: NO_TAG or a TCI */
		uint32_t len;
	} got[64];
};

extern struct test_end end[ENDS]; /* of HOST the vport is the one of a port behind the external switch */
extern struct nicswitch_member member[MEMBERS];
extern struct nicswitch *ns;
extern struct lane lane;
extern struct ingress *wire_leads;      /* where frames of the wire enter */
extern struct sink *_Atomic host_sends; /* the sink of the uplink port */
extern struct nicswitch_host host;

/* Group setup and teardown; of a test: all members joined. */
int nicswitch_rig_start(void **state);
int nicswitch_rig_stop(void **state);
int nicswitch_rig_open(void **state);
int nicswitch_rig_close(void **state);

struct mac test_vf_mac(unsigned n);
struct nicswitch_rules test_rules(unsigned member);
void test_change(unsigned which, const struct nicswitch_rules *rules);

/* One frame of 64 bytes, and a tag, by way of a member, of the wire or of the host; returns how many ended in a drop, of the host 0. */
unsigned test_send(unsigned from, const struct mac *dst, const struct mac *src, int tci, uint32_t number);

/* A burst of such frames: add each, then send. */
void test_add_frame(const struct mac *dst, const struct mac *src, int tci, uint32_t number);
unsigned test_send_burst(unsigned from);

/* Fails unless just the ends in `who`, a bit each, got one frame since the last call, with tag[end] of which NO_TAG is the default. */
void test_expect(unsigned who, const int tag[ENDS]);

uint64_t test_drops(const struct vport *vport, enum drop_reason why);

/* Fails unless all books balance. */
void test_balance(void);
#endif
