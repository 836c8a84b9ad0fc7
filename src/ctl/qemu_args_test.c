/* qemu_args_test.c - what QEMU and libvirt are told, key by key: option names are those of QEMU 7.2's manual and libvirt's formatdomain. */
#include "ctl/test_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
run_with(const char *keys)
{
	char *yaml = NULL;

	assert_true(asprintf(&yaml,
			     "version: 1\n"
			     "processors: {count: 3, speed_percent: 20}\n"
			     "switches:\n"
			     "- name: lan\n"
			     "  kind: internal\n"
			     "  ports:\n"
			     "  - {name: vm1, nic: vhost%s}\n"
			     "  - {name: host, nic: tap, interface: flm1}\n",
			     keys) > 0);
	json_decref(applied(yaml, 0));
	free(yaml);
}

/* The value behind an option; NULL: the option is not there. The caller gives the answer back. */
static const char *
value_of(const json_t *answer, const char *option)
{
	const json_t *args = json_object_get(answer, "args"), *word;
	size_t i;

	json_array_foreach(args, i, word) if (strcmp(json_string_value(word), option) ==
					      0) return json_string_value(json_array_get(args, i + 1));
	return NULL;
}

static void
options_follow_the_port(void **state)
{
	static const struct {
		const char *keys, *params, *option, *want; /* %s: the run directory */
	} rows[] = {
		{ "", "", "-m", "1024M" },
		{ "", "", "-object", "memory-backend-memfd,id=mem,size=1024M,share=on" },
		{ "", "", "-machine", "memory-backend=mem" },
		{ "", "", "-chardev", "socket,id=chr-vm1,path=%s/vm1.sock,reconnect=1" },
		{ "", "", "-netdev", "vhost-user,id=net-vm1,chardev=chr-vm1,queues=1" },
		{ "", "", "-device", "virtio-net-pci,netdev=net-vm1,rx_queue_size=1024,tx_queue_size=1024" },
		{ "", ", 'memory': 64", "-object", "memory-backend-memfd,id=mem,size=64M,share=on" },
		{ "", ", 'memory': 64", "-m", "64M" },
		{ "", ", 'reconnect_ms': true", "-chardev", "socket,id=chr-vm1,path=%s/vm1.sock,reconnect-ms=1000" },
		{ ", socket: other", "", "-chardev", "socket,id=chr-vm1,path=%s/other,reconnect=1" },
		{ ", role: client", "", "-chardev", "socket,id=chr-vm1,path=%s/vm1.sock,server=on,wait=off" },
		{ ", queues: 4", "", "-netdev", "vhost-user,id=net-vm1,chardev=chr-vm1,queues=4" },
		/* virtio 1.2, 4.1.5.1: two queues for each pair, the control queue, and the configuration: 2 * 4 + 2 */
		{ ", queues: 4", "", "-device",
		  "virtio-net-pci,netdev=net-vm1,mq=on,vectors=10,rx_queue_size=1024,tx_queue_size=1024" },
		{ ", queues: 16", "", "-device",
		  "virtio-net-pci,netdev=net-vm1,mq=on,vectors=34,rx_queue_size=1024,tx_queue_size=1024" },
		{ ", mac: \"02:f1:00:00:00:01\", mtu: 9000", "", "-device",
		  "virtio-net-pci,netdev=net-vm1,mac=02:f1:00:00:00:01,host_mtu=9000,rx_queue_size=1024,tx_queue_size="
		  "1024" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		char want[256];
		json_t *answer;

		run_with(rows[i].keys);
		answer = asked("port.qemu-args", "{'port': 'vm1'%s}", rows[i].params);
		snprintf(want, sizeof(want), rows[i].want, rig_folder);
		assert_string_equal(value_of(answer, rows[i].option), want);
		json_decref(answer);
	}
}

/* The text is the same words, an option and its value on each line. */
static void
the_text_can_be_pasted(void **state)
{
	const json_t *args, *text;
	char *line, *at;
	json_t *answer;

	run_with(", queues: 2");
	answer = asked("port.qemu-args", "{'port': 'vm1'}");
	args = json_object_get(answer, "args");
	text = json_object_get(answer, "text");
	line = strdup(json_string_value(text));
	at = line;
	for (size_t i = 0; i < json_array_size(args); i += 2) {
		char want[256];

		snprintf(want, sizeof(want), "%s %s%s\n", json_string_value(json_array_get(args, i)),
			 json_string_value(json_array_get(args, i + 1)), i + 2 < json_array_size(args) ? " \\" : "");
		assert_int_equal(strncmp(at, want, strlen(want)), 0);
		at += strlen(want);
	}
	assert_string_equal(at, "");
	free(line);
	json_decref(answer);
}

/* A run directory may have any name: QEMU doubles commas, a shell has its quotes, XML its entities. */
static void
odd_paths_are_quoted(void **state)
{
	static const char odd[] = "/run/it's <a>, & b";
	char saved[sizeof(host.run_dir)];
	json_t *answer;

	run_with("");
	memcpy(saved, host.run_dir, sizeof(saved));
	snprintf(host.run_dir, sizeof(host.run_dir), "%s", odd);
	answer = asked("port.qemu-args", "{'port': 'vm1'}");
	assert_string_equal(value_of(answer, "-chardev"),
			    "socket,id=chr-vm1,path=/run/it's <a>,, & b/vm1.sock,reconnect=1");
	assert_non_null(strstr(json_string_value(json_object_get(answer, "text")),
			       "-chardev 'socket,id=chr-vm1,path=/run/it'\\''s <a>,, & b/vm1.sock,reconnect=1' \\\n"));
	json_decref(answer);
	answer = asked("port.qemu-args", "{'port': 'vm1', 'format': 'libvirt'}");
	assert_non_null(strstr(json_string_value(json_object_get(answer, "text")),
			       "path='/run/it&apos;s &lt;a>, &amp; b/vm1.sock'"));
	json_decref(answer);
	memcpy(host.run_dir, saved, sizeof(saved));
}

static void
libvirt_gets_the_same_as_xml(void **state)
{
	static const struct {
		const char *keys, *want;
		bool there;
	} rows[] = {
		{ "", "<memoryBacking>\n  <source type='memfd'/>\n  <access mode='shared'/>\n</memoryBacking>\n",
		  true },
		{ "", "<interface type='vhostuser'>\n  <source type='unix' path='", true },
		{ "", "/vm1.sock' mode='client'>\n    <reconnect enabled='yes' timeout='1'/>\n  </source>\n", true },
		{ "", "<model type='virtio'/>", true },
		{ "", "<mac ", false },
		{ "", "<mtu ", false },
		{ ", role: client", "/vm1.sock' mode='server'/>\n", true },
		{ ", role: client", "reconnect", false },
		{ ", queues: 4", "<driver queues='4' rx_queue_size='1024' tx_queue_size='1024'/>", true },
		{ ", mac: \"02:f1:00:00:00:01\"", "<mac address='02:f1:00:00:00:01'/>", true },
		{ ", mtu: 1500", "<mtu size='1500'/>", true },
	};

	for (size_t i = 0; i < N(rows); i++) {
		json_t *answer;
		const char *text;

		run_with(rows[i].keys);
		answer = asked("port.qemu-args", "{'port': 'vm1', 'format': 'libvirt'}");
		text = json_string_value(json_object_get(answer, "text"));
		if ((strstr(text, rows[i].want) != NULL) != rows[i].there)
			fail_msg("row %zu: %s", i, text);
		assert_int_equal(json_array_size(json_object_get(answer, "args")), 0);
		json_decref(answer);
	}
}

static void
only_guests_have_such_options(void **state)
{
	json_t *result;
	struct err err;

	run_with("");
	assert_int_equal(call("port.qemu-args", json_of("{'port': 'host'}"), &result, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "port 'host' is an interface"));
	assert_non_null(strstr(err.hint, "nic: vhost"));
	assert_int_equal(call("port.qemu-args", json_of("{'port': 'vm2'}"), &result, &err), -ENOENT);
	assert_int_equal(call("port.qemu-args", json_of("{'port': 'vm1', 'format': 'xml'}"), &result, &err), -EINVAL);
	assert_int_equal(call("port.qemu-args", json_of("{'port': 'vm1', 'memory': 0}"), &result, &err), -EINVAL);
}

/* QEMU's manual, "VFIO-user device", and pcie.txt: a root port for each function. libvirt passes QEMU's own options through. */
static void
a_function_stands_behind_a_root_port(void **state)
{
	static const char yaml[] =
		"version: 1\n"
		"processors: {count: 3, speed_percent: 20}\n"
		"adapters: [{name: wire, uplink: null, vfs: 2}]\n"
		"switches: [{name: ext, kind: external, uplink: wire, ports: [{name: vm1, nic: vf}]}]\n";
	char want[256], *text;
	json_t *answer;

	json_decref(applied(yaml, 0));
	answer = asked("port.qemu-args", "{'port': 'vm1'}");
	assert_string_equal(value_of(answer, "-machine"), "q35,memory-backend=mem");
	assert_string_equal(value_of(answer, "-object"), "memory-backend-memfd,id=mem,size=1024M,share=on");
	assert_string_equal(value_of(answer, "-device"), "pcie-root-port,id=port-vm1,chassis=1");
	snprintf(want, sizeof(want),
		 "{\"driver\":\"vfio-user-pci\",\"id\":\"vf-vm1\",\"bus\":\"port-vm1\",\"socket\":{\"type\":\"unix\","
		 "\"path\":"
		 "\"%s/vm1.vf.sock\"}}",
		 rig_folder);
	assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "args"), 9)), want);
	json_decref(answer);
	answer = asked("port.qemu-args", "{'port': 'vm1', 'format': 'libvirt'}");
	text = strdup(json_string_value(json_object_get(answer, "text")));
	assert_non_null(strstr(text, "  <qemu:arg value='pcie-root-port,id=port-vm1,chassis=1'/>\n"));
	assert_non_null(strstr(text, "<qemu:arg value='{&quot;driver&quot;:&quot;vfio-user-pci&quot;"));
	free(text);
	json_decref(answer);
}

static int
tests(void)
{
	const struct CMUnitTest list[] = {
		RIG_TEST(options_follow_the_port),       RIG_TEST(the_text_can_be_pasted),
		RIG_TEST(odd_paths_are_quoted),          RIG_TEST(libvirt_gets_the_same_as_xml),
		RIG_TEST(only_guests_have_such_options), RIG_TEST(a_function_stands_behind_a_root_port),
	};

	return cmocka_run_group_tests(list, rig_start, rig_stop);
}

int
main(void)
{
	return rig_main(tests);
}
