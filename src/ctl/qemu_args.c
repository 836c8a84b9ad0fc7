/* qemu_args.c - port.qemu-args: what QEMU or libvirt is to be told for a port's NIC; see handlers.h. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/host_port_vf.h"
#include "ctl/qemu_args.h"

#define RING_SIZE \
	1024 /* entries; the most that QEMU takes, and of a transmit ring for vhost-user only (hw/net/virtio-net.c) */

static void
facts_of(const struct host *host, const struct host_port *hp, const json_t *params, struct nic_facts *out)
{
	char socket[CONFIG_SOCKET_MAX];
	bool vf = hp->is.nic == NIC_VF;

	memset(out, 0, sizeof(*out));
	out->port = hp->is.name;
	snprintf(out->path, sizeof(out->path), "%s/%s", host->run_dir, config_port_socket(&hp->is, socket));
	if (!mac_is_zero(&hp->mac))
		mac_format(&hp->mac, out->mac);
	out->queues = hp->is.queues;
	out->mtu = config_port_mtu_is_chosen(&hp->is) ? hp->is.mtu : 0;
	out->qemu_listens = hp->is.role == ROLE_CLIENT;
	out->reconnect_ms = json_is_true(json_object_get(params, "reconnect_ms"));
	out->memory = json_integer_value(json_object_get(params, "memory"));
	if (vf && hp->nic != NULL)
		out->vf_id = host_port_vf_id(hp);
	if (vf && config_standby_socket(&hp->is, socket)[0] != '\0')
		snprintf(out->standby, sizeof(out->standby), "%s/%s", host->run_dir, socket);
}

/* ---- QEMU ---- */

char *
qemu_doubled(const char *path)
{
	char *text = malloc(2 * strlen(path) + 1), *to = text;

	for (; text != NULL && *path != '\0'; path++) {
		if (*path == ',')
			*to++ = ',';
		*to++ = *path;
	}
	if (text != NULL)
		*to = '\0';
	return text;
}

void
qemu_word(json_t **args, const char *fmt, ...)
{
	char *word = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&word, fmt, ap);
	va_end(ap);
	list_add(args, n >= 0 ? json_text(word) : NULL);
	free(n >= 0 ? word : NULL);
}

static void
add_memory(json_t **args, const struct nic_facts *f, bool vf)
{
	qemu_word(args, "-m");
	qemu_word(args, "%lldM", (long long)f->memory);
	qemu_word(args, "-object");
	qemu_word(args, "memory-backend-memfd,id=mem,size=%lldM,share=on", (long long)f->memory);
	qemu_word(args, "-machine");
	qemu_word(args, "%smemory-backend=mem", vf ? "q35," : ""); /* only it has PCI Express */
}

static void
add_socket(json_t **args, const struct nic_facts *f)
{
	char *path = qemu_doubled(f->path);

	if (path == NULL) {
		list_add(args, NULL);
		return;
	}
	qemu_word(args, "-chardev");
	if (f->qemu_listens)
		qemu_word(args, "socket,id=chr-%s,path=%s,server=on,wait=off", f->port, path);
	else
		qemu_word(args, "socket,id=chr-%s,path=%s,%s", f->port, path,
			  f->reconnect_ms ? "reconnect-ms=1000" : "reconnect=1");
	free(path);
}

/* vectors: one for each queue, one for changes of the configuration, one for the control queue (virtio 1.2, 4.1.5.1). */
static void
add_device(json_t **args, const struct nic_facts *f)
{
	char mac[MAC_TEXT_LEN + 8] = "", mq[64] = "", mtu[32] = "";

	if (f->mac[0] != '\0')
		snprintf(mac, sizeof(mac), ",mac=%s", f->mac);
	if (f->queues > 1)
		snprintf(mq, sizeof(mq), ",mq=on,vectors=%u", 2 * f->queues + 2);
	if (f->mtu != 0)
		snprintf(mtu, sizeof(mtu), ",host_mtu=%u", f->mtu);
	qemu_word(args, "-netdev");
	qemu_word(args, "vhost-user,id=net-%s,chardev=chr-%s,queues=%u", f->port, f->port, f->queues);
	qemu_word(args, "-device");
	qemu_word(args, "virtio-net-pci,netdev=net-%s%s%s%s,rx_queue_size=%u,tx_queue_size=%u", f->port, mac, mq, mtu,
		  RING_SIZE, RING_SIZE);
}

/* A word as a shell takes it. */
static void
put_quoted(FILE *out, const char *word)
{
	const char *p = word;

	while (*p != '\0' && isascii((unsigned char)*p) && (isalnum((unsigned char)*p) || strchr("-_./:=,+@%", *p)))
		p++;
	if (*p == '\0') {
		fputs(word, out);
		return;
	}
	fputc('\'', out);
	for (p = word; *p != '\0'; p++)
		fputs(*p == '\'' ? "'\\''" : (char[]){ *p, '\0' }, out);
	fputc('\'', out);
}

/* An option and its value on each line. */
static void
print_lines(FILE *out, const json_t *args)
{
	size_t n = json_array_size(args);

	for (size_t i = 0; i < n; i++) {
		put_quoted(out, json_string_value(json_array_get(args, i)));
		fputs(i % 2 == 0 ? " " : i < n - 1 ? " \\\n" : "\n", out);
	}
}

/* ---- libvirt ---- */

void
qemu_put_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fputs(*text == '&'    ? "&amp;"
		      : *text == '<'  ? "&lt;"
		      : *text == '\'' ? "&apos;"
		      : *text == '"'  ? "&quot;"
				      : (char[]){ *text, '\0' },
		      out);
}

/* libvirt, docs/formatdomain.rst, "Memory Backing" and "vhost-user interface". */
static void
print_xml(FILE *out, const struct nic_facts *f)
{
	fputs("<!-- in <domain>, once -->\n"
	      "<memoryBacking>\n"
	      "  <source type='memfd'/>\n"
	      "  <access mode='shared'/>\n"
	      "</memoryBacking>\n"
	      "<!-- in <devices> -->\n"
	      "<interface type='vhostuser'>\n",
	      out);
	if (f->mac[0] != '\0')
		fprintf(out, "  <mac address='%s'/>\n", f->mac);
	fputs("  <source type='unix' path='", out);
	qemu_put_escaped(out, f->path);
	if (f->qemu_listens)
		fputs("' mode='server'/>\n", out);
	else
		fputs("' mode='client'>\n    <reconnect enabled='yes' timeout='1'/>\n  </source>\n", out);
	fputs("  <model type='virtio'/>\n", out);
	fprintf(out, "  <driver queues='%u' rx_queue_size='%u' tx_queue_size='%u'/>\n", f->queues, RING_SIZE,
		RING_SIZE);
	if (f->mtu != 0)
		fprintf(out, "  <mtu size='%u'/>\n", f->mtu);
	fputs("</interface>\n", out);
}

/* ---- both ---- */

static json_t *
text_of(const struct nic_facts *f, const json_t *args, bool libvirt, bool vf)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	json_t *value;

	if (out == NULL)
		return NULL;
	if (libvirt && vf)
		qemu_vf_xml(out, f);
	else if (libvirt)
		print_xml(out, f);
	else
		print_lines(out, args);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	value = json_text(text);
	free(text);
	return value;
}

int
port_qemu_args(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	const struct host_port *hp = named_port(host, params, err);
	bool libvirt = strcmp(json_string_value(json_object_get(params, "format")), "libvirt") == 0;
	struct nic_facts facts;
	json_t *args;
	bool vf;

	if (hp == NULL)
		return -ENOENT;
	vf = hp->is.nic == NIC_VF;
	if (hp->is.nic == NIC_TAP) {
		err_set(err, -EOPNOTSUPP, "port '%s' is an interface of this host, which QEMU has nothing to do with",
			hp->is.name);
		err_hint(err, "the port of a guest has nic: vhost or vf");
		err_path(err, "port");
		return -EOPNOTSUPP;
	}
	facts_of(host, hp, params, &facts);
	args = json_array();
	if (!libvirt)
		add_memory(&args, &facts, vf);
	if (!libvirt && vf) {
		qemu_vf_devices(&args, &facts);
	} else if (!libvirt) {
		add_socket(&args, &facts);
		add_device(&args, &facts);
	}
	*result = json_pack("{s:s, s:o, s:o}", "port", hp->is.name, "text", text_of(&facts, args, libvirt, vf), "args",
			    args);
	return result_done(result, err);
}
