/* test_rig.c - a switch with a port of every kind; see test_rig.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "nic/test_eal.h"
#include "vsw/learn.h"
#include "vsw/test_rig.h"

struct test_port rig_p[N_PORTS];
struct test_port *const rig_all[N_PORTS] = { &rig_p[U], &rig_p[A], &rig_p[B], &rig_p[T],
					     &rig_p[N], &rig_p[R], &rig_p[X], &rig_p[V] };
struct vswitch *rig_sw;
struct lane rig_lane;
uint8_t rig_frames[PKT_BURST][64];

int
rig_start(void **state)
{
	if (test_eal_start(state) < 0 || lane_init(&rig_lane, 0) < 0)
		return -1;
	return learn_start(TEST_LANES);
}

int
rig_stop(void **state)
{
	learn_stop();
	lane_fini(&rig_lane);
	return 0;
}

static void
attach(unsigned i, const char *name, struct port_conf conf)
{
	test_port_open(&rig_p[i], name);
	assert_int_equal(port_attach(&rig_p[i].port, rig_sw, &conf), 0);
}

int
rig_open(void **state)
{
	static const uint16_t ten_twenty[] = { 10, 20, 0 }, ten_to_thirty[] = { 10, 20, 30, 0 };
	struct port_conf conf;

	rig_sw = switch_new("sw", SWITCH_KIND_EXTERNAL, 64, 300);
	assert_non_null(rig_sw);
	attach(U, "u", test_conf_untagged(NULL));
	attach(A, "a", test_conf_access(NULL, 10));
	attach(B, "b", test_conf_access(NULL, 20));
	attach(T, "t", test_conf_trunk(NULL, 0, ten_twenty));
	attach(N, "n", test_conf_trunk(NULL, 10, ten_to_thirty));
	conf = test_conf_trunk(NULL, 0, ten_twenty + 1);
	conf.allowed[0] &= ~1ull; /* no untagged frames either */
	attach(R, "r", conf);
	port_conf_uplink(&conf);
	attach(X, "x", conf);
	attach(V, "v", test_conf_untagged(NULL));
	return 0;
}

int
rig_close(void **state)
{
	for (unsigned i = 0; i < N_PORTS; i++)
		test_port_close(&rig_p[i]);
	switch_free(rig_sw);
	return 0;
}

unsigned
rig_input(unsigned from, const struct mac *dst, const struct mac *src, int tci)
{
	test_add(&rig_lane, rig_frames[0], test_frame(dst, src, tci, 4711, rig_frames[0]));
	return test_input(&rig_lane, &rig_p[from]);
}

uint64_t
rig_drops(unsigned i, enum drop_reason why)
{
	struct vport_totals t;

	vport_sum(&rig_p[i].vport, &t);
	return t.drops[why];
}

void
rig_forget(void)
{
	for (unsigned i = 0; i < N_PORTS; i++)
		rig_p[i].n = 0;
}
