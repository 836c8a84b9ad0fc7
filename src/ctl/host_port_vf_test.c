/* host_port_vf_test.c - ports with a virtual function behind them, driven as ixgbevf does: states, frames, settings at run time. */
#include "ctl/test_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bench/vfuser/ixvf.h"
#include "guest/vhost.h"

#define RING_SIZE 64
#define ROOM 2048
#define FRAME_LEN 60
#define PATIENCE_NS (20 * NSEC_PER_S)
#define QUIET_NS \
	(NSEC_PER_S / 5) /* nothing came in this time: bounded below, so a slow machine can only miss a fault */

struct guest {
	struct ixvf vf;
	struct vuser_mem mem;
	char path[64];
	uint64_t frame; /* a buffer to send from */
};

static const uint8_t own[2][6] = { { 0x02, 0xf1, 0, 0, 0, 1 }, { 0x02, 0xf1, 0, 0, 0, 2 } };
static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

#define VF(n, keys) "  - {name: vm" n ", nic: vf, mac: \"02:f1:00:00:00:0" n "\"" keys "}\n"

static void
run_with(const char *ports)
{
	char *yaml = NULL;

	assert_true(asprintf(&yaml,
			     "version: 1\n"
			     "processors: {count: 3, speed_percent: 20}\n"
			     "adapters: [{name: wire, uplink: null, vfs: 4}]\n"
			     "switches:\n"
			     "- name: ext\n"
			     "  kind: external\n"
			     "  uplink: wire\n"
			     "  ports:\n"
			     "%s",
			     ports) > 0);
	json_decref(applied(yaml, 0));
	free(yaml);
}

/* The loop of the daemon, as far as guests need it. */
static void
pump(void *arg)
{
	vhost_loop_poll();
	usleep(100);
}

static struct ixvf_options
guest_open(struct guest *g, const char *socket)
{
	memset(g, 0, sizeof(*g));
	g->vf.vmm.stream.idle = pump;
	snprintf(g->path, sizeof(g->path), "%s/%s", rig_folder, socket);
	assert_int_equal(vuser_mem_open(&g->mem, 4 << 20, VUSER_GPA, false), 0);
	return (struct ixvf_options){
		.path = g->path, .n_pairs = 1, .rx_size = RING_SIZE, .tx_size = RING_SIZE, .rx_room = ROOM
	};
}

static uint64_t
buffer(struct guest *g)
{
	void *at = vuser_mem_carve(&g->mem, ROOM, 64);

	assert_non_null(at);
	return (uint64_t)(uintptr_t)at;
}

/* A VM whose driver runs, with receive buffers. */
static void
guest_boot(struct guest *g, const char *socket)
{
	struct ixvf_options o = guest_open(g, socket);

	assert_int_equal(ixvf_open(&g->vf, &o, &g->mem), 0);
	g->frame = buffer(g);
	for (unsigned i = 0; i < RING_SIZE / 2; i++) {
		uint64_t token = buffer(g);

		assert_int_equal(ix_rx_put(&g->vf.rx[0], &token, 1), 1);
	}
	ix_rx_flush(&g->vf.rx[0]);
}

static void
guest_end(struct guest *g)
{
	ixvf_close(&g->vf);
	vuser_mem_close(&g->mem);
	for (int i = 0; i < 20; i++)
		pump(NULL);
}

static void
guest_send(struct guest *g, const uint8_t *to, const uint8_t *from, uint8_t mark)
{
	uint8_t *eth = (uint8_t *)(uintptr_t)g->frame;
	uint64_t end = clock_ns() + PATIENCE_NS;

	memset(eth, mark, FRAME_LEN);
	memcpy(eth, to, 6);
	memcpy(eth + 6, from, 6);
	memcpy(eth + 12, (const uint8_t[]){ 0x88, 0xb5 }, 2); /* IEEE 802: local experimental */
	assert_int_equal(ix_tx_put(&g->vf.tx[0], &g->frame, 1, FRAME_LEN), 1);
	ix_tx_flush(&g->vf.tx[0]);
	while (ix_tx_clean(&g->vf.tx[0], NULL, 1) == 0 && clock_ns() < end)
		pump(NULL);
	assert_int_equal(ix_tx_room(&g->vf.tx[0]), RING_SIZE - 1);
}

/* Whether a frame with that mark comes within the time; frames with others are passed over. */
static bool
guest_hears(struct guest *g, uint8_t mark, uint64_t ns)
{
	uint64_t end = clock_ns() + ns;
	struct ix_rx_done done;

	for (; clock_ns() < end; pump(NULL)) {
		if (ix_rx_take(&g->vf.rx[0], &done, 1) != 1)
			continue;
		if (done.len >= FRAME_LEN && ((uint8_t *)(uintptr_t)done.token)[20] == mark)
			return true;
	}
	return false;
}

static void
state_is(const char *port, const char *state)
{
	uint64_t end = clock_ns() + PATIENCE_NS;
	json_t *row;
	bool so;

	do {
		pump(NULL);
		row = asked("vf.show", "{'port': '%s'}", port);
		so = strcmp(json_string_value(json_object_get(row, "state")), state) == 0;
		if (!so)
			json_decref(row);
	} while (!so && clock_ns() < end);
	if (!so)
		fail_msg("state of %s never becomes %s", port, state);
	json_decref(row);
}

static void
mac_becomes(const char *port, const char *mac)
{
	uint64_t end = clock_ns() + PATIENCE_NS;

	for (bool so = false; !so;) {
		json_t *row = asked("port.show", "{'port': '%s'}", port);
		const char *is = json_string_value(json_object_get(row, "mac"));

		so = is != NULL && strcmp(is, mac) == 0;
		if (!so && clock_ns() > end)
			fail_msg("mac of %s is %s", port, is);
		json_decref(row);
		pump(NULL);
	}
}

static json_int_t
drops(const char *port, const char *reason)
{
	json_t *list = asked("drops", "{'port': '%s'}", port), *row;
	json_int_t n = 0;
	size_t i;

	json_array_foreach(list, i, row) if (strcmp(json_string_value(json_object_get(row, "reason")), reason) == 0) n =
		json_integer_value(json_object_get(row, "count"));
	json_decref(list);
	return n;
}

/* ---- the tests ---- */

static void
a_function_waits_for_a_vmm_and_then_for_its_driver(void **state)
{
	struct ixvf_options o;
	struct guest g;

	run_with(VF("1", ""));
	state_is("vm1", "no client");
	o = guest_open(&g, "vm1.vf.sock");
	assert_int_equal(ixvf_attach(&g.vf, &o, &g.mem), 0);
	state_is("vm1", "waiting for the driver");
	assert_int_equal(ixvf_begin(&g.vf), 0);
	assert_int_equal(ixvf_up(&g.vf), 0);
	host_tend(&host);
	state_is("vm1", "up");
	key_is(asked("vf.show", "{'port': 'vm1'}"), "memory", "%d", 4 << 20);
	key_is(asked("port.show", "{'port': 'vm1'}"), "path", "'vf'");
	assert_memory_equal(g.vf.mac, own[0], 6);
	guest_end(&g);
	state_is("vm1", "no client");
}

static void
frames_go_from_function_to_function_and_the_books_balance(void **state)
{
	struct guest a, b;

	run_with(VF("1", "") VF("2", ""));
	guest_boot(&a, "vm1.vf.sock");
	guest_boot(&b, "vm2.vf.sock");
	host_tend(&host);
	guest_send(&a, own[1], own[0], 0x11);
	assert_true(guest_hears(&b, 0x11, PATIENCE_NS));
	guest_send(&b, all, own[1], 0x22);
	assert_true(guest_hears(&a, 0x22, PATIENCE_NS));
	key_is(row_of(asked("vf.list", "{}"), "port", "vm1"), "tx_packets", "1");
	key_is(row_of(asked("vf.list", "{}"), "port", "vm2"), "rx_packets", "1");
	key_is(row_of(asked("vf.list", "{}"), "port", "vm2"), "id", "1");
	key_is(asked("stats.show", "{}"), "balanced", "true");
	guest_end(&a);
	guest_end(&b);
}

/* Its device stays; frames arrive on either way. */
static void
a_policy_of_the_switch_leads_a_function_through_it_and_back(void **state)
{
	static const struct row {
		const char *ports, *path;
	} rows[] = {
		{ VF("1", ", vlan: {mode: trunk, ids: [10]}") VF("2", ""), "'vf-switched'" },
		{ VF("1", ", vlan: {mode: trunk, ids: [10]}, on_policy: bypass") VF("2", ""), "'vf'" },
		{ VF("1", ", vlan: {mode: trunk, ids: [10]}, on_policy: switch") VF("2", ""), "'vf-switched'" },
		{ VF("1", "") VF("2", ""), "'vf'" },
	};
	struct guest a, b;

	run_with(rows[3].ports);
	guest_boot(&a, "vm1.vf.sock");
	guest_boot(&b, "vm2.vf.sock");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run_with(rows[i].ports);
		key_is(asked("port.show", "{'port': 'vm1'}"), "path", "%s", rows[i].path);
		state_is("vm1", "up");
		guest_send(&a, own[1], own[0], (uint8_t)(0x60 + i));
		assert_true(guest_hears(&b, (uint8_t)(0x60 + i), PATIENCE_NS));
		guest_send(&b, own[0], own[1], (uint8_t)(0x70 + i));
		assert_true(guest_hears(&a, (uint8_t)(0x70 + i), PATIENCE_NS));
	}
	key_is(asked("stats.show", "{}"), "balanced", "true");
	guest_end(&a);
	guest_end(&b);
}

static void
another_source_is_dropped_until_spoof_check_is_off(void **state)
{
	static const uint8_t other[6] = { 0x02, 0xf1, 0, 0, 9, 9 };
	struct guest a, b;

	run_with(VF("1", "") VF("2", ""));
	guest_boot(&a, "vm1.vf.sock");
	guest_boot(&b, "vm2.vf.sock");
	host_tend(&host);
	guest_send(&a, own[1], other, 0x31);
	assert_false(guest_hears(&b, 0x31, QUIET_NS));
	assert_int_equal(drops("vm1", "spoofed"), 1);
	json_decref(asked("vf.set", "{'port': 'vm1', 'spoof_check': false}"));
	guest_send(&a, own[1], other, 0x32);
	assert_true(guest_hears(&b, 0x32, PATIENCE_NS));
	key_is(row_of(asked("vf.list", "{}"), "port", "vm1"), "spoof_check", "false");
	guest_end(&a);
	guest_end(&b);
}

/* 100 frames of 1500 bytes at 1 Mb/s are 1.2 s, less the depth of 10 ms and a burst of 32 frames that is not waited for: 0.8 s. */
static void
what_a_guest_may_send_is_capped_at_run_time(void **state)
{
	unsigned sent = 0;
	uint64_t begin;
	struct guest a;

	run_with(VF("1", ", rate_mbps: 10000"));
	guest_boot(&a, "vm1.vf.sock");
	host_tend(&host);
	guest_send(&a, all, own[0], 0x35);
	json_decref(asked("vf.set", "{'port': 'vm1', 'rate_mbps': 1}"));
	key_is(row_of(asked("vf.list", "{}"), "port", "vm1"), "rate_mbps", "1");
	begin = clock_ns();
	while (sent < 100 && clock_ns() - begin < PATIENCE_NS) {
		while (ix_tx_put(&a.vf.tx[0], &a.frame, 1, 1500) == 1)
			;
		ix_tx_flush(&a.vf.tx[0]);
		sent += ix_tx_clean(&a.vf.tx[0], NULL, RING_SIZE);
		pump(NULL);
	}
	assert_true(sent >= 100);
	assert_true(clock_ns() - begin > NSEC_PER_S / 2);
	guest_end(&a);
}

static void
a_function_without_trust_keeps_its_address(void **state)
{
	static const uint8_t mine[6] = { 0x02, 0xaa, 0, 0, 0, 5 };
	struct guest a, b;

	run_with(VF("1", "") VF("2", ""));
	guest_boot(&a, "vm1.vf.sock");
	guest_boot(&b, "vm2.vf.sock");
	host_tend(&host);
	assert_int_equal(ixvf_set_mac(&a.vf, mine), -EREMOTEIO);
	mac_becomes("vm1", "02:f1:00:00:00:01");
	json_decref(asked("vf.set", "{'port': 'vm1', 'trust': true}"));
	assert_int_equal(ixvf_set_mac(&a.vf, mine), 0);
	mac_becomes("vm1", "02:aa:00:00:00:05");
	guest_send(&b, mine, own[1], 0x41);
	assert_true(guest_hears(&a, 0x41, PATIENCE_NS));
	guest_end(&a);
	guest_end(&b);
}

/* SET_MACVLAN: one more address beside its own, as the first of them. */
static void
ask_for_more(struct guest *g, const uint8_t *mac)
{
	uint32_t words[3] = { IX_MSG_SET_MACVLAN | 1 << 16 };

	memcpy(&words[1], mac, 6);
	ixvf_message(&g->vf, words, 3, 3);
}

static void
a_trusted_guest_gets_no_frame_for_another_port(void **state)
{
	static const uint8_t third[6] = { 0x02, 0xf1, 0, 0, 0, 3 }, vhost[6] = { 0x02, 0xf1, 0, 0, 0, 9 };
	const uint8_t *const theirs[] = { own[1], vhost };
	struct guest a, b, c;
	uint8_t mark = 0x61;

	run_with(VF("1", ", trust: true") VF("2", "")
			 VF("3", "") "  - {name: vm9, nic: vhost, mac: \"02:f1:00:00:00:09\"}\n");
	guest_boot(&a, "vm1.vf.sock");
	guest_boot(&b, "vm2.vf.sock");
	guest_boot(&c, "vm3.vf.sock");
	host_tend(&host);
	for (size_t i = 0; i < 2; i++) {
		ixvf_set_mac(&a.vf, theirs[i]);
		guest_send(&c, theirs[i], third, ++mark);
		assert_false(guest_hears(&a, mark, QUIET_NS));
		guest_send(&a, all, theirs[i], ++mark);
		assert_false(guest_hears(&c, mark, QUIET_NS));
		assert_int_equal(ixvf_set_mac(&a.vf, own[0]), 0);
		ask_for_more(&a, theirs[i]);
		guest_send(&c, theirs[i], third, ++mark);
		assert_false(guest_hears(&a, mark, QUIET_NS));
	}
	guest_send(&c, own[1], third, ++mark);
	assert_true(guest_hears(&b, mark, PATIENCE_NS));
	guest_end(&a);
	guest_end(&b);
	guest_end(&c);
}

static void
an_address_that_a_trusted_guest_added_goes_to_the_port_that_comes_with_it(void **state)
{
	static const uint8_t more[6] = { 0x02, 0xf1, 0, 0, 0, 9 };
	struct guest a, b;

	run_with(VF("1", ", trust: true") VF("2", ""));
	guest_boot(&a, "vm1.vf.sock");
	guest_boot(&b, "vm2.vf.sock");
	host_tend(&host);
	ask_for_more(&a, more);
	guest_send(&b, more, own[1], 0x71);
	assert_true(guest_hears(&a, 0x71, PATIENCE_NS));
	run_with(VF("1", ", trust: true") VF("2", "") "  - {name: vm9, nic: vhost, mac: \"02:f1:00:00:00:09\"}\n");
	host_tend(&host);
	guest_send(&b, more, own[1], 0x72);
	assert_false(guest_hears(&a, 0x72, QUIET_NS));
	run_with(VF("1", ", trust: true") VF("2", ""));
	host_tend(&host);
	guest_send(&b, more, own[1], 0x73);
	assert_true(guest_hears(&a, 0x73, PATIENCE_NS));
	guest_end(&a);
	guest_end(&b);
}

/* Lines of a file with that text. */
static unsigned
lines_with(FILE *f, const char *text)
{
	char line[512];
	unsigned n = 0;

	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, text) != NULL;
	return n;
}

static void
a_guest_that_changes_its_address_all_the_time_does_not_fill_the_log(void **state)
{
	uint8_t mine[6] = { 0x02, 0xaa, 0, 0, 0, 0 };
	FILE *log = tmpfile();
	int saved = dup(STDERR_FILENO);
	uint64_t begin;
	unsigned lines;
	struct guest g;

	run_with(VF("1", ", trust: true"));
	guest_boot(&g, "vm1.vf.sock");
	host_tend(&host);
	assert_non_null(log);
	log_set_level(LOG_LEVEL_INFO);
	begin = clock_ns();
	dup2(fileno(log), STDERR_FILENO);
	for (mine[5] = 1; mine[5] <= 40; mine[5]++)
		ixvf_set_mac(&g.vf, mine);
	dup2(saved, STDERR_FILENO);
	close(saved);
	log_set_level(LOG_LEVEL_ERROR);
	lines = lines_with(log, "address of the guest changed");
	fclose(log);
	assert_in_range(lines, 1, 1 + (clock_ns() - begin) / NSEC_PER_S);
	mac_becomes("vm1", "02:aa:00:00:00:28");
	guest_end(&g);
}

static void
another_address_holds_when_the_driver_has_taken_it(void **state)
{
	struct guest g;

	run_with(VF("1", ""));
	guest_boot(&g, "vm1.vf.sock");
	host_tend(&host);
	json_decref(asked("vf.set", "{'port': 'vm1', 'mac': '02:f1:00:00:00:77'}"));
	assert_int_equal(ixvf_reset(&g.vf), 0);
	assert_memory_equal(g.vf.mac, ((const uint8_t[]){ 0x02, 0xf1, 0, 0, 0, 0x77 }), 6);
	mac_becomes("vm1", "02:f1:00:00:00:77");
	guest_end(&g);
}

static void
functions_of_different_vlans_do_not_hear_each_other(void **state)
{
	struct guest a, b;

	run_with(VF("1", ", vlan: {mode: access, id: 10}") VF("2", ""));
	guest_boot(&a, "vm1.vf.sock");
	guest_boot(&b, "vm2.vf.sock");
	host_tend(&host);
	guest_send(&a, all, own[0], 0x51);
	assert_false(guest_hears(&b, 0x51, QUIET_NS));
	json_decref(asked("vf.set", "{'port': 'vm2', 'vlan': 10}"));
	key_is(row_of(asked("vf.list", "{}"), "port", "vm2"), "vlan", "10");
	guest_send(&a, all, own[0], 0x52);
	assert_true(guest_hears(&b, 0x52, PATIENCE_NS));
	guest_end(&a);
	guest_end(&b);
}

static void
the_link_that_the_guest_sees_is_the_configured_one(void **state)
{
	struct guest g;

	run_with(VF("1", ""));
	guest_boot(&g, "vm1.vf.sock");
	assert_true(ixvf_read(&g.vf, IX_LINKS) & IX_LINKS_UP);
	json_decref(asked("vf.set", "{'port': 'vm1', 'link': false}"));
	assert_false(ixvf_read(&g.vf, IX_LINKS) & IX_LINKS_UP);
	key_is(asked("vf.show", "{'port': 'vm1'}"), "link", "'down'");
	guest_end(&g);
}

/* IEEE 802, 8.4: the second bit of the first byte tells a local address, the first a group. */
static void
a_function_without_an_address_gets_a_local_one_and_keeps_it(void **state)
{
	json_t *row;
	char mac[32];

	run_with("  - {name: vm1, nic: vf}\n");
	row = row_of(asked("vf.list", "{}"), "port", "vm1");
	snprintf(mac, sizeof(mac), "%s", json_string_value(json_object_get(row, "mac")));
	assert_int_equal(strtoul(mac, NULL, 16) & 3, 2);
	json_decref(row);
	run_with("  - {name: vm1, nic: vf, model: 82599}\n"); /* another device: the port is made anew */
	key_is(asked("vf.show", "{'port': 'vm1'}"), "model", "'82599'");
	key_is(asked("vf.show", "{'port': 'vm1'}"), "mac", "'%s'", mac);
}

/* The guest has another port's address, of another VLAN: it is in the way, and is not the host's choice afterwards. */
static void
a_refused_change_leaves_the_host_s_choice_of_an_address(void **state)
{
	static const uint8_t other[6] = { 0x02, 0xaa, 0, 0, 0, 5 };
	json_t *result;
	struct err err;
	struct guest g;

	run_with(VF("1", ", trust: true") "  - {name: vm2, nic: vf, mac: \"02:aa:00:00:00:05\", vlan: {mode: access, "
					  "id: 10}}\n");
	guest_boot(&g, "vm1.vf.sock");
	host_tend(&host);
	assert_int_equal(ixvf_set_mac(&g.vf, other), 0);
	mac_becomes("vm1", "02:aa:00:00:00:05");
	assert_int_equal(call("vf.set", json_of("{'port': 'vm1', 'vlan': 10}"), &result, &err), -EEXIST);
	key_is(row_of(asked("vf.list", "{}"), "port", "vm1"), "vlan", "0");
	mac_becomes("vm1", "02:aa:00:00:00:05");
	guest_end(&g);
	guest_boot(&g, "vm1.vf.sock"); /* another guest */
	assert_memory_equal(g.vf.mac, own[0], 6);
	guest_end(&g);
}

static void
what_is_no_function_is_refused(void **state)
{
	static const char *const methods[] = { "vf.show", "vf.set" };
	json_t *result;
	struct err err;

	run_with(VF("1", "") "  - {name: vm2, nic: vhost}\n");
	for (size_t i = 0; i < 2; i++) {
		json_t *params = i == 0 ? json_of("{'port': 'vm2'}") : json_of("{'port': 'vm2', 'trust': true}");

		assert_int_equal(call(methods[i], params, &result, &err), -ENOENT);
		assert_string_equal(err.msg, "port 'vm2' is no virtual function");
	}
	assert_int_equal(json_array_size(result = asked("vf.list", "{}")), 1);
	json_decref(result);
}

static void
a_standby_is_refused_and_all_stays_as_it_was(void **state)
{
	static const char yaml[] = "version: 1\nprocessors: {count: 3, speed_percent: 20}\n"
				   "adapters: [{name: wire, uplink: null, vfs: 4}]\n"
				   "switches: [{name: ext, kind: external, uplink: wire, ports: [\n"
				   "  {name: vm1, nic: vf, standby: {socket: s.sock}}]}]\n";
	json_t *result;
	struct err err;

	run_with(VF("1", ""));
	assert_int_equal(call("config.apply", json_pack("{s:s, s:s, s:i}", "file", "f", "text", yaml, "confirm_s", 0),
			      &result, &err),
			 -EOPNOTSUPP);
	assert_string_equal(err.msg, "port 'vm1': a standby is not offered by this version");
	state_is("vm1", "no client");
}

static int
tests(void)
{
	const struct CMUnitTest list[] = {
		RIG_TEST(a_function_waits_for_a_vmm_and_then_for_its_driver),
		RIG_TEST(frames_go_from_function_to_function_and_the_books_balance),
		RIG_TEST(a_policy_of_the_switch_leads_a_function_through_it_and_back),
		RIG_TEST(another_source_is_dropped_until_spoof_check_is_off),
		RIG_TEST(what_a_guest_may_send_is_capped_at_run_time),
		RIG_TEST(a_function_without_trust_keeps_its_address),
		RIG_TEST(a_trusted_guest_gets_no_frame_for_another_port),
		RIG_TEST(an_address_that_a_trusted_guest_added_goes_to_the_port_that_comes_with_it),
		RIG_TEST(a_guest_that_changes_its_address_all_the_time_does_not_fill_the_log),
		RIG_TEST(another_address_holds_when_the_driver_has_taken_it),
		RIG_TEST(functions_of_different_vlans_do_not_hear_each_other),
		RIG_TEST(the_link_that_the_guest_sees_is_the_configured_one),
		RIG_TEST(a_function_without_an_address_gets_a_local_one_and_keeps_it),
		RIG_TEST(a_refused_change_leaves_the_host_s_choice_of_an_address),
		RIG_TEST(what_is_no_function_is_refused),
		RIG_TEST(a_standby_is_refused_and_all_stays_as_it_was),
	};

	return cmocka_run_group_tests(list, rig_start, rig_stop);
}

int
main(void)
{
	return rig_main(tests);
}
