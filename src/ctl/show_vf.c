/* show_vf.c - virtual functions: what the host decides about each, and what its guest's driver does; see handlers.h. */
#include <errno.h>
#include <stdio.h>

#include "ctl/handlers.h"
#include "ctl/host_port_vf.h"
#include "ctl/schema_words.h"

static const char *const models[] = { VF_MODEL_WORDS };
static const char *const on_policies[] = {
	[POLICY_SWITCH] = "switch", [POLICY_REFUSE] = "refuse", [POLICY_BYPASS] = "bypass"
};

/* A guest migrates by the device that stands by for its VF, and this version offers neither. */
#define MIGRATABLE "no: this version does not migrate"

static json_t *
path_of(const struct host *host, const char *socket)
{
	char path[PATH_MAX + CONFIG_SOCKET_MAX + 1];

	if (socket[0] == '\0')
		return json_null();
	snprintf(path, sizeof(path), "%s/%s", host->run_dir, socket);
	return json_text(path);
}

static json_t *
vf_row(const struct host *host, const struct host_port *hp)
{
	const struct config_port *is = &hp->is;
	char socket[CONFIG_SOCKET_MAX];
	struct vport_totals books;

	vport_sum(&hp->vport, &books);
	return json_pack("{s:i, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:i, s:i, s:s, s:b, s:b, s:i, s:I, s:I}", "id",
			 (int)host_port_vf_id(hp), "adapter", hp->on->adapter_is.name, "port", is->name, "socket",
			 path_of(host, config_port_socket(is, socket)), "backing", "software", "migratable", MIGRATABLE,
			 "path", host_port_vf_path(hp), "state", host_port_state(hp), "mac", json_mac(&hp->mac), "vlan",
			 is->vlan.mode == VLAN_ACCESS ? (int)is->vlan.id : 0, "queues", (int)hp->n_queues, "link",
			 is->vf.link ? "up" : "down", "trust", is->vf.trust, "spoof_check", is->spoof_check,
			 "rate_mbps", (int)is->vf.rate_mbps, "rx_packets", (json_int_t)books.tx_packets, "tx_packets",
			 (json_int_t)books.rx_packets);
}

static bool
is_vf(const struct host_port *hp)
{
	return hp->is.nic == NIC_VF && hp->nic != NULL;
}

int
vf_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;

	*result = json_array();
	for (unsigned i = 0; i < host->n_ports; i++)
		if (is_vf(host->ports[i]))
			list_add(result, vf_row(host, host->ports[i]));
	return result_done(result, err);
}

struct host_port *
named_vf(const struct host *host, const json_t *params, struct err *err)
{
	struct host_port *hp = named_port(host, params, err);

	if (hp == NULL || is_vf(hp))
		return hp;
	err_set(err, -ENOENT, "port '%s' is no virtual function", hp->is.name);
	err_hint(err, "fairlead vf list shows which there are; those of the configuration have nic: vf");
	err_path(err, "port");
	return NULL;
}

static json_t *
text_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? json_text(text) : json_null();
}

/* 10 is 1.0, 17 is 1.7. */
static json_t *
api_of(unsigned api)
{
	char text[16];

	if (api == 0)
		return json_null();
	snprintf(text, sizeof(text), "%u.%u", api / 10, api % 10);
	return json_string(text);
}

int
vf_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	const struct host_port *hp = named_vf(host, params, err);
	char standby[CONFIG_SOCKET_MAX];
	const struct config_vf *is;
	struct vf_info info;
	json_t *more;

	if (hp == NULL)
		return -ENOENT;
	is = &hp->is.vf;
	host_port_vf_info(hp, &info);
	*result = vf_row(host, hp);
	more = json_pack("{s:o, s:s, s:s, s:s, s:b, s:i, s:o, s:o, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:i, s:I, "
			 "s:o, s:o}",
			 "switched_because", text_or_null(host_port_vf_why_switched(hp)), "on_policy",
			 on_policies[is->on_policy], "model", models[is->model], "doorbell",
			 is->trapped ? "trapped" : "mapped", "ipsec_offload", is->ipsec_offload, "mtu", (int)hp->is.mtu,
			 "standby", path_of(host, config_standby_socket(&hp->is, standby)), "mailbox_api",
			 api_of(info.mailbox_api), "rx_rings", (int)info.rx_rings, "tx_rings", (int)info.tx_rings,
			 "max_frame", (int)info.max_frame, "interrupts", (json_int_t)info.interrupts, "messages",
			 (json_int_t)info.mailbox_messages, "resets", (json_int_t)info.resets, "traps",
			 (json_int_t)info.session.traps, "memory", (json_int_t)info.session.memory_bytes,
			 "memory_regions", (int)info.session.regions, "clients", (json_int_t)info.session.connects,
			 "fault", text_or_null(info.fault), "last_error", text_or_null(info.session.last_error));
	return result_join(result, more, err);
}
