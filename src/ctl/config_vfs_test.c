/* config_vfs_test.c - ports with nic: vf: each key reaches its field, and each mistake is said in its words. */
#include "ctl/config_test.h"

#define HEAD "version: 1\n"
#define WIRE(keys) "adapters: [{name: wire, uplink: null" keys "}, {name: other, uplink: \"ring:r\"}]\n"
#define EXT "switches:\n- name: ext\n  kind: external\n  uplink: wire\n  ports:\n"
#define VF(n, keys) "  - {name: vm" n ", nic: vf" keys "}\n"
#define VHOST(n, keys) "  - {name: vm" n ", nic: vhost" keys "}\n"
#define ON_WIRE(keys) HEAD WIRE(", vfs: 4") EXT VF("1", keys)

static struct config *
parse(const char *yaml)
{
	struct config_mistakes m;
	struct config *config = config_parse(yaml, strlen(yaml), &m);
	char *text = config == NULL ? config_mistakes_text(&m, "got") : NULL;

	if (text != NULL)
		print_error("%s", text);
	free(text);
	assert_non_null(config);
	return config;
}

static void
check_keys(const struct config *c)
{
	const struct config_port *p = &c->ports[0];

	assert_int_equal(c->adapters[0].vfs, 4);
	assert_int_equal(p->nic, NIC_VF);
	assert_int_equal(p->vf.adapter, 0);
	assert_int_equal(p->vf.model, MODEL_82599_HV);
	assert_true(p->vf.trapped);
	assert_int_equal(p->vf.on_policy, POLICY_BYPASS);
	assert_true(p->vf.ipsec_offload);
	assert_true(p->vf.trust);
	assert_false(p->vf.link);
	assert_int_equal(p->vf.rate_mbps, 2500);
	assert_string_equal(p->vf.standby.socket, "a.sock");
	assert_string_equal(p->socket, "/run/f/b.sock");
	assert_int_equal(p->socket_mode, 0600);
	assert_int_equal(p->mtu, 1504);
	assert_int_equal(p->vlan.id, 7);
	assert_false(p->spoof_check);
}

static void
check_defaults(const struct config_port *p)
{
	char name[CONFIG_SOCKET_MAX];

	assert_int_equal(p->vf.adapter, -1);
	assert_int_equal(p->vf.model, MODEL_X550);
	assert_false(p->vf.trapped);
	assert_int_equal(p->vf.on_policy, POLICY_SWITCH);
	assert_false(p->vf.ipsec_offload);
	assert_false(p->vf.trust);
	assert_true(p->vf.link);
	assert_int_equal(p->vf.rate_mbps, 0);
	assert_string_equal(config_standby_socket(p, name), "");
	assert_string_equal(config_port_socket(p, name), "vm2.vf.sock");
	assert_int_equal(p->mtu, 9216);
	assert_true(p->spoof_check);
	assert_int_equal(config_port_queues(p), 2);
}

static const char whole[] =
	ON_WIRE(", adapter: wire, model: 82599_hv, doorbell: trapped, on_policy: bypass, ipsec_offload: on, trust: on, "
		"link: off, "
		"rate_mbps: 2500, standby: {socket: a.sock}, socket: /run/f/b.sock, socket_mode: \"0600\", mtu: 1504, "
		"vlan: {mode: access, id: 7}, spoof_check: off, mac: \"02:00:00:00:00:07\"") VF("2", "")
		VF("3", ", model: x540_hv");

static void
each_key_reaches_its_field_and_comes_back_as_text(void **state)
{
	struct config *c = parse(whole), *again;
	char *text = config_emit(c);

	check_keys(c);
	check_defaults(&c->ports[1]);
	assert_int_equal(c->ports[2].mtu, 1500); /* within 1504, which is what the driver takes */
	assert_non_null(text);
	again = parse(text);
	check_keys(again);
	check_defaults(&again->ports[1]);
	config_free(c);
	config_free(again);
	free(text);
}

static void
mistakes_of_one_vf_are_said(void **state)
{
	static const struct mistake_row rows[] = {
		{ "no such adapter", ON_WIRE(", adapter: `wier"),
		  "port 'vm1': adapter 'wier' is not the name of an adapter", "did you mean 'wire'?",
		  "switches[0].ports[0].adapter" },
		{ "another adapter", ON_WIRE(", adapter: `other"),
		  "adapter 'other' is not the uplink of its switch 'ext'", "write adapter: wire, or leave it out",
		  NULL },
		{ "no such model", ON_WIRE(", model: `x710"), "model 'x710'", "valid: x550, x540, 82599", NULL },
		{ "model misspelt", ON_WIRE(", model: `x550hv"), "model 'x550hv'", "did you mean 'x550_hv'?", NULL },
		{ "hv and jumbo", ON_WIRE(", model: x550_hv, mtu: `1505"),
		  "mtu 1505 is more than the driver of model x550_hv takes", "valid: 68 to 1504",
		  "switches[0].ports[0].mtu" },
		{ "rate beyond the link", ON_WIRE(", rate_mbps: `10001"), "rate_mbps 10001 is outside 0 to 10000", "",
		  NULL },
		{ "standby without socket", ON_WIRE(", standby: `{}"), "standby lacks 'socket'", "as vm1.sock", NULL },
		{ "standby with more", ON_WIRE(", standby: {socket: a, `mac: b}"), "unknown key 'mac'", "", NULL },
		{ "a trunk refused", ON_WIRE(", on_policy: `refuse, vlan: {mode: trunk, ids: [3]}"),
		  "on_policy refuse, but the port has a policy that needs the switch: a trunk of VLANs",
		  "write on_policy: switch", NULL },
		{ "queues", ON_WIRE(", queues: `4"), "queues is only for nic tap or vhost",
		  "write nic: tap or vhost, or take queues out", NULL },
		{ "vrss", ON_WIRE(", vrss: `{enabled: off}"), "vrss is only for nic tap or vhost", "", NULL },
		{ "role", ON_WIRE(", role: `client"), "role is only for nic vhost", "", NULL },
		{ "interface", ON_WIRE(", interface: `eth0"), "interface is only for nic tap", "", NULL },
		{ "trust elsewhere", HEAD WIRE("") EXT VHOST("1", ", trust: `on"), "trust is only for nic vf",
		  "write nic: vf, or take trust out", NULL },
		{ "standby elsewhere", HEAD WIRE("") EXT VHOST("1", ", standby: `{socket: a}"),
		  "standby is only for nic vf", "", NULL },
		{ "tap's socket", HEAD WIRE("") EXT "  - {name: t, nic: tap, interface: i, socket: `a}\n",
		  "socket is only for nic vhost or vf", "", NULL },
	};

	rows_check(rows);
}

static void
a_switch_has_no_more_vfs_than_its_adapter(void **state)
{
	static const struct mistake_row rows[] = {
		{ "none", HEAD WIRE("") EXT "  - {name: vm1, nic: `vf}\n",
		  "port 'vm1': nic vf is not for this switch: vfs of adapter 'wire' is 0",
		  "write vfs: 1 in adapter 'wire'", "switches[0].ports[0].nic" },
		{ "a third of two",
		  HEAD WIRE(", vfs: 2") EXT VF("1", "") VHOST("x", "") VF("2", "") "  - {name: vm3, nic: `vf}\n",
		  "port 'vm3': nic vf is one too many: vfs of adapter 'wire' is 2", "write vfs: 3 in adapter 'wire'",
		  NULL },
		{ "internal", HEAD "switches: [{name: sw, kind: internal, ports: [{name: vm1, nic: `vf}]}]\n",
		  "nic vf is not for this switch: a virtual function belongs to the adapter of an external one",
		  "a VM NIC without an adapter is nic: vhost", NULL },
		{ "beyond all", HEAD WIRE(", vfs: `257"), "vfs 257 is outside 0 to 256", "", "adapters[0].vfs" },
	};

	rows_check(rows);
}

static void
each_socket_is_used_once(void **state)
{
	static const struct mistake_row rows[] = {
		{ "two VFs", HEAD WIRE(", vfs: 2") EXT VF("1", ", socket: a") VF("2", ", socket: `a"),
		  "socket 'a' is the socket of another port already, in line 8", "of its own", NULL },
		{ "its own standby", ON_WIRE(", socket: a, standby: {socket: `a}"),
		  "standby.socket 'a' is the socket of another port already", "", NULL },
		{ "default of a vhost port", ON_WIRE(", standby: {socket: vm2.sock}") "  - {name: `vm2, nic: vhost}\n",
		  "name 'vm2' is the socket of another port already", "", NULL },
		{ "two directories", ON_WIRE(", socket: /run/a/x, standby: {socket: `/run/b/y}"),
		  "'/run/b/y' lies in another directory than the socket in line", "run directory", NULL },
	};

	rows_check(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_reaches_its_field_and_comes_back_as_text),
		cmocka_unit_test(mistakes_of_one_vf_are_said),
		cmocka_unit_test(a_switch_has_no_more_vfs_than_its_adapter),
		cmocka_unit_test(each_socket_is_used_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
