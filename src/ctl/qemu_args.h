#ifndef CTL_QEMU_ARGS_H
#define CTL_QEMU_ARGS_H
/*
 * qemu_args.h - what port.qemu-args says is made of. Private to qemu_args.c and qemu_args_vf.c. Control thread.
 */
#include <stdio.h>

#include "ctl/handlers.h"

/* What both formats say. */
struct nic_facts {
	const char *port;
	char path[PATH_MAX + CONFIG_SOCKET_MAX + 1];
	char mac[MAC_TEXT_LEN]; /* empty: not known */
	unsigned queues, mtu;   /* mtu 0: nobody chose one */
	bool qemu_listens, reconnect_ms;
	json_int_t memory;                              /* MiB */
	unsigned vf_id;                                 /* a VF's */
	char standby[PATH_MAX + CONFIG_SOCKET_MAX + 1]; /* socket of the vhost device beside it; empty: there is none */
};

/* One word of QEMU's command line. */
void qemu_word(json_t **args, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* path with its commas doubled, for QEMU ends an option's value at one. The caller frees; NULL without memory. */
char *qemu_doubled(const char *path);

/* text as XML has it within quotes. */
void qemu_put_escaped(FILE *out, const char *text);

/* The devices of a VF and of what stands by for it; and libvirt's XML of it. */
void qemu_vf_devices(json_t **args, const struct nic_facts *f);
void qemu_vf_xml(FILE *out, const struct nic_facts *f);
#endif
