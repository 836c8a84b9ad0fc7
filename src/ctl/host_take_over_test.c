/* host_take_over_test.c - the addresses of an uplink that the host lives on find their way back, whatever is changed. */
#include "ctl/test_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The host's only way out: 10.9.9.1 on flup, whose other end is the router. */
#define UP "flup"

static const char with_uplink[] = "version: 1\n"
				  "processors: {count: 3, speed_percent: 20}\n"
				  "adapters: [{name: up, uplink: \"af_packet:" UP "\"}]\n"
				  "switches:\n"
				  "- name: out\n"
				  "  kind: external\n"
				  "  uplink: up\n"
				  "  ports:\n"
				  "  - {name: host, nic: tap, interface: flhost}\n";

static int
apply(const char *yaml, bool take_over, int confirm_s, struct err *err)
{
	json_t *params = json_pack("{s:s, s:s, s:b, s:i}", "file", "f.yaml", "text", yaml, "take_over", take_over,
				   "confirm_s", confirm_s),
	       *result;
	int ret = call("config.apply", params, &result, err);

	json_decref(result);
	return ret;
}

static void
is_applied(const char *yaml, bool take_over, int confirm_s)
{
	struct err err;

	if (apply(yaml, take_over, confirm_s, &err) < 0)
		fail_msg("%s", err.msg);
}

static struct keep_link
link_of(const char *interface)
{
	struct keep_link link;
	struct err err;

	if (keep_link_show(interface, NULL, &link, &err) < 0)
		fail_msg("%s", err.msg);
	return link;
}

/* The host's address and default route are on this interface, which has so many addresses. */
static void
host_lives_on(const char *interface, unsigned addresses)
{
	struct keep_link link = link_of(interface), up = link_of(UP);

	assert_int_equal(link.n_addresses, addresses);
	assert_true(link.default_route);
	if (strcmp(interface, UP) != 0) {
		assert_int_equal(up.n_addresses, 0);
		assert_memory_equal(&link.mac, &up.mac, sizeof(link.mac));
	}
}

static char *
edited(const char *from, const char *to)
{
	const char *at = strstr(with_uplink, from);
	char *out = NULL;

	assert_non_null(at);
	assert_true(asprintf(&out, "%.*s%s%s", (int)(at - with_uplink), with_uplink, to, at + strlen(from)) > 0);
	return out;
}

static void
a_take_over_that_nobody_confirms_is_given_back(void **state)
{
	struct err err;

	assert_int_equal(apply(with_uplink, false, 60, &err), -EBUSY);
	host_lives_on(UP, 1);
	is_applied(with_uplink, true, 60);
	host_lives_on("flhost", 1);
	control.confirm_end_ns = 1;
	control_tend(&control);
	assert_null(control.unconfirmed_before);
	host_lives_on(UP, 1);
	assert_string_equal(host.taken_over, "");
}

static void
an_uplink_that_leaves_the_configuration_has_its_addresses_again(void **state)
{
	is_applied(with_uplink, true, 0);
	host_lives_on("flhost", 1);
	is_applied(host_text, false, 0);
	host_lives_on(UP, 1);
	/* And it can be taken over once more. */
	is_applied(with_uplink, true, 0);
	host_lives_on("flhost", 1);
}

/* Most of these make the host vNIC, or all of its switch, anew: the host goes on living on it, without being asked again. */
static void
a_host_vnic_that_is_changed_has_the_addresses_again(void **state)
{
	static const char *const rows[][2] = {
		{ "flhost}", "flhost, queues: 2}" },
		{ "flhost}", "flhost, mtu: 1400, address: 10.9.8.1/24}" },
		{ "external\n", "external\n  fdb_entries: 64\n" },
		{ "name: host,", "name: other," },
	};

	is_applied(with_uplink, true, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *next = edited(rows[i][0], rows[i][1]);

		is_applied(next, false, 0);
		host_lives_on("flhost", strstr(next, "address:") != NULL ? 2 : 1);
		is_applied(with_uplink, false, 0);
		host_lives_on("flhost", 1);
		free(next);
	}
}

static void
a_refused_change_leaves_the_host_vnic_its_addresses(void **state)
{
	static const char *const rows[][2] = {
		{ "flhost}", "flhost, queues: 2}\n  - {name: never, nic: tap, netns: flnone, interface: flm9}" },
		{ "  - {name: host, nic: tap, interface: flhost}\n",
		  "  - {name: vm, nic: tap, netns: flnone, interface: flm9}\n" },
		{ "flhost}", "flhost, mtu: 1400}\n  - {name: never, nic: tap, netns: flnone, interface: flm9}" },
	};

	is_applied(with_uplink, true, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *next = edited(rows[i][0], rows[i][1]);
		struct err err;

		assert_int_equal(apply(next, false, 0, &err), -ENOENT);
		host_lives_on("flhost", 1);
		assert_string_equal(host.taken_over, UP);
		free(next);
	}
}

static void
an_uplink_without_a_host_vnic_stays_untouched(void **state)
{
	char *next = edited("  ports:\n  - {name: host, nic: tap, interface: flhost}\n", "");
	struct err err;

	assert_int_equal(apply(next, true, 0, &err), -ENOENT);
	host_lives_on(UP, 1);
	free(next);
}

static int
fresh(void **state)
{
	/* Route and address anew: a test that failed may have left them anywhere. */
	if (rig_fresh(state) < 0)
		return -1;
	return system("ip link del " UP " 2>/dev/null; ip link add " UP " type veth peer name flrouter && "
		      "ip link set flrouter up && ip link set " UP " up && ip address add 10.9.9.1/24 dev " UP " && "
		      "ip route add default via 10.9.9.2 dev " UP);
}

static int
tests(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest list[] = {
		TEST(a_take_over_that_nobody_confirms_is_given_back),
		TEST(an_uplink_that_leaves_the_configuration_has_its_addresses_again),
		TEST(a_host_vnic_that_is_changed_has_the_addresses_again),
		TEST(a_refused_change_leaves_the_host_vnic_its_addresses),
		TEST(an_uplink_without_a_host_vnic_stays_untouched),
	};

	return cmocka_run_group_tests(list, rig_start, rig_stop);
}

int
main(void)
{
	return rig_main(tests);
}
