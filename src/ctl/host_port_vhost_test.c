/* host_port_vhost_test.c - ports with a guest behind them, played by a front end of ours: sockets, states, addresses, changes. */
#include "ctl/test_rig.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/vuser/vuser.h"
#include "guest/vhost.h"

#define RING_SIZE 64
#define HEADER_LEN 12 /* virtio 1.2, 5.1.6, with VERSION_1 */
#define FRAME_LEN 60
#define PATIENCE_NS (10 * NSEC_PER_S)
#define ALL_BITS UINT64_MAX

struct guest {
	struct vuser front;
	struct vuser_mem mem;
	char path[64];
	uint8_t *frame;
};

/* The loop of the daemon, as far as guests need it. */
static void
pump(void *arg)
{
	vhost_loop_poll();
	usleep(100);
}

static void
guest_path(struct guest *g, const char *socket)
{
	memset(g, 0, sizeof(*g));
	g->front.stream.sock = -1;
	g->front.stream.idle = pump;
	snprintf(g->path, sizeof(g->path), "%s/%s", rig_folder, socket);
	assert_int_equal(vuser_mem_open(&g->mem, 4 << 20, VUSER_GPA, false), 0);
}

static struct vuser_options
guest_options(const struct guest *g, unsigned n_pairs)
{
	return (struct vuser_options){
		.path = g->path,
		.n_pairs = n_pairs,
		.rx_size = RING_SIZE,
		.tx_size = RING_SIZE,
		.features = ALL_BITS & ~(1ull << VUSER_F_LOG_ALL),
		.protocol_features = ALL_BITS,
	};
}

/* A VM whose driver runs. */
static void
guest_boot(struct guest *g, const char *socket, unsigned n_pairs)
{
	struct vuser_options o;

	guest_path(g, socket);
	o = guest_options(g, n_pairs);
	assert_int_equal(vuser_open(&g->front, &o, &g->mem), 0);
	g->frame = vuser_mem_carve(&g->mem, 2048, 64);
	assert_non_null(g->frame);
}

static void
guest_end(struct guest *g)
{
	vuser_close(&g->front);
	vuser_mem_close(&g->mem);
	for (int i = 0; i < 20; i++)
		pump(NULL);
}

/* One broadcast, through the switch and back to its driver. */
static void
guest_send(struct guest *g, uint8_t from)
{
	struct vuser_queue *q = &g->front.queue[1];
	uint64_t token = (uint64_t)(uintptr_t)g->frame, end = clock_ns() + PATIENCE_NS;
	uint8_t *eth = g->frame + HEADER_LEN;
	struct vuser_done done;

	memset(g->frame, 0, HEADER_LEN + FRAME_LEN);
	memset(eth, 0xff, 6);
	memcpy(eth + 6, (const uint8_t[]){ 0x02, 0xf1, 0, 0, 9, from }, 6);
	memcpy(eth + 12, (const uint8_t[]){ 0x88, 0xb5 }, 2); /* IEEE 802: local experimental */
	assert_int_equal(vuser_put(q, &token, 1, HEADER_LEN + FRAME_LEN, 0), 1);
	vuser_flush(q);
	while (vuser_ready(q) == 0 && clock_ns() < end)
		usleep(200);
	assert_int_equal(vuser_take(q, &done, 1), 1);
}

static void
mac_is(const char *port, const char *mac)
{
	host_tend(&host);
	key_is(asked("port.show", "{'port': '%s'}", port), "mac", "%s", mac);
}

static void
state_is(const char *port, const char *state)
{
	key_is(asked("port.show", "{'port': '%s'}", port), "state", "'%s'", state);
}

static json_t *
guest_key(const char *port, const char *key)
{
	json_t *shown = asked("port.show", "{'port': '%s'}", port);
	json_t *value = json_incref(json_object_get(json_object_get(shown, "guest"), key));

	json_decref(shown);
	return value;
}

static json_int_t
guest_number(const char *port, const char *key)
{
	json_t *value = guest_key(port, key);
	json_int_t n = json_integer_value(value);

	json_decref(value);
	return n;
}

/* Empty for null. */
static const char *
guest_text(const char *port, const char *key)
{
	static char text[256];
	json_t *value = guest_key(port, key);

	snprintf(text, sizeof(text), "%s", json_is_string(value) ? json_string_value(value) : "");
	json_decref(value);
	return text;
}

static json_int_t
spoofed(const char *port)
{
	json_t *row = row_of(asked("drops", "{'port': '%s'}", port), "reason", "spoofed");
	json_int_t n = json_integer_value(json_object_get(row, "count"));

	json_decref(row);
	return n;
}

/* The host with a switch of guests; keys go into the entry of v1. */
static char *
with_guests(const char *keys)
{
	char *yaml = NULL;

	assert_true(asprintf(&yaml,
			     "version: 1\n"
			     "processors: {count: 3, speed_percent: 20}\n"
			     "adapters:\n"
			     "- {name: wire, uplink: \"null\", mode: vmq, queues: 2}\n"
			     "switches:\n"
			     "- name: ext\n"
			     "  kind: external\n"
			     "  uplink: wire\n"
			     "  ports:\n"
			     "  - {name: v1, nic: vhost%s}\n"
			     "  - {name: v2, nic: vhost, socket: two, mac: \"02:f1:00:00:09:02\"}\n",
			     keys) > 0);
	return yaml;
}

static void
run_with(const char *keys)
{
	char *yaml = with_guests(keys);

	json_decref(applied(yaml, 0));
	free(yaml);
}

static int
refused_with(const char *keys, struct err *err)
{
	char *yaml = with_guests(keys);
	json_t *params = json_pack("{s:s, s:s}", "file", "f.yaml", "text", yaml), *result;
	int ret = call("config.apply", params, &result, err);

	free(yaml);
	return ret;
}

static bool
socket_stat(const char *name, struct stat *st)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", rig_folder, name);
	return lstat(path, st) == 0 && S_ISSOCK(st->st_mode);
}

static void
a_socket_is_there_as_long_as_its_port(void **state)
{
	struct stat st;

	run_with("");
	assert_true(socket_stat("v1.sock", &st));
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_uid, 0);
	assert_true(socket_stat("two", &st));
	run_with(", socket: one, socket_owner: \"2:3\", socket_mode: \"0606\"");
	assert_false(socket_stat("v1.sock", &st));
	assert_true(socket_stat("one", &st));
	assert_int_equal(st.st_mode & 0777, 0606);
	assert_int_equal(st.st_uid, 2);
	assert_int_equal(st.st_gid, 3);
	json_decref(applied(host_text, 0));
	assert_false(socket_stat("one", &st));
	assert_false(socket_stat("two", &st));
}

static void
its_state_tells_how_far_the_guest_is(void **state)
{
	struct vuser_options o;
	struct guest g;

	run_with(", queues: 2");
	state_is("v1", "no front end");
	guest_path(&g, "v1.sock");
	o = guest_options(&g, 2);
	assert_int_equal(vuser_connect(&g.front, &o), 0);
	assert_int_equal(vuser_negotiate(&g.front, &o), 0);
	state_is("v1", "waiting for the driver");
	assert_int_equal(vuser_share(&g.front, &g.mem, 1), 0);
	assert_int_equal(vuser_start(&g.front, &o, &g.mem), 0);
	state_is("v1", "up");
	assert_int_equal(guest_number("v1", "queues_running"), 2);
	assert_int_equal(guest_number("v1", "memory"), 4 << 20);
	assert_int_equal(guest_number("v1", "front_ends"), 1);
	/* virtio 1.2, 2.7.6: a head is below the queue's size. */
	vuser_offer(&g.front.queue[1], RING_SIZE, 0, 0);
	vuser_flush(&g.front.queue[1]);
	for (uint64_t end = clock_ns() + PATIENCE_NS; clock_ns() < end && guest_text("v1", "fault")[0] == '\0';)
		usleep(1000);
	state_is("v1", "broken: a descriptor index is outside of the ring");
	state_is("v2", "no front end");
	guest_end(&g);
	state_is("v1", "no front end");
}

/* Each bit that the daemon offers has a name. */
static void
what_was_agreed_on_is_told_by_name(void **state)
{
	static const char *const some[] = { "MRG_RXBUF", "EVENT_IDX", "VERSION_1", "HOST_TSO4" };
	json_t *list, *name;
	struct guest g;
	size_t i;

	run_with("");
	guest_boot(&g, "v1.sock", 1);
	for (int k = 0; k < 2; k++) {
		list = guest_key("v1", k == 0 ? "features" : "protocol_features");
		assert_true(json_array_size(list) > 5);
		json_array_foreach(list, i, name)
		{
			const char *text = json_string_value(name);

			if (text[0] >= '0' && text[0] <= '9')
				fail_msg("bit %s has no name", text);
		}
		json_decref(list);
	}
	list = guest_key("v1", "features");
	for (size_t k = 0; k < sizeof(some) / sizeof(some[0]); k++) {
		bool found = false;

		json_array_foreach(list, i, name) found |= strcmp(json_string_value(name), some[k]) == 0;
		assert_true(found);
	}
	json_decref(list);
	guest_end(&g);
}

static void
the_guests_first_address_becomes_the_ports(void **state)
{
	json_int_t before;
	struct guest g;

	run_with("");
	guest_boot(&g, "v1.sock", 1);
	mac_is("v1", "null");
	before = spoofed("v1");
	guest_send(&g, 2); /* v2's own: not for v1 to have */
	assert_int_equal(spoofed("v1"), before + 1);
	mac_is("v1", "null");
	guest_send(&g, 0x11);
	mac_is("v1", "'02:f1:00:00:09:11'");
	guest_send(&g, 0x12);
	guest_send(&g, 0x11);
	assert_int_equal(spoofed("v1"), before + 2);
	mac_is("v1", "'02:f1:00:00:09:11'");
	/* A filter for it, where the wire has a queue left. */
	key_is(row_of(asked("vmq.list", "{}"), "port", "v1"), "mac", "'02:f1:00:00:09:11'");
	guest_end(&g);
	/* The next guest has its own. */
	mac_is("v1", "null");
	guest_boot(&g, "v1.sock", 1);
	guest_send(&g, 0x12);
	mac_is("v1", "'02:f1:00:00:09:12'");
	guest_end(&g);
}

static void
an_unchecked_source_is_known_all_the_same(void **state)
{
	json_int_t before;
	struct guest g;

	run_with(", spoof_check: off");
	before = spoofed("v1");
	guest_boot(&g, "v1.sock", 1);
	guest_send(&g, 0x21);
	mac_is("v1", "'02:f1:00:00:09:21'");
	guest_send(&g, 0x22);
	assert_int_equal(spoofed("v1"), before);
	guest_end(&g);
}

static void
settings_change_under_a_guest_that_stays(void **state)
{
	struct guest g;

	run_with(", mac: \"02:f1:00:00:09:31\"");
	guest_boot(&g, "v1.sock", 1);
	assert_int_equal(guest_number("v1", "mtu"), 9216);
	run_with(", mtu: 1400, vlan: {mode: access, id: 7}, vmq_weight: 3");
	assert_int_equal(guest_number("v1", "mtu"), 1400);
	mac_is("v1", "null");
	guest_send(&g, 0x32);
	mac_is("v1", "'02:f1:00:00:09:32'");
	key_is(asked("port.show", "{'port': 'v1'}"), "interrupt_moderation", "'adaptive'");
	run_with(", mtu: 1400, vmq_weight: 3, interrupt_moderation: off"); /* what was learned stays */
	key_is(asked("port.show", "{'port': 'v1'}"), "interrupt_moderation", "'off'");
	mac_is("v1", "'02:f1:00:00:09:32'");
	run_with(", mac: \"02:f1:00:00:09:33\"");
	mac_is("v1", "'02:f1:00:00:09:33'");
	state_is("v1", "up");
	assert_int_equal(guest_number("v1", "front_ends"), 1);
	guest_end(&g);
}

/* This driver does not ask again after the first one. */
static void
interrupts_are_told_by_queue(void **state)
{
	json_t *row;
	struct guest g;

	run_with(", mac: \"02:f1:00:00:09:41\", queues: 2");
	guest_boot(&g, "v1.sock", 2);
	guest_send(&g, 0x41);
	guest_send(&g, 0x41);
	assert_int_equal(guest_number("v1", "interrupts"), 1);
	key_is(json_pack("{s:o}", "list", guest_key("v1", "tx_interrupts")), "list", "[1, 0]");
	key_is(json_pack("{s:o}", "list", guest_key("v1", "rx_interrupts")), "list", "[0, 0]");
	assert_int_equal(guest_number("v1", "packets_per_interrupt"), 2);
	row = row_of(asked("queue.list", "{}"), "port", "v1"); /* the first of two */
	key_is(asked("queue.show", "{'queue': %d}", (int)json_integer_value(json_object_get(row, "id"))),
	       "guest_interrupts", "1");
	json_decref(row);
	guest_end(&g);
}

static void
moderation_is_set_under_a_guest_that_stays(void **state)
{
	static const char *const modes[] = { "off", "low", "medium", "high", "adaptive" };
	struct guest g;

	run_with("");
	guest_boot(&g, "v1.sock", 1);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		key_is(asked("port.set", "{'port': 'v1', 'interrupt_moderation': '%s'}", modes[i]), "changed", "true");
		key_is(asked("port.show", "{'port': 'v1'}"), "interrupt_moderation", "'%s'", modes[i]);
		key_is(asked("port.set", "{'port': 'v1', 'interrupt_moderation': '%s'}", modes[i]), "changed", "false");
		state_is("v1", "up");
	}
	assert_int_equal(guest_number("v1", "front_ends"), 1);
	guest_end(&g);
}

static void
what_cannot_be_changed_replaces_the_port(void **state)
{
	static const char *const rows[] = { ", queues: 2", ", socket: other", ", role: client",
					    ", socket_mode: \"0600\"", ", socket_owner: \"0:0\"" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *yaml = with_guests(rows[i]);
		json_t *step, *result;
		struct guest g;
		bool told = false;
		size_t k;

		run_with("");
		guest_boot(&g, "v1.sock", 1);
		result = applied(yaml, 0);
		json_array_foreach(json_object_get(result, "steps"), k, step) told |=
			strstr(json_string_value(step), "port v1 replaced") != NULL;
		assert_true(told);
		json_decref(result);
		state_is("v1", "no front end");
		guest_end(&g);
		free(yaml);
	}
}

/* As TAP or as a guest's NIC, by one change and back. */
static void
a_port_changes_its_kind(void **state)
{
	char *yaml = replaced("nic: tap, interface: flm1, mac: \"02:f1:00:00:00:01\"", "nic: vhost");
	struct stat st;

	json_decref(applied(yaml, 0));
	state_is("vm1", "no front end");
	mac_is("vm1", "null");
	json_decref(applied(host_text, 0));
	state_is("vm1", "up");
	mac_is("vm1", "'02:f1:00:00:00:01'");
	assert_false(socket_stat("vm1.sock", &st));
	free(yaml);
}

static void
a_refused_port_leaves_a_running_guest_alone(void **state)
{
	static const struct {
		const char *keys;
		int code;
		const char *msg, *hint, *path;
	} rows[] = {
		{ ", socket: /run/flnowhere/one.sock", -EINVAL,
		  "port 'v1': socket '/run/flnowhere/one.sock' does not lie", "write socket: one.sock",
		  "switches[0].ports[0].socket" },
		{ ", socket: /tmp/one.sock", -EINVAL, "does not lie in this daemon's run directory, /tmp/flmeth",
		  "write socket: one.sock", "" },
		{ ", socket_owner: \"flnobody:root\"", -EINVAL, "port 'v1': there is no user 'flnobody'", "getent",
		  "" },
		{ ", socket_owner: \":flnobody\"", -EINVAL, "port 'v1': there is no group 'flnobody'", "getent", "" },
		{ ", socket: running.yaml", -EEXIST, "port 'v1': cannot listen on 'running.yaml'", "not a socket", "" },
	};
	struct guest g;

	run_with("");
	guest_boot(&g, "two", 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };
		struct stat st;

		assert_int_equal(refused_with(rows[i].keys, &err), rows[i].code);
		if (strstr(err.msg, rows[i].msg) == NULL || strstr(err.hint, rows[i].hint) == NULL ||
		    strstr(err.path, rows[i].path) == NULL)
			fail_msg("row %zu: '%s', hint '%s', path '%s'", i, err.msg, err.hint, err.path);
		assert_true(socket_stat("v1.sock", &st));
		state_is("v2", "up");
	}
	assert_int_equal(guest_number("v2", "front_ends"), 1);
	guest_end(&g);
}

/* Our own run directory is the same by whatever path. */
static void
a_socket_may_be_named_by_its_path(void **state)
{
	char keys[96];
	struct stat st;

	snprintf(keys, sizeof(keys), ", socket: %s/one.sock", rig_folder);
	run_with(keys);
	assert_true(socket_stat("one.sock", &st));
	run_with(", socket: one.sock");
	assert_true(socket_stat("one.sock", &st));
}

/* The control thread, while this one waits to be connected to. */
static void *
pump_until(void *stop)
{
	while (!atomic_load((_Atomic bool *)stop))
		pump(NULL);
	return NULL;
}

static void
a_client_finds_its_server_when_it_comes(void **state)
{
	_Atomic bool stop = false;
	pthread_t control_thread;
	struct vuser_options o;
	struct guest g;
	int ret;

	run_with(", role: client");
	for (int i = 0; i < 10; i++)
		pump(NULL);
	state_is("v1", "no front end");
	assert_string_equal(guest_text("v1", "last_error"), "cannot connect: No such file or directory");
	guest_path(&g, "v1.sock");
	o = guest_options(&g, 1);
	o.server = true;
	assert_int_equal(pthread_create(&control_thread, NULL, pump_until, &stop), 0);
	ret = vuser_connect(&g.front, &o);
	atomic_store(&stop, true);
	pthread_join(control_thread, NULL);
	assert_int_equal(ret, 0);
	assert_int_equal(vuser_negotiate(&g.front, &o), 0);
	assert_int_equal(vuser_share(&g.front, &g.mem, 1), 0);
	assert_int_equal(vuser_start(&g.front, &o, &g.mem), 0);
	state_is("v1", "up");
	g.frame = vuser_mem_carve(&g.mem, 2048, 64);
	guest_send(&g, 0x41);
	mac_is("v1", "'02:f1:00:00:09:41'");
	guest_end(&g);
	state_is("v1", "no front end");
}

static int
tests(void)
{
	const struct CMUnitTest list[] = {
		RIG_TEST(a_socket_is_there_as_long_as_its_port),
		RIG_TEST(its_state_tells_how_far_the_guest_is),
		RIG_TEST(what_was_agreed_on_is_told_by_name),
		RIG_TEST(the_guests_first_address_becomes_the_ports),
		RIG_TEST(an_unchecked_source_is_known_all_the_same),
		RIG_TEST(settings_change_under_a_guest_that_stays),
		RIG_TEST(interrupts_are_told_by_queue),
		RIG_TEST(moderation_is_set_under_a_guest_that_stays),
		RIG_TEST(what_cannot_be_changed_replaces_the_port),
		RIG_TEST(a_port_changes_its_kind),
		RIG_TEST(a_refused_port_leaves_a_running_guest_alone),
		RIG_TEST(a_socket_may_be_named_by_its_path),
		RIG_TEST(a_client_finds_its_server_when_it_comes),
	};

	return cmocka_run_group_tests(list, rig_start, rig_stop);
}

int
main(void)
{
	return rig_main(tests);
}
