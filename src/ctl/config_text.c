/* config_text.c - texts with rules of their own: names, interfaces, namespaces, uplinks; see config_bind.h. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "ctl/config_bind.h"
#include "ctl/config_log.h"

static int __attribute__((format(printf, 3, 4))) refuse(struct err *err, const char *hint, const char *fmt, ...)
{
	char text[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(err, -EINVAL, "%s", text);
	err_hint(err, "%s", hint);
	return -EINVAL;
}

/* First byte of text that is not a letter, a digit or one of more; NULL when all are. */
static const char *
odd_byte(const char *text, const char *more)
{
	for (; *text != '\0'; text++)
		if (!isascii((unsigned char)*text) || (!isalnum((unsigned char)*text) && !strchr(more, *text)))
			return text;
	return NULL;
}

int
config_check_name(const char *text, struct err *err)
{
	static const char *const rule = "letters, digits, '-', '_' and '.', a letter first, at most 31 bytes";
	char shown[CONFIG_SHOW_MAX];

	config_show(text, shown);
	if (strlen(text) >= CONFIG_NAME_MAX)
		return refuse(err, rule, "'%s' has %zu bytes, at most 31 are taken", shown, strlen(text));
	if (!isascii((unsigned char)text[0]) || !isalpha((unsigned char)text[0]))
		return refuse(err, rule, "'%s' does not begin with a letter", shown);
	if (odd_byte(text, "-_."))
		return refuse(err, rule, "'%s' has a sign in it that a name cannot have", shown);
	return 0;
}

/* Names of interfaces and namespaces are file names to the kernel, and '%' in a TAP's name is a pattern that it fills in. */
static int
check_file_name(const char *text, const char *signs, const char *what, struct err *err)
{
	char shown[CONFIG_SHOW_MAX];

	config_show(text, shown);
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return refuse(err, "", "'%s' is not the name of %s", shown, what);
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p <= ' ' || *p == 0x7f || strchr(signs, *p))
			return refuse(err, "choose a name without it",
				      "'%s' has %s in it, which the name of %s cannot have", shown,
				      *p == '/'   ? "a '/'"
				      : *p == ':' ? "a ':'"
				      : *p == '%' ? "a '%'"
				      : *p == ',' ? "a ','"
				      : *p <= ' ' ? "a blank"
						  : "a control character",
				      what);
	return 0;
}

int
config_check_interface(const char *text, struct err *err)
{
	char shown[CONFIG_SHOW_MAX];

	/* Linux, net/core/dev.c, dev_valid_name(): IFNAMSIZ with the NUL, no '/', ':' or blank, not "." or "..". */
	if (strlen(text) >= IFNAMSIZ)
		return refuse(err, "Linux takes interface names of 15 bytes at most",
			      "'%s' has %zu bytes, at most 15 are taken", config_show(text, shown), strlen(text));
	/* The comma would end the argument of a DPDK device. */
	return check_file_name(text, "/:%,", "an interface", err);
}

int
config_check_netns(const char *text, struct err *err)
{
	char shown[CONFIG_SHOW_MAX];

	if (strlen(text) >= sizeof(((struct config_port *)0)->netns))
		return refuse(err, "", "'%s' has %zu bytes, at most 63 are taken", config_show(text, shown),
			      strlen(text));
	return check_file_name(text, "/", "a namespace", err);
}

unsigned
config_hash_types(const struct config_rss *rss)
{
	unsigned bits = rss->n_hash_types > 0 ? 0 : (1u << HASH_TYPE_IPV6_EX) - 1;

	for (unsigned i = 0; i < rss->n_hash_types; i++)
		bits |= 1u << rss->hash_type[i];
	return bits;
}

static const char *
last_part(const char *path, char out[CONFIG_SOCKET_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(out, CONFIG_SOCKET_MAX, "%.63s", slash ? slash + 1 : path);
	return out;
}

const char *
config_port_socket(const struct config_port *port, char out[CONFIG_SOCKET_MAX])
{
	if (port->socket[0] != '\0')
		return last_part(port->socket, out);
	snprintf(out, CONFIG_SOCKET_MAX, "%s%s", port->name, port->nic == NIC_VF ? ".vf.sock" : ".sock");
	return out;
}

const char *
config_standby_socket(const struct config_port *port, char out[CONFIG_SOCKET_MAX])
{
	return last_part(port->vf.standby.socket, out);
}

unsigned
config_port_queues(const struct config_port *port)
{
	return port->nic == NIC_VF ? CONFIG_VF_QUEUES : port->queues;
}

/* A VF's filters know one VLAN, whose tag is put on and taken off for it, or none. */
const char *
config_vf_policy(const struct config_port *port)
{
	return port->vlan.mode == VLAN_TRUNK ? "a trunk of VLANs" : NULL;
}

/* A guest finds its own MTU within the limit, so that is the largest by default. */
int64_t
config_port_mtu_implied(const void *port)
{
	const struct config_port *is = port;

	return is->nic == NIC_TAP || (is->nic == NIC_VF && config_vf_is_hv(&is->vf)) ? 1500 : 9216;
}

bool
config_port_mtu_is_chosen(const struct config_port *port)
{
	return port->mtu != config_port_mtu_implied(port);
}

/* In which directory the daemon's sockets lie is known when the file is applied; here only what no directory can have. */
int
config_check_socket(const char *text, struct err *err)
{
	static const char *const rule = "letters, digits, '-', '_' and '.', at most 63 bytes";
	const char *slash = strrchr(text, '/'), *name = slash ? slash + 1 : text;
	char shown[CONFIG_SHOW_MAX], hint[sizeof(err->hint)];

	config_show(name, shown);
	snprintf(hint, sizeof(hint), "sockets lie in the daemon's run directory: write socket: %s", shown);
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return refuse(err, rule, "'%s' is not the name of a socket", config_show(text, shown));
	if (strlen(name) >= CONFIG_SOCKET_MAX)
		return refuse(err, rule, "'%s' has %zu bytes, at most 63 are taken", shown, strlen(name));
	if (odd_byte(name, "-_."))
		return refuse(err, rule, "'%s' has a sign in it that the name of a socket cannot have", shown);
	if (slash && (text[0] != '/' || strstr(text, "/../") || strstr(text, "/./") || strstr(text, "//")))
		return refuse(err, hint, "'%s' is neither a name nor a plain path from '/' on",
			      config_show(text, shown));
	return 0;
}

/* USER:GROUP, names or numbers, one of which may be empty. Whether they exist is known to the machine that it is applied on. */
int
config_check_owner(const char *text, struct err *err)
{
	const char *colon = strchr(text, ':');
	char shown[CONFIG_SHOW_MAX];

	config_show(text, shown);
	if (colon == NULL || text[1] == '\0')
		return refuse(err, "USER:GROUP, as root:kvm", "'%s' is not a user and a group", shown);
	if (odd_byte(text, "-_.:$@+") || strchr(colon + 1, ':'))
		return refuse(err, "USER:GROUP, as root:kvm", "'%s' has a sign in it that names of users cannot have",
			      shown);
	return 0;
}

static int
mode_parse(const char *text, void *field, struct err *err)
{
	char shown[CONFIG_SHOW_MAX];
	size_t n = strspn(text, "01234567");
	unsigned mode;

	if (n == 0 || n > 4 || text[n] != '\0' || sscanf(text, "%o", &mode) != 1 || mode > 0777)
		return refuse(err, "octal digits, 0 to 0777, as \"0660\"", "'%s' is not the mode of a socket",
			      config_show(text, shown));
	memcpy(field, &mode, sizeof(mode));
	return 0;
}

static char *
mode_format(const void *field, char *out, size_t size)
{
	unsigned mode;

	memcpy(&mode, field, sizeof(mode));
	snprintf(out, size, "0%03o", mode);
	return out;
}

const struct config_codec config_mode_codec = { mode_parse, mode_format };

static int
key_parse(const char *text, void *field, struct err *err)
{
	static const char *const hint = "80 hexadecimal digits; fairlead rss set ADAPTER --random-key makes one";
	size_t n = strlen(text), hex = strspn(text, "0123456789abcdefABCDEF");
	uint8_t key[CONFIG_RSS_KEY_LEN];
	char shown[CONFIG_SHOW_MAX];

	if (text[hex] != '\0')
		return refuse(err, hint, "'%s' has a sign in it that is no hexadecimal digit",
			      config_show(text, shown));
	if (n != 2 * sizeof(key))
		return refuse(err, hint, "has %zu hexadecimal digits, a key has %zu (%zu bytes)", n, 2 * sizeof(key),
			      sizeof(key));
	for (size_t i = 0; i < sizeof(key); i++) {
		unsigned byte;

		sscanf(text + 2 * i, "%2x", &byte);
		key[i] = (uint8_t)byte;
	}
	memcpy(field, key, sizeof(key));
	return 0;
}

static char *
key_format(const void *field, char *out, size_t size)
{
	const uint8_t *key = field;

	for (size_t i = 0; i < CONFIG_RSS_KEY_LEN && 2 * i + 3 <= size; i++)
		snprintf(out + 2 * i, 3, "%02x", key[i]);
	return out;
}

const struct config_codec config_key_codec = { key_parse, key_format };

/* "0000:17:00.0" or "17:00.0": domain:bus:device.function in hexadecimal, function 0 to 7. */
static int
check_pci(const char *text, struct err *err)
{
	static const char *const shapes[] = { "xxxx:xx:xx.f", "xx:xx.f" };
	char shown[CONFIG_SHOW_MAX];

	for (size_t i = 0; i < 2; i++) {
		const char *shape = shapes[i];
		size_t n = 0;

		while (shape[n] != '\0' && text[n] != '\0' &&
		       (shape[n] == 'x'   ? isxdigit((unsigned char)text[n]) != 0
			: shape[n] == 'f' ? text[n] >= '0' && text[n] <= '7'
					  : text[n] == shape[n]))
			n++;
		if (shape[n] == '\0' && text[n] == '\0')
			return 0;
	}
	return refuse(err, "as pci:0000:17:00.0; lspci -D lists them", "'%s' is not a PCI address",
		      config_show(text, shown));
}

/* File and socket names go into the arguments of a DPDK device, where these signs would begin something else. */
static int
check_path(const char *text, const char *signs, struct err *err)
{
	char shown[CONFIG_SHOW_MAX];

	config_show(text, shown);
	if (text[0] == '\0')
		return refuse(err, "as memif:/run/memif.sock or pcap:rx.pcap,tx.pcap", "has no file name");
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p <= ' ' || *p == 0x7f || strchr(signs, *p))
			return refuse(err, "choose a path of letters, digits and '/._-'",
				      "'%s' has a sign in it that is not taken", shown);
	return 0;
}

static int
check_socket(const char *text, struct err *err)
{
	return check_path(text, ",=[]()\"'\\", err);
}

/* RX or RX,TX. */
static int
check_pcap(const char *text, struct err *err)
{
	const char *comma = strchr(text, ',');
	char first[CONFIG_ARG_MAX];
	size_t n = comma ? (size_t)(comma - text) : strlen(text);
	int ret;

	if (n >= sizeof(first))
		return refuse(err, "", "the file name has %zu bytes, at most %d are taken", n, CONFIG_ARG_MAX - 1);
	memcpy(first, text, n);
	first[n] = '\0';
	ret = check_socket(first, err);
	return ret < 0 || comma == NULL ? ret : check_socket(comma + 1, err);
}

/* In the order of enum config_uplink_kind. */
static const struct {
	const char *name;
	int (*check)(const char *text, struct err *err);
	bool planned; /* not offered yet */
} uplink_kinds[] = {
	[UPLINK_AF_XDP] = { "af_xdp", config_check_interface },
	[UPLINK_AF_PACKET] = { "af_packet", config_check_interface },
	[UPLINK_PCAP] = { "pcap", check_pcap },
	[UPLINK_NULL] = { "null", NULL },
	[UPLINK_RING] = { "ring", config_check_name },
	[UPLINK_MEMIF] = { "memif", check_socket },
	[UPLINK_TAP] = { "tap", config_check_interface, .planned = true },
	[UPLINK_PCI] = { "pci", check_pci, .planned = true },
};
#define UPLINK_FORMS "af_xdp:IFNAME, af_packet:IFNAME, memif:SOCKET, pcap:RX[,TX], ring:NAME, null"
#define N_UPLINK_KINDS (sizeof(uplink_kinds) / sizeof(uplink_kinds[0]))

static int
refuse_kind(const char *text, const char *kind, struct err *err)
{
	const char *words[N_UPLINK_KINDS], *near;
	char shown[CONFIG_SHOW_MAX];

	for (size_t i = 0; i < N_UPLINK_KINDS; i++)
		words[i] = uplink_kinds[i].name;
	near = err_nearest(kind, words, N_UPLINK_KINDS);
	err_set(err, -EINVAL, "'%s' is not KIND:ARGUMENT of a known kind", config_show(text, shown));
	err_hint(err, "%s%s%svalid: " UPLINK_FORMS, near ? "did you mean '" : "", near ? near : "", near ? "'? " : "");
	return -EINVAL;
}

static int
uplink_parse(const char *text, void *field, struct err *err)
{
	struct config_adapter *adapter = field;
	const char *colon = strchr(text, ':'), *arg = colon ? colon + 1 : "";
	char kind[16] = "";
	size_t n = colon ? (size_t)(colon - text) : strlen(text), i = 0;

	if (n < sizeof(kind))
		memcpy(kind, text, n);
	while (i < N_UPLINK_KINDS && strcmp(uplink_kinds[i].name, kind) != 0)
		i++;
	if (i == N_UPLINK_KINDS)
		return refuse_kind(text, kind, err);
	if (strlen(arg) >= sizeof(adapter->arg))
		return refuse(err, "", "the text after '%s:' has %zu bytes, at most %d are taken", kind, strlen(arg),
			      CONFIG_ARG_MAX - 1);
	if (uplink_kinds[i].check == NULL && colon)
		return refuse(err, "write it alone", "'%s' takes nothing after it", kind);
	if (uplink_kinds[i].check && arg[0] == '\0')
		return refuse(err, "as af_xdp:eth0", "'%s' needs an argument after the colon", kind);
	if (uplink_kinds[i].check && uplink_kinds[i].check(arg, err) < 0)
		return -EINVAL;
	if (uplink_kinds[i].planned)
		return refuse(err, "offered: " UPLINK_FORMS, "of kind '%s' is not offered by this version", kind);
	adapter->kind = (enum config_uplink_kind)i;
	memcpy(adapter->arg, arg, strlen(arg) + 1);
	return 0;
}

static char *
uplink_format(const void *field, char *out, size_t size)
{
	const struct config_adapter *adapter = field;

	snprintf(out, size, "%s%s%s", uplink_kinds[adapter->kind].name, adapter->arg[0] ? ":" : "", adapter->arg);
	return out;
}

const struct config_codec config_uplink_codec = { uplink_parse, uplink_format };
