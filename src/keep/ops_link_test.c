/* ops_link_test.c - interfaces that are not ours, and the uplink that is lent: in the test's own namespace. Needs root. */
#include "keep/test_rig.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static int tap_fd;

/* flkeepw is an uplink with all that a host's may have; its other end has no address and only takes what comes. */
static int
start(void **state)
{
	struct keep_tap t = rig_tap("", "flkeeph", 1);
	struct mac mac;

	if (sh("ip link add flkeepw address 02:f1:00:00:00:77 type veth peer name flkeepv && "
	       "ip link set flkeepv up && ip link set flkeepw up && "
	       "ip addr add 10.9.0.1/24 brd + dev flkeepw && ip addr add 10.9.0.2/24 dev flkeepw label flkeepw:1 && "
	       "ip addr add 10.8.0.1 peer 10.8.0.2/32 dev flkeepw && ip addr add fd09::1/64 dev flkeepw nodad && "
	       "ip route add default via 10.9.0.254 dev flkeepw metric 100 && "
	       "ip route add 10.7.0.0/16 via 10.9.0.253 src 10.9.0.2 && ip route add 10.6.0.0/16 dev flkeepw table 77 "
	       "&& "
	       /* A gateway behind a route that stands after it in the kernel's order. */
	       "ip route add 172.31.1.1 dev flkeepw && ip route add 10.4.0.0/16 via 172.31.1.1 && "
	       "ip -6 route add default via fd09::fe dev flkeepw && ip -6 route add fd08::/64 via fe80::99 dev "
	       "flkeepw") != 0)
		return -1;
	rig_start(&rig, 0, false);
	return keep_tap_open(&t, &tap_fd, &mac, NULL);
}

static int
stop(void **state)
{
	int verdict = rig_stop(&rig, SIGKILL);

	close(tap_fd);
	sh("ip link del flkeepw 2>/dev/null; ip link del flkeepb 2>/dev/null");
	return verdict == 100 + SIGKILL ? 0 : -1;
}

/* Addresses and routes of an interface, ours not to parse: only to compare. Link-local ones and their lifetimes are left out. */
static char *
kernel_state(const char *interface)
{
	char command[512], *text = calloc(1, 16384);
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command),
		 "(ip -o addr show %s; ip route show table all dev %s) | grep -v -e fe80:: -e ^local -e ^anycast -e "
		 "^multicast "
		 "| sed 's/^[0-9]*: //; s/%s/IF/g; s/ linkdown//' | sort",
		 interface, interface, interface);
	f = popen(command, "r"); /* NOLINT(cert-env33-c): the test's own words */
	assert_non_null(f);
	assert_non_null(text);
	n = fread(text, 1, 16383, f);
	text[n] = '\0';
	pclose(f);
	return text;
}

static void
an_interface_is_shown_as_it_is(void **state)
{
	struct keep_link l;

	assert_int_equal(keep_link_show("flkeepw", NULL, &l, NULL), 0);
	assert_int_equal(l.ifindex, if_nametoindex("flkeepw"));
	assert_int_equal(l.mac.byte[5], 0x77);
	assert_int_equal(l.mtu, 1500);
	assert_true(l.up && l.default_route && !l.has_caller && !l.enslaved);
	assert_int_equal(l.n_addresses, 4);
	assert_int_equal(keep_link_show("flkeepv", NULL, &l, NULL), 0);
	assert_true(l.up && !l.default_route && !l.enslaved);
	assert_int_equal(l.n_addresses, 0);
	assert_int_equal(sh("ip link add flkeepb type bridge && ip link set flkeepv master flkeepb"), 0);
	assert_int_equal(keep_link_show("flkeepv", NULL, &l, NULL), 0);
	assert_true(l.enslaved);
}

static void
a_default_route_of_one_family_or_of_several_hops_counts(void **state)
{
	static const struct {
		const char *command;
		bool expected;
	} rows[] = {
		{ "ip route del default; ip -6 route del default", false },
		{ "ip -6 route add default via fe80::1 dev flkeepw", true },
		{ "ip -6 route del default; ip route add default table 77 via 10.9.0.254", false },
		{ "ip route add default dev flkeepw", true },
		{ "ip route replace default nexthop via 10.9.0.254 nexthop dev flkeepv", true },
		{ "ip route del default; ip -6 route add default nexthop via fe80::1 dev flkeepw nexthop via fe80::1 "
		  "dev flkeepv",
		  true },
	};
	struct keep_link l;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(sh("%s", rows[i].command), 0);
		assert_int_equal(keep_link_show("flkeepw", NULL, &l, NULL), 0);
		assert_int_equal(l.default_route, rows[i].expected);
	}
}

static void
the_callers_address_is_found_in_each_of_its_spellings(void **state)
{
	static const struct {
		const char *caller;
		int code;
		bool has;
	} rows[] = {
		{ "10.9.0.2", 0, true },        { "10.9.0.3", 0, false }, { "::ffff:10.9.0.1", 0, true },
		{ "fd09::1", 0, true },         { "fd09::2", 0, false },  { "fe80::f1:ff:fe00:77%flkeepw", 0, true },
		{ "10.8.0.2", 0, false }, /* the other end's */
		{ "somebody", -EINVAL, false }, { "", -EINVAL, false },   { "10.9.0.2.1", -EINVAL, false },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keep_link l = { 0 };

		assert_int_equal(keep_link_show("flkeepw", rows[i].caller, &l, NULL), rows[i].code);
		assert_int_equal(l.has_caller, rows[i].has);
	}
}

static void
errors_name_the_interface(void **state)
{
	struct keep_link l;
	bool up;
	struct err err;

	assert_int_equal(keep_link_show("flkeepnone", NULL, &l, &err), -ENODEV);
	assert_string_equal(err.msg, "cannot read interface 'flkeepnone': No such device");
	assert_non_null(strstr(err.hint, "ip link"));
	assert_int_equal(keep_link_up("flkeepnone", &err), -ENODEV);
	assert_string_equal(err.msg, "cannot bring up interface 'flkeepnone': No such device");
	assert_int_equal(keep_link_show("sixteen-letters0", NULL, &l, &err), -ENAMETOOLONG);
	assert_string_equal(err.msg, "name 'sixteen-letters0' is longer than 15 characters");
	assert_int_equal(keep_link_is_up("flkeepnone", "lo", &up, &err), -ENOENT);
	assert_string_equal(err.msg, "namespace 'flkeepnone' does not exist");
	assert_int_equal(keep_link_up("../lo", &err), -EPROTO);
	assert_int_equal(keep_give_back(&err), -ENOENT);
}

static void
an_interface_that_is_down_is_seen_and_brought_up(void **state)
{
	bool up = true;

	assert_int_equal(sh("ip link set lo down"), 0);
	assert_int_equal(keep_link_is_up("", "lo", &up, NULL), 0);
	assert_false(up);
	assert_int_equal(keep_link_up("lo", NULL), 0);
	assert_int_equal(keep_link_is_up("", "lo", &up, NULL), 0);
	assert_true(up);
	assert_int_equal(sh("ip -n " RIG_NS " link set lo down"), 0);
	assert_int_equal(keep_link_is_up(RIG_NS, "lo", &up, NULL), 0);
	assert_false(up);
	assert_int_equal(sh("ip -n " RIG_NS " link set lo up"), 0);
	assert_int_equal(keep_link_is_up(RIG_NS, "lo", &up, NULL), 0);
	assert_true(up);
}

/* The host's addresses and routes stand at flkeeph, and nothing at flkeepw. */
static void
assert_taken(const char *before)
{
	char *now = kernel_state("flkeeph"), *left = kernel_state("flkeepw"), *label;
	char want[16384];

	snprintf(want, sizeof(want), "%s", before);
	label = strstr(want, "IF:1"); /* the label was the uplink's name; the TAP's address has the TAP's */
	assert_non_null(label);
	memmove(label + 2, label + 4, strlen(label + 4) + 1);
	assert_string_equal(now, want);
	assert_string_equal(left, "");
	assert_int_not_equal(sh("ip addr show flkeepw | grep -q inet"), 0);
	assert_int_equal(sh("ip link show flkeeph | grep -q 02:f1:00:00:00:77"), 0);
	assert_int_not_equal(sh("ip addr show flkeeph | grep -q fe80::f1:ff:fe00:77"), 0); /* each has its own */
	assert_int_equal(sh("ip link show flkeepw | grep -q 02:f1:00:00:00:77"), 0);
	free(now);
	free(left);
}

static void
assert_untouched(const char *before)
{
	char *now = kernel_state("flkeepw"), *left = kernel_state("flkeeph");

	assert_string_equal(now, before);
	assert_string_equal(left, "");
	assert_int_equal(sh("ip addr show flkeepw | grep -q 'inet6 fe80::f1:ff:fe00:77/64 scope link'"), 0);
	assert_int_not_equal(sh("ip link show flkeeph 2>/dev/null | grep -q 02:f1:00:00:00:77"), 0);
	free(now);
	free(left);
}

static void
addresses_and_routes_move_to_the_tap_and_back(void **state)
{
	char *before = kernel_state("flkeepw");
	struct err err;

	assert_non_null(strstr(before, "default via 10.9.0.254"));
	assert_non_null(strstr(before, "table 77"));
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(keep_take_over("flkeepw", "flkeeph", &err), 0);
		assert_taken(before);
		assert_int_equal(keep_take_over("flkeepw", "flkeeph", &err), -EBUSY);
		assert_non_null(strstr(err.hint, "give back"));
		assert_int_equal(keep_give_back(&err), 0);
		assert_untouched(before);
	}
	free(before);
}

static void
an_ipv6_source_address_can_be_used_at_once(void **state)
{
	assert_int_equal(sh("ip addr add fd0a::1/64 dev flkeepw && "
			    "for i in $(seq 50); do ip -6 addr show dev flkeepw | grep -q tentative || break; sleep "
			    "0.1; done; "
			    "ip -6 route add fd0b::/64 via fd0a::2 src fd0a::1"),
			 0);
	assert_int_equal(keep_take_over("flkeepw", "flkeeph", NULL), 0);
	assert_int_equal(sh("ip -6 route show dev flkeeph | grep -q '^fd0b::/64 via fd0a::2 src fd0a::1 '"), 0);
	assert_int_not_equal(sh("ip -6 addr show dev flkeeph scope global | grep -q tentative"), 0);
	assert_int_equal(keep_give_back(NULL), 0);
	assert_int_equal(sh("ip -6 route show dev flkeepw | grep -q '^fd0b::/64 via fd0a::2 src fd0a::1 '"), 0);
}

static void
all_is_given_back_when_the_data_plane_is_killed(void **state)
{
	char *before = kernel_state("flkeepw");
	struct keep_tap t = rig_tap("", "flkeepk", 1);
	struct mac mac;
	struct rig r;
	int fd;

	for (int alive = 0; alive < 2; alive++) {
		rig_start(&r, 0, false);
		assert_int_equal(keep_tap_open(&t, &fd, &mac, NULL), 0);
		assert_int_equal(keep_take_over("flkeepw", "flkeepk", NULL), 0);
		assert_int_not_equal(sh("ip addr show flkeepw | grep -q inet"), 0);
		if (!alive)
			close(fd); /* as the end of the data plane does: the TAP and its addresses are gone first */
		assert_int_equal(rig_stop(&r, SIGKILL), 100 + SIGKILL);
		assert_untouched(before);
		if (alive)
			close(fd);
	}
	keep_client_init(rig.sock);
	free(before);
}

static void
a_take_over_that_fails_changes_nothing(void **state)
{
	static const struct {
		const char *uplink, *to, *prepare, *cleanup;
		int code;
		const char *said;
	} rows[] = {
		{ "flkeepnone", "flkeeph", "true", "true", -ENODEV, "take over uplink 'flkeepnone'" },
		{ "flkeepw", "flkeepnone", "true", "true", -ENODEV,
		  "interface 'flkeepnone' was not made by this daemon" },
		{ "flkeepw", "flkeepv", "true", "true", -ENODEV, "interface 'flkeepv' was not made by this daemon" },
		{ "flkeeph", "flkeeph", "true", "true", -EINVAL, "take over uplink 'flkeeph'" },
		{ "flkeepw", "flkeeph", "ip route add 10.5.0.0/16 nexthop via 10.9.0.9 nexthop dev flkeepv",
		  "ip route del 10.5.0.0/16", -EOPNOTSUPP, "several interfaces" },
		/* The IPv4 half has moved by then, and comes back. */
		{ "flkeepw", "flkeeph", "sysctl -qw net.ipv6.conf.flkeeph.disable_ipv6=1",
		  "sysctl -qw net.ipv6.conf.flkeeph.disable_ipv6=0", -EACCES, "take over uplink 'flkeepw'" },
	};
	char *before = kernel_state("flkeepw");

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };

		assert_int_equal(sh("%s", rows[i].prepare), 0);
		assert_int_equal(keep_take_over(rows[i].uplink, rows[i].to, &err), rows[i].code);
		assert_true(strstr(err.msg, rows[i].said) != NULL || strstr(err.hint, rows[i].said) != NULL);
		assert_int_equal(sh("%s", rows[i].cleanup), 0);
		assert_untouched(before);
		assert_int_equal(keep_give_back(&err), -ENOENT);
	}
	assert_int_equal(keep_take_over("flkeepw", "flkeeph", NULL), 0);
	assert_taken(before);
	free(before);
}

static void
an_uplink_that_is_gone_is_forgotten(void **state)
{
	struct err err;

	assert_int_equal(keep_take_over("flkeepw", "flkeeph", NULL), 0);
	assert_int_equal(sh("ip link del flkeepw"), 0);
	assert_int_equal(keep_give_back(&err), -ENODEV);
	assert_int_equal(keep_give_back(&err), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_interface_is_shown_as_it_is, start, stop),
		cmocka_unit_test_setup_teardown(a_default_route_of_one_family_or_of_several_hops_counts, start, stop),
		cmocka_unit_test_setup_teardown(the_callers_address_is_found_in_each_of_its_spellings, start, stop),
		cmocka_unit_test_setup_teardown(errors_name_the_interface, start, stop),
		cmocka_unit_test_setup_teardown(an_interface_that_is_down_is_seen_and_brought_up, start, stop),
		cmocka_unit_test_setup_teardown(addresses_and_routes_move_to_the_tap_and_back, start, stop),
		cmocka_unit_test_setup_teardown(an_ipv6_source_address_can_be_used_at_once, start, stop),
		cmocka_unit_test_setup_teardown(all_is_given_back_when_the_data_plane_is_killed, start, stop),
		cmocka_unit_test_setup_teardown(a_take_over_that_fails_changes_nothing, start, stop),
		cmocka_unit_test_setup_teardown(an_uplink_that_is_gone_is_forgotten, start, stop),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
