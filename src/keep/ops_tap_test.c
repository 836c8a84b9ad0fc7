/* ops_tap_test.c - TAPs: what the kernel has after keep_tap_open and keep_tap_set, and nothing after an error. Needs root. */
#include "keep/test_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct rig rig;

static int
start(void **state)
{
	rig_start(&rig, 0, false);
	return 0;
}

/* The keeper's own descriptors are flat in all these tests: it keeps none of a TAP's. */
static int
stop(void **state)
{
	return rig_stop(&rig, SIGKILL) == 100 + SIGKILL ? 0 : -1;
}

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static void
a_tap_in_a_namespace_has_all_that_was_asked_for(void **state)
{
	struct keep_tap t = rig_tap(RIG_NS, "eth0", 4);
	unsigned before = rig_fds(rig.keeper);
	struct mac mac;
	struct ifreq ifr;
	int fds[KEEP_TAP_QUEUES_MAX], len = 0;

	assert_int_equal(mac_parse("02:f1:00:00:00:09", &t.mac), 0);
	t.mtu = 9000;
	t.txqueuelen = 256;
	t.address[t.n_addresses++] = prefix("10.9.0.1/24");
	t.address[t.n_addresses++] = prefix("fd09::1/64");
	assert_int_equal(keep_tap_open(&t, fds, &mac, NULL), 0);
	assert_true(mac_equal(&mac, &t.mac));
	for (unsigned i = 0; i < 4; i++) {
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(ioctl(fds[i], TUNGETVNETHDRSZ, &len), 0);
		assert_int_equal(len, 10);
		assert_int_equal(ioctl(fds[i], TUNGETIFF, &ifr), 0);
		assert_string_equal(ifr.ifr_name, "eth0");
		assert_int_equal(ifr.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE | IFF_PERSIST),
				 IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
	}
	assert_int_equal(sh("ip -n " RIG_NS " link show eth0 | grep -q '[<,]UP[,>].* mtu 9000 .*qlen 256'"), 0);
	assert_int_equal(sh("ip -n " RIG_NS " link show eth0 | grep -q 'link/ether 02:f1:00:00:00:09'"), 0);
	assert_int_equal(sh("ip -n " RIG_NS " addr show eth0 | grep -q 'inet 10.9.0.1/24 '"), 0);
	assert_int_equal(sh("ip -n " RIG_NS " addr show eth0 | grep -q 'inet6 fd09::1/64 '"), 0);
	assert_int_equal(sh("ip -n " RIG_NS " addr show eth0 | grep -q 'inet6 fe80::f1:ff:fe00:9/64 '"), 0);
	assert_int_equal(rig_fds(rig.keeper), before);
	rig_close(fds, 3);
	assert_int_equal(sh("ip -n " RIG_NS " link show eth0 >/dev/null"), 0);
	rig_close(fds + 3, 1);
	assert_int_not_equal(sh("ip -n " RIG_NS " link show eth0 2>/dev/null"), 0);
}

static void
a_frame_of_the_namespace_arrives_behind_a_ten_byte_header(void **state)
{
	static const uint8_t arp[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0xf1, 0, 0, 0, 0x0a, 0x08, 0x06 };
	struct keep_tap t = rig_tap(RIG_NS, "eth0", 1);
	struct pollfd p = { .events = POLLIN };
	uint8_t buf[2048];
	struct ifreq ifr;
	struct mac mac;
	bool seen = false;

	assert_int_equal(mac_parse("02:f1:00:00:00:0a", &t.mac), 0);
	t.address[t.n_addresses++] = prefix("10.9.0.1/24");
	assert_int_equal(keep_tap_open(&t, &p.fd, &mac, NULL), 0);
	/* Room for 256 queues is what the kernel would make otherwise. */
	assert_int_equal(ioctl(p.fd, TUNGETIFF, &ifr), 0);
	assert_false(ifr.ifr_flags & IFF_MULTI_QUEUE);
	sh("ip netns exec " RIG_NS " ping -c1 -W1 10.9.0.2 >/dev/null");
	while (!seen && poll(&p, 1, 2000) == 1 && read(p.fd, buf, sizeof(buf)) >= 10 + 42)
		seen = memcmp(buf + 10, arp, sizeof(arp)) == 0;
	assert_true(seen);
	close(p.fd);
}

static void
without_wishes_the_kernel_chooses(void **state)
{
	struct keep_tap t = rig_tap("", "flkeep0", KEEP_TAP_QUEUES_MAX);
	int fds[KEEP_TAP_QUEUES_MAX];
	struct mac mac;

	assert_int_equal(keep_tap_open(&t, fds, &mac, NULL), 0);
	assert_false(mac_is_zero(&mac) || mac_is_group(&mac));
	assert_int_equal(sh("ip link show flkeep0 | grep -q '[<,]UP[,>].* mtu 1500 .*qlen 1000'"), 0);
	rig_close(fds, KEEP_TAP_QUEUES_MAX);
}

struct failure {
	const char *netns, *interface, *address, *prepare, *cleanup;
	int code;
	const char *msg, *hint; /* parts that must be in them */
};

static void
an_error_says_what_to_do_and_leaves_nothing_behind(void **state)
{
	static const struct failure rows[] = {
		{ "flkeepnone", "eth0", NULL, "true", "true", -ENOENT, "namespace 'flkeepnone' does not exist",
		  "ip netns add flkeepnone" },
		{ RIG_NS, "eth1", NULL, "ip -n " RIG_NS " link add eth1 type veth peer name eth1p",
		  "ip -n " RIG_NS " link del eth1", -EEXIST, "interface 'eth1' exists already in namespace " RIG_NS,
		  "ip -n " RIG_NS " link del eth1" },
		{ "", "flkeep1", NULL, "ip tuntap add flkeep1 mode tap multi_queue vnet_hdr", "ip link del flkeep1",
		  -EEXIST, "interface 'flkeep1' exists already", "ip link del flkeep1" },
		{ "flkeepfile", "eth0", NULL, "touch /run/netns/flkeepfile", "rm /run/netns/flkeepfile", -EINVAL,
		  "cannot enter namespace 'flkeepfile'", "" },
		{ RIG_NS, "eth2", "fd00::1/64",
		  "ip netns exec " RIG_NS " sysctl -qw net.ipv6.conf.default.disable_ipv6=1",
		  "ip netns exec " RIG_NS " sysctl -qw net.ipv6.conf.default.disable_ipv6=0", -EACCES,
		  "interface 'eth2' in namespace " RIG_NS " cannot have address fd00::1/64", "disable_ipv6" },
		{ RIG_NS, "eth3", "ff02::1/64", "true", "true", -EADDRNOTAVAIL, "cannot have address ff02::1/64", "" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct failure *r = &rows[i];
		struct keep_tap t = rig_tap(r->netns, r->interface, 3);
		unsigned before = rig_fds(rig.keeper), own = rig_fds(getpid());
		int fds[KEEP_TAP_QUEUES_MAX], links;
		struct err err = { 0 };
		struct mac mac;

		if (r->address)
			t.address[t.n_addresses++] = prefix(r->address);
		assert_int_equal(sh("%s", r->prepare), 0);
		links = sh("exit $(ip %s%s -o link | wc -l)", r->address ? "-n " : "", r->address ? r->netns : "");
		assert_int_equal(keep_tap_open(&t, fds, &mac, &err), r->code);
		assert_int_equal(sh("exit $(ip %s%s -o link | wc -l)", r->address ? "-n " : "",
				    r->address ? r->netns : ""),
				 links);
		assert_int_equal(sh("%s", r->cleanup), 0);
		assert_int_equal(err.code, r->code);
		assert_non_null(strstr(err.msg, r->msg));
		assert_non_null(strstr(err.hint, r->hint));
		assert_int_equal(rig_fds(rig.keeper), before);
		assert_int_equal(rig_fds(getpid()), own);
	}
}

static void
set_makes_the_addresses_exactly_those_given(void **state)
{
	static const char *const steps[][4] = {
		{ "10.9.0.1/24", "10.9.0.2/24", "fd09::1/64" }, /* a primary, a secondary of its subnet, IPv6 */
		{ "10.9.0.2/24", "fd09::2/64" },                /* the secondary stays, although its primary goes */
		{ "10.9.0.2/16" },                              /* the same address with another prefix */
		{ "10.9.0.2/16", "10.8.0.1/32" },
		{ NULL },
	};
	struct keep_tap t = rig_tap(RIG_NS, "eth0", 1);
	struct mac mac;
	int fd;

	assert_int_equal(keep_tap_open(&t, &fd, &mac, NULL), 0);
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		for (t.n_addresses = 0; steps[i][t.n_addresses] != NULL; t.n_addresses++)
			t.address[t.n_addresses] = prefix(steps[i][t.n_addresses]);
		for (int twice = 0; twice < 2; twice++) {
			assert_int_equal(keep_tap_set(&t, NULL), 0);
			for (unsigned j = 0; j < t.n_addresses; j++)
				assert_int_equal(sh("ip -n " RIG_NS " addr show eth0 | grep -q ' %s '", steps[i][j]),
						 0);
			assert_int_equal(sh("exit $(ip -n " RIG_NS " -o addr show eth0 | grep -vc fe80)"),
					 t.n_addresses);
			assert_int_equal(sh("ip -n " RIG_NS " addr show eth0 | grep -q fe80"), 0);
		}
	}
	close(fd);
}

static void
set_changes_mac_and_mtu_and_undoes_all_when_a_step_fails(void **state)
{
	struct keep_tap t = rig_tap(RIG_NS, "eth0", 2);
	struct err err;
	struct mac mac;
	int fds[2];

	assert_int_equal(mac_parse("02:f1:00:00:00:01", &t.mac), 0);
	t.address[t.n_addresses++] = prefix("10.9.0.1/24");
	assert_int_equal(keep_tap_open(&t, fds, &mac, NULL), 0);
	assert_int_equal(mac_parse("02:f1:00:00:00:02", &t.mac), 0);
	t.mtu = 1400;
	t.txqueuelen = 50;
	t.queues = 0;
	assert_int_equal(keep_tap_set(&t, NULL), 0);
	assert_int_equal(sh("ip -n " RIG_NS
			    " link show eth0 | grep -A1 ' mtu 1400 .*qlen 50' | grep -q 02:f1:00:00:00:02"),
			 0);
	assert_int_equal(mac_parse("02:f1:00:00:00:03", &t.mac), 0);
	t.mtu = 1000; /* below what IPv6 needs, so the second address is refused */
	t.txqueuelen = 60;
	t.address[0] = prefix("10.9.0.7/24");
	t.address[t.n_addresses++] = prefix("fd09::1/64");
	assert_int_not_equal(keep_tap_set(&t, &err), 0);
	assert_non_null(strstr(err.msg, "fd09::1/64"));
	assert_non_null(strstr(err.hint, "1280"));
	assert_int_equal(sh("ip -n " RIG_NS
			    " link show eth0 | grep -A1 ' mtu 1400 .*qlen 50' | grep -q 02:f1:00:00:00:02"),
			 0);
	assert_int_equal(sh("ip -n " RIG_NS " -o addr show eth0 | grep -v fe80 | grep -q 'inet 10.9.0.1/24 '"), 0);
	assert_int_equal(sh("exit $(ip -n " RIG_NS " -o addr show eth0 | grep -vc fe80)"), 1);
	rig_close(fds, 2);
}

static void
set_keeps_off_what_this_keeper_did_not_make(void **state)
{
	static const char *const makes[] = {
		"ip -n " RIG_NS " link add eth5 type veth peer name eth5p",
		"ip -n " RIG_NS " tuntap add eth5 mode tap",
		"ip -n " RIG_NS " tuntap add eth5 mode tap && ip -n " RIG_NS " link set eth5 alias 'fairlead 1.1'",
	};
	struct keep_tap t = rig_tap(RIG_NS, "eth5", 1);
	struct err err;

	t.address[t.n_addresses++] = prefix("10.9.0.1/24");
	assert_int_equal(keep_tap_set(&t, &err), -ENODEV);
	for (unsigned i = 0; i < sizeof(makes) / sizeof(makes[0]); i++) {
		assert_int_equal(sh("%s", makes[i]), 0);
		assert_int_equal(keep_tap_set(&t, &err), -ENODEV);
		assert_non_null(strstr(err.msg, "interface 'eth5' was not made by this daemon"));
		assert_int_equal(sh("exit $(ip -n " RIG_NS " -o addr show eth5 | wc -l)"), 0);
		assert_int_equal(sh("ip -n " RIG_NS " link del eth5"), 0);
	}
}

static void
a_renamed_or_moved_interface_is_told_and_left_alone(void **state)
{
	struct keep_tap t = rig_tap(RIG_NS, "eth0", 1);
	struct err err;
	struct mac mac;
	int fd;

	assert_int_equal(keep_tap_open(&t, &fd, &mac, NULL), 0);
	assert_int_equal(sh("ip -n " RIG_NS " link set eth0 down && ip -n " RIG_NS " link set eth0 name eth9"), 0);
	assert_int_equal(keep_tap_set(&t, &err), -ENODEV);
	assert_non_null(strstr(err.msg, "renamed or moved since"));
	assert_non_null(strstr(err.hint, "alias"));
	assert_int_equal(sh("ip -n " RIG_NS " link set eth9 name eth0 && ip -n " RIG_NS
			    " link set eth0 netns " RIG_NS2),
			 0);
	assert_int_equal(keep_tap_set(&t, &err), -ENODEV);
	assert_int_equal(sh("ip -n " RIG_NS2 " link set eth0 netns " RIG_NS), 0);
	assert_int_equal(keep_tap_set(&t, &err), 0);
	close(fd);
}

static void
taps_end_with_the_data_plane_even_when_it_is_killed(void **state)
{
	struct keep_tap t = rig_tap(RIG_NS, "eth0", 1);
	struct mac mac;
	struct rig r;
	int fd;

	rig_start(&r, 0, false);
	assert_int_equal(keep_tap_open(&t, &fd, &mac, NULL), 0);
	assert_int_equal(rig_stop(&r, SIGKILL), 100 + SIGKILL);
	/* The test holds the descriptor that a data plane would have lost; the keeper holds none, so this is the last one. */
	assert_int_equal(sh("ip -n " RIG_NS " link show eth0 >/dev/null"), 0);
	close(fd);
	assert_int_not_equal(sh("ip -n " RIG_NS " link show eth0 2>/dev/null"), 0);
	keep_client_init(rig.sock);
}

static void
without_privilege_the_hint_names_the_capabilities(void **state)
{
	struct keep_tap rows[] = { rig_tap("", "flkeep2", 1), rig_tap(RIG_NS, "flkeep2", 1) };
	struct err err;
	struct mac mac;
	struct rig r;
	int fd;

	rig_start(&r, 65534, false);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(keep_tap_open(&rows[i], &fd, &mac, &err), -EPERM);
		assert_non_null(strstr(err.hint, "CAP_NET_ADMIN"));
	}
	rig_stop(&r, SIGKILL);
	keep_client_init(rig.sock);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_tap_in_a_namespace_has_all_that_was_asked_for, start, stop),
		cmocka_unit_test_setup_teardown(a_frame_of_the_namespace_arrives_behind_a_ten_byte_header, start, stop),
		cmocka_unit_test_setup_teardown(without_wishes_the_kernel_chooses, start, stop),
		cmocka_unit_test_setup_teardown(an_error_says_what_to_do_and_leaves_nothing_behind, start, stop),
		cmocka_unit_test_setup_teardown(set_makes_the_addresses_exactly_those_given, start, stop),
		cmocka_unit_test_setup_teardown(set_changes_mac_and_mtu_and_undoes_all_when_a_step_fails, start, stop),
		cmocka_unit_test_setup_teardown(set_keeps_off_what_this_keeper_did_not_make, start, stop),
		cmocka_unit_test_setup_teardown(a_renamed_or_moved_interface_is_told_and_left_alone, start, stop),
		cmocka_unit_test_setup_teardown(taps_end_with_the_data_plane_even_when_it_is_killed, start, stop),
		cmocka_unit_test_setup_teardown(without_privilege_the_hint_names_the_capabilities, start, stop),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
