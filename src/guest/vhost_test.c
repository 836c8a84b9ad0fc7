/* vhost_test.c - when the rings of a device run and when they do not, and who connects. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/test_vhost.h"
#include "nic/test_eal.h"

static void
a_device_comes_up_with_any_number_of_pairs(void **state)
{
	static const unsigned pairs[] = { 1, 4, VHOST_PAIRS_MAX };

	for (size_t i = 0; i < LEN(pairs); i++) {
		struct vhost_info info;
		struct guest g;

		guest_open(&g, pairs[i]);
		assert_int_equal(guest_info(&g).state, VHOST_NO_FRONT_END);
		assert_int_equal(guest_put(&g), DROP_PORT_DOWN);
		guest_up(&g);
		info = guest_info(&g);
		assert_int_equal(info.state, VHOST_UP);
		assert_int_equal(info.pairs_running, pairs[i]);
		assert_int_equal(info.memory_bytes, GUEST_MEMORY);
		assert_int_equal(info.regions, 1);
		assert_int_equal(info.features, GUEST_FEATURES);
		assert_int_equal(info.protocol_features, GUEST_PROTOCOL);
		assert_int_equal(info.connects, 1);
		assert_string_equal(info.last_error, "");
		for (unsigned p = 0; p < pairs[i]; p++) {
			assert_int_equal(guest_send(&g, p, 3), 3);
			assert_int_equal(guest_take(&g, p), 3);
			guest_post(&g, p, RING_SIZE);
		}
		assert_int_equal(guest_put(&g), SINK_TAKEN);
		guest_down(&g);
		assert_true(guest_until(&g, VHOST_NO_FRONT_END));
		assert_int_equal(guest_put(&g), DROP_PORT_DOWN);
		for (unsigned p = 0; p < pairs[i]; p++)
			assert_int_equal(guest_take(&g, p), 0);
		guest_close(&g);
	}
}

static void
a_ring_runs_when_all_is_there_whatever_came_last(void **state)
{
	struct guest g;

	for (unsigned last = 0; last < NEEDS; last++)
		for (unsigned i = 0; i < 2; i++) {
			guest_open(&g, 1);
			guest_prepare(&g);
			assert_int_equal(guest_send(&g, 0, 5), 5);
			guest_post(&g, 0, 5);
			for (unsigned n = 0; n < NEEDS; n++)
				if (n != last)
					guest_give(&g, i, n);
			if (last != NEED_BASE) {
				assert_int_equal(guest_take(&g, 0), 0);
				assert_int_equal(guest_put(&g), DROP_PORT_DOWN);
			}
			guest_give(&g, i, last);
			assert_int_equal(guest_take(&g, 0), i == 1 ? 5 : 0);
			assert_int_equal(guest_put(&g), i == 0 ? SINK_TAKEN : DROP_PORT_DOWN);
			guest_close(&g);
		}
}

/* "If VHOST_USER_F_PROTOCOL_FEATURES has not been negotiated, the ring starts directly in the enabled state." */
static void
without_protocol_features_rings_start_enabled(void **state)
{
	struct guest g;

	guest_open(&g, 1);
	g.options.features &= ~VHOST_USER_PROTOCOL_FEATURES;
	guest_prepare(&g);
	for (unsigned n = 0; n < NEED_ENABLE; n++) {
		guest_give(&g, 0, n);
		if (n != NEED_MEMORY)
			guest_give(&g, 1, n);
	}
	assert_true(guest_until(&g, VHOST_UP));
	assert_int_equal(guest_info(&g).pairs_running, 1);
	guest_close(&g);
}

/* "Bit 8 is the invalid FD flag ... polling should be used instead of waiting for the kick." */
static void
a_ring_without_descriptors_runs_too(void **state)
{
	struct guest g;

	guest_open(&g, 1);
	guest_prepare(&g);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned n = i; n < NEEDS; n++)
			if (n != NEED_KICK)
				guest_give(&g, i, n);
		assert_int_equal(guest_u64(&g, VUSER_SET_VRING_KICK, i | VUSER_NO_FD), 0);
		assert_int_equal(guest_u64(&g, VUSER_SET_VRING_CALL, i | VUSER_NO_FD), 0);
		assert_int_equal(guest_u64(&g, VUSER_SET_VRING_ERR, i | VUSER_NO_FD), 0);
	}
	assert_int_equal(guest_info(&g).state, VHOST_UP);
	assert_int_equal(guest_send(&g, 0, 2), 2);
	assert_int_equal(guest_take(&g, 0), 2);
	guest_close(&g);
}

/* ---- stop and start ---- */

static void
get_vring_base_stops_that_ring_alone(void **state)
{
	uint16_t base = 77;
	struct guest g;

	guest_open(&g, 2);
	guest_up(&g);
	guest_send(&g, 0, 5);
	assert_int_equal(guest_take(&g, 0), 5);
	guest_send(&g, 0, 2);
	assert_int_equal(vuser_queue_stop(&g.front, 1, &base), 0);
	assert_int_equal(base, 5); /* entries that were taken and given back */
	assert_int_equal(guest_take(&g, 0), 0);
	assert_int_equal(guest_info(&g).pairs_running, 1);
	/* Asked once more, it says the same; one that never ran says what it was told, and the others go on. */
	assert_int_equal(vuser_queue_stop(&g.front, 1, &base), 0);
	assert_int_equal(base, 5);
	guest_send(&g, 1, 4);
	assert_int_equal(guest_take(&g, 1), 4);
	guest_post(&g, 0, 8);
	guest_post(&g, 1, 8);
	assert_int_equal(guest_put(&g), SINK_TAKEN);
	/* Enabling is not starting: a kick descriptor is. */
	assert_int_equal(vuser_queue_enable(&g.front, 1, true), 0);
	assert_int_equal(guest_take(&g, 0), 0);
	assert_int_equal(vuser_queue_start(&g.front, 1, base), 0);
	assert_int_equal(guest_take(&g, 0), 2);
	guest_close(&g);
}

/* Without a base of the front end's: where its driver would recover (used->idx). */
static void
a_ring_without_a_base_begins_where_its_driver_would(void **state)
{
	struct guest g;

	guest_open(&g, 1);
	guest_prepare(&g);
	vuser_queue_reset(&g.front.queue[1], 65530);
	guest_send(&g, 0, 10);
	for (unsigned n = 0; n < NEEDS; n++)
		if (n != NEED_BASE)
			guest_give(&g, 1, n);
	assert_int_equal(guest_take(&g, 0), 10);
	guest_close(&g);
}

/* virtio 1.2, 2.1: status 0 resets. "RESET_DEVICE: disable all rings and reset all internal device state". Memory stays: QEMU tells differences only. */
static void
a_reset_stops_all_rings_and_keeps_the_memory(void **state)
{
	struct vuser_msg m = { .request = VUSER_RESET_DEVICE };
	struct guest g;

	guest_open(&g, 2);
	guest_up(&g);
	assert_int_equal(guest_u64(&g, VUSER_SET_STATUS, 0), 0);
	assert_int_equal(guest_info(&g).state, VHOST_WAITING);
	for (unsigned i = 0; i < 4; i++) { /* enabled before, as QEMU does it */
		vuser_queue_reset(&g.front.queue[i], 0);
		assert_int_equal(vuser_queue_start(&g.front, i, 0), 0);
	}
	assert_int_equal(guest_info(&g).pairs_running, 2);
	assert_int_equal(vuser_tell(&g.front, &m, NULL, 0), 0);
	assert_int_equal(guest_info(&g).pairs_running, 0);
	assert_int_equal(guest_info(&g).memory_bytes, GUEST_MEMORY);
	for (unsigned i = 0; i < 4; i++) {
		vuser_queue_reset(&g.front.queue[i], 0);
		assert_int_equal(vuser_queue_start(&g.front, i, 0), 0);
	}
	assert_int_equal(guest_info(&g).pairs_running, 0); /* disabled */
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(vuser_queue_enable(&g.front, i, true), 0);
	assert_int_equal(guest_info(&g).pairs_running, 2);
	guest_close(&g);
}

/* A VM that was paused between KICK and CALL would wait for an interrupt that went to nobody. */
static void
a_new_call_descriptor_gets_an_interrupt(void **state)
{
	struct vuser_msg m = { .request = VUSER_SET_VRING_CALL, .size = 8, .u64 = 0 };
	struct guest g;

	guest_open(&g, 1);
	guest_up(&g);
	vuser_called(&g.front.queue[0]);
	guest_post(&g, 0, 8);
	assert_int_equal(guest_u64(&g, VUSER_SET_VRING_CALL, VUSER_NO_FD), 0);
	assert_int_equal(guest_put(&g), SINK_TAKEN);
	assert_int_equal(vuser_called(&g.front.queue[0]), 0);
	assert_int_equal(vuser_tell(&g.front, &m, &g.front.queue[0].call_fd, 1), 0);
	assert_int_equal(vuser_called(&g.front.queue[0]), 1);
	assert_int_equal(guest_put(&g), SINK_TAKEN);
	assert_int_equal(vuser_called(&g.front.queue[0]), 1);
	/* Ours is non-blocking, whatever the front end gave. */
	assert_true(fcntl(g.front.queue[0].call_fd, F_GETFL) & O_NONBLOCK);
	guest_close(&g);
}

/* ---- who connects ---- */

static void
the_next_front_end_finds_a_new_device(void **state)
{
	struct vuser_msg m = { .request = VUSER_SET_VRING_NUM, .size = 7 };
	struct guest g;

	guest_open(&g, 1);
	guest_up(&g);
	guest_send(&g, 0, 5);
	guest_take(&g, 0);
	m.flags = VUSER_VERSION;
	assert_int_equal(vuser_send(&g.front, &m, NULL, 0), 0);
	assert_true(guest_until(&g, VHOST_NO_FRONT_END));
	assert_string_equal(guest_info(&g).last_error, "request 8 has 7 bytes");
	/* The same VM, once more, with its rings as they are: they go on at used->idx. */
	close(g.front.stream.sock);
	assert_int_equal(vuser_connect(&g.front, &g.options), 0);
	assert_true(guest_until(&g, VHOST_WAITING));
	assert_int_equal(guest_info(&g).features, 0);
	assert_int_equal(guest_info(&g).memory_bytes, 0);
	assert_string_equal(guest_info(&g).last_error, "request 8 has 7 bytes");
	assert_int_equal(vuser_negotiate(&g.front, &g.options), 0);
	for (unsigned n = 0; n < NEEDS; n++)
		if (n != NEED_BASE)
			guest_give(&g, 1, n);
	guest_send(&g, 0, 3);
	assert_int_equal(guest_take(&g, 0), 3);
	guest_down(&g);
	assert_true(guest_until(&g, VHOST_NO_FRONT_END));
	assert_string_equal(guest_info(&g).last_error, ""); /* it left by itself */
	guest_close(&g);
}

static int
give_away(void *arg)
{
	int fd = *(int *)arg;

	*(int *)arg = -ECONNREFUSED;
	return fd;
}

static void
a_port_may_connect_itself(void **state)
{
	int ends[2], fd = -ECONNREFUSED;
	struct vhost_info info;
	struct guest g;
	struct vhost_options o = { .name = "vm2", .n_pairs = 1, .mtu = 1500, .queues = g.queue, .vport = &g.vport };
	struct vhost *v;

	guest_open(&g, 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	v = vhost_open(&o, -1, give_away, &fd, NULL);
	assert_non_null(v);
	vhost_loop_poll();
	vhost_info(v, &info);
	assert_int_equal(info.state, VHOST_NO_FRONT_END);
	fd = ends[0];
	for (unsigned i = 0; i < 300 && info.connects == 0; i++) {
		usleep(10000);
		vhost_loop_poll();
		vhost_info(v, &info);
	}
	assert_int_equal(info.state, VHOST_WAITING);
	vhost_close(v);
	close(ends[1]);
	vhost_close(NULL);
	guest_close(&g);
}

static void
states_have_names(void **state)
{
	assert_string_equal(vhost_state_text(VHOST_NO_FRONT_END), "no front end");
	assert_string_equal(vhost_state_text(VHOST_WAITING), "waiting for the driver");
	assert_string_equal(vhost_state_text(VHOST_UP), "up");
	assert_string_equal(vhost_state_text(VHOST_BROKEN), "broken");
	assert_string_equal(vhost_state_text((enum vhost_state)99), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_comes_up_with_any_number_of_pairs),
		cmocka_unit_test(a_ring_runs_when_all_is_there_whatever_came_last),
		cmocka_unit_test(without_protocol_features_rings_start_enabled),
		cmocka_unit_test(a_ring_without_descriptors_runs_too),
		cmocka_unit_test(get_vring_base_stops_that_ring_alone),
		cmocka_unit_test(a_ring_without_a_base_begins_where_its_driver_would),
		cmocka_unit_test(a_reset_stops_all_rings_and_keeps_the_memory),
		cmocka_unit_test(a_new_call_descriptor_gets_an_interrupt),
		cmocka_unit_test(the_next_front_end_finds_a_new_device),
		cmocka_unit_test(a_port_may_connect_itself),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests(tests, guest_start, guest_stop);
}
