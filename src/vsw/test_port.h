#ifndef VSW_TEST_PORT_H
#define VSW_TEST_PORT_H
/*
 * test_port.h - for tests: ports whose sink keeps what it is given, frames into a switch, and the books of all.
 */
#include "vsw/switch.h"

#define TEST_KEPT 256       /* frames that a sink keeps */
#define TEST_KEPT_BYTES 160 /* of each */
#define TEST_NO_TAG (-1)

struct test_kept {
	int tag;
	uint32_t len; /* as it leaves, tag counted */
	uint8_t bytes[TEST_KEPT_BYTES];
};

struct test_port {
	struct port port;
	struct vport vport;
	struct sink sink;
	unsigned room;    /* frames that it still takes; what comes then is refused with: */
	uint8_t refusal;  /* enum drop_reason */
	unsigned n;       /* frames kept */
	uint64_t n_taken; /* ever */
	struct test_kept kept[TEST_KEPT];
};

/* A port with a name, endless room and no switch; and its end, off its switch. */
void test_port_open(struct test_port *p, const char *name);
void test_port_close(struct test_port *p);

/* Configurations. */
struct port_conf test_conf_untagged(const struct mac *mac);
struct port_conf test_conf_access(const struct mac *mac, uint16_t vid);
/* allowed: VIDs, ended by 0; native 0: untagged frames stay untagged. */
struct port_conf test_conf_trunk(const struct mac *mac, uint16_t native, const uint16_t *allowed);

/* 02:f1:00:00:00:n. */
struct mac test_mac(uint8_t n);

/* A frame of 64 bytes: addresses, TCI or TEST_NO_TAG, and a number behind the EtherType. Returns 64. */
uint32_t test_frame(const struct mac *dst, const struct mac *src, int tci, uint32_t number, uint8_t *out);
uint32_t test_frame_number(const struct test_kept *kept);

/* Adds a frame to the burst of lane, as a source that lends its own memory does; bytes must live until test_input. */
void test_add(struct lane *lane, uint8_t *bytes, uint32_t len);

/* Hands the burst of lane to the switch of p and empties it; returns what switch_input does. */
unsigned test_input(struct lane *lane, struct test_port *p);

/* Fails the test unless the equations of vport.h hold over ports[0..n), whose sinks took what the books say. */
void test_books(struct test_port *const *ports, unsigned n);
#endif
