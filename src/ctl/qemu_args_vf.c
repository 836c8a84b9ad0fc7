/*
 * qemu_args_vf.c - the devices of a virtual function for QEMU and libvirt; see qemu_args.h.
 *
 * QEMU's vfio-user-pci is there from 10.1 on. The function stands behind a root port of its own, for only such a place can be
 * unplugged in a migration. Its options are JSON, since a socket address has no other form. With a standby the two are one NIC to the
 * guest: failover=on and failover_pair_id (QEMU, docs/system/virtio-net-failover.rst), by the same MAC.
 */
#include "ctl/qemu_args.h"

#include <stdlib.h>

/* PCI bridges of one machine are told apart by it; 0 is the root complex itself. */
static unsigned
chassis(const struct nic_facts *f)
{
	return f->vf_id + 1;
}

static json_t *
function(const struct nic_facts *f)
{
	json_t *device = json_pack("{s:s, s:o, s:o, s:{s:s, s:s}}", "driver", "vfio-user-pci", "id",
				   json_sprintf("vf-%s", f->port), "bus", json_sprintf("port-%s", f->port), "socket",
				   "type", "unix", "path", f->path);

	if (device != NULL && f->standby[0] != '\0')
		json_object_set_new(device, "failover_pair_id", json_sprintf("nic-%s", f->port));
	return device;
}

static void
add_standby(json_t **args, const struct nic_facts *f)
{
	char *path = qemu_doubled(f->standby);

	if (path == NULL) {
		list_add(args, NULL);
		return;
	}
	qemu_word(args, "-chardev");
	qemu_word(args, "socket,id=chr-%s,path=%s,%s", f->port, path,
		  f->reconnect_ms ? "reconnect-ms=1000" : "reconnect=1");
	qemu_word(args, "-netdev");
	qemu_word(args, "vhost-user,id=net-%s,chardev=chr-%s", f->port, f->port);
	qemu_word(args, "-device");
	qemu_word(args, "virtio-net-pci,id=nic-%s,netdev=net-%s,failover=on,mac=%s", f->port, f->port, f->mac);
	free(path);
}

void
qemu_vf_devices(json_t **args, const struct nic_facts *f)
{
	json_t *device = function(f);
	char *text = device != NULL ? json_dumps(device, JSON_COMPACT) : NULL;

	json_decref(device);
	if (f->standby[0] != '\0')
		add_standby(args, f);
	qemu_word(args, "-device");
	qemu_word(args, "pcie-root-port,id=port-%s,chassis=%u", f->port, chassis(f));
	qemu_word(args, "-device");
	list_add(args, text != NULL ? json_string(text) : NULL);
	free(text);
}

/* libvirt has no element for vfio-user: QEMU's own options are passed through (docs/drvqemu.rst, "Pass-through of arbitrary commands"). */
void
qemu_vf_xml(FILE *out, const struct nic_facts *f)
{
	json_t *args = json_array(), *word;
	size_t i;

	qemu_vf_devices(&args, f);
	fputs("<!-- in <domain>, once; its machine type is q35 -->\n"
	      "<memoryBacking>\n"
	      "  <source type='memfd'/>\n"
	      "  <access mode='shared'/>\n"
	      "</memoryBacking>\n"
	      "<!-- in <domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>, last -->\n"
	      "<qemu:commandline>\n",
	      out);
	json_array_foreach(args, i, word)
	{
		fputs("  <qemu:arg value='", out);
		qemu_put_escaped(out, json_string_value(word));
		fputs("'/>\n", out);
	}
	fputs("</qemu:commandline>\n", out);
	json_decref(args);
}
