/* show_guest.c - what is behind a vhost port, in words; see handlers.h. */
#include <stdio.h>

#include "ctl/handlers.h"
#include "ctl/host_port_vhost.h"
#include "guest/vhost_user.h"

#define VHOST_F_LOG_ALL 26                /* linux/vhost_types.h */
#define VHOST_USER_F_PROTOCOL_FEATURES 30 /* QEMU, docs/interop/vhost-user.rst */

/* virtio 1.2, 5.1.3 and 6; the two of vhost. */
static const char *const features[64] = {
	[VIRTIO_NET_F_CSUM] = "CSUM",
	[VIRTIO_NET_F_GUEST_CSUM] = "GUEST_CSUM",
	[VIRTIO_NET_F_MTU] = "MTU",
	[VIRTIO_NET_F_MAC] = "MAC",
	[VIRTIO_NET_F_GUEST_TSO4] = "GUEST_TSO4",
	[VIRTIO_NET_F_GUEST_TSO6] = "GUEST_TSO6",
	[VIRTIO_NET_F_GUEST_ECN] = "GUEST_ECN",
	[VIRTIO_NET_F_HOST_TSO4] = "HOST_TSO4",
	[VIRTIO_NET_F_HOST_TSO6] = "HOST_TSO6",
	[VIRTIO_NET_F_HOST_ECN] = "HOST_ECN",
	[VIRTIO_NET_F_MRG_RXBUF] = "MRG_RXBUF",
	[VIRTIO_NET_F_STATUS] = "STATUS",
	[VIRTIO_NET_F_CTRL_VQ] = "CTRL_VQ",
	[VIRTIO_NET_F_CTRL_RX] = "CTRL_RX",
	[VIRTIO_NET_F_CTRL_VLAN] = "CTRL_VLAN",
	[VIRTIO_NET_F_CTRL_RX_EXTRA] = "CTRL_RX_EXTRA",
	[VIRTIO_NET_F_GUEST_ANNOUNCE] = "GUEST_ANNOUNCE",
	[VIRTIO_NET_F_MQ] = "MQ",
	[VIRTIO_NET_F_CTRL_MAC_ADDR] = "CTRL_MAC_ADDR",
	[VHOST_F_LOG_ALL] = "LOG_ALL",
	[VIRTIO_F_ANY_LAYOUT] = "ANY_LAYOUT",
	[VHOST_USER_INDIRECT_DESC] = "INDIRECT_DESC",
	[VHOST_USER_EVENT_IDX] = "EVENT_IDX",
	[VHOST_USER_F_PROTOCOL_FEATURES] = "PROTOCOL_FEATURES",
	[VIRTIO_F_VERSION_1] = "VERSION_1",
	[VIRTIO_F_IN_ORDER] = "IN_ORDER",
	[VIRTIO_NET_F_GUEST_USO4] = "GUEST_USO4",
	[VIRTIO_NET_F_GUEST_USO6] = "GUEST_USO6",
	[VIRTIO_NET_F_HOST_USO] = "HOST_USO",
};

/* QEMU, docs/interop/vhost-user.rst, "Protocol features". */
static const char *const protocol_features[64] = {
	[0] = "MQ",
	[1] = "LOG_SHMFD",
	[2] = "RARP",
	[3] = "REPLY_ACK",
	[4] = "NET_MTU",
	[13] = "RESET_DEVICE",
	[15] = "CONFIGURE_MEM_SLOTS",
	[16] = "STATUS",
};

/* A bit without a name here stands as its number. */
static json_t *
bits_of(uint64_t set, const char *const names[64])
{
	json_t *list = json_array();
	char number[16];

	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(set >> bit & 1))
			continue;
		snprintf(number, sizeof(number), "%u", bit);
		list_add(&list, json_string(names[bit] != NULL ? names[bit] : number));
	}
	return list;
}

static json_t *
text_or_null(const char *text)
{
	return text[0] != '\0' ? json_text(text) : json_null();
}

static json_t *
by_queue(const struct host_port *hp, const uint64_t *count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < hp->n_queues; i++)
		list_add(&list, json_integer((json_int_t)count[i]));
	return list;
}

/* Of all front ends that the port had, as its interrupts. */
static json_t *
guest_packets_per_interrupt(const struct host_port *hp, const struct vhost_info *info)
{
	struct vport_totals books;

	vport_sum(&hp->vport, &books);
	return packets_per_time(books.rx_packets + books.tx_packets, info->interrupts);
}

json_t *
guest_of(const struct host *host, const struct host_port *hp)
{
	char socket[CONFIG_SOCKET_MAX], path[PATH_MAX + CONFIG_SOCKET_MAX + 1];
	struct vhost_info info;

	if (hp->is.nic != NIC_VHOST)
		return json_null();
	host_port_vhost_info(hp, &info);
	snprintf(path, sizeof(path), "%s/%s", host->run_dir, config_port_socket(&hp->is, socket));
	return json_pack("{s:o, s:s, s:i, s:i, s:o, s:o, s:I, s:i, s:b, s:I, s:o, s:o, s:o, s:I, s:o, s:o}", "socket",
			 json_text(path), "role", hp->is.role == ROLE_SERVER ? "server" : "client", "queues_running",
			 (int)info.pairs_running, "mtu", (int)info.mtu, "features", bits_of(info.features, features),
			 "protocol_features", bits_of(info.protocol_features, protocol_features), "memory",
			 (json_int_t)info.memory_bytes, "memory_regions", (int)info.regions, "dirty_log", info.logging,
			 "interrupts", (json_int_t)info.interrupts, "rx_interrupts", by_queue(hp, info.rx_interrupts),
			 "tx_interrupts", by_queue(hp, info.tx_interrupts), "packets_per_interrupt",
			 guest_packets_per_interrupt(hp, &info), "front_ends", (json_int_t)info.connects, "fault",
			 info.fault != VRING_FAULT_NONE ? json_string(vring_fault_text(info.fault)) : json_null(),
			 "last_error", text_or_null(info.last_error));
}
