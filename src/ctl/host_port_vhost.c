/* host_port_vhost.c - a guest's virtio-net device behind a port, by vhost-user; see host_medium.h. */
#include "ctl/host_port_vhost.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/qsbr.h"
#include "ctl/host_medium.h"

struct vhost_nic {
	struct vhost *vhost;
	char socket[CONFIG_SOCKET_MAX]; /* in the run directory */
	bool listens;
	int connect_error;   /* of the last try to connect, -errno; 0: it worked, or we listen */
	uint64_t connects;   /* as vhost_info says, when the guest's address was taken */
	struct mac refused;  /* an address that the guest cannot have, once told */
	char state_text[96]; /* of vhost_nic_state */
};

/* ---- open and close ---- */

static int
connect_again(void *arg)
{
	struct vhost_nic *nic = arg;
	int fd = keep_connect(nic->socket, NULL);

	nic->connect_error = fd < 0 ? fd : 0;
	return fd;
}

static bool
is_directory(const char *path, const struct stat *wanted)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == wanted->st_dev && st.st_ino == wanted->st_ino;
}

/* path: as configured; key: that it stands in. */
static int
check_socket(const struct host *host, const struct config_port *is, const char *key, const char *path, struct err *err)
{
	char dir[CONFIG_ARG_MAX];
	struct stat run_dir;

	if (path[0] != '/')
		return 0;
	if (stat(host->run_dir, &run_dir) < 0)
		memset(&run_dir, 0, sizeof(run_dir));
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path + 1), path);
	if (is_directory(dir, &run_dir))
		return 0;
	err_set(err, -EINVAL, "port '%s': %s '%s' does not lie in this daemon's run directory, %.100s", is->name, key,
		path, host->run_dir);
	err_hint(err, "write socket: %s; or start fairleadd with its --rpc socket in %.100s", strrchr(path, '/') + 1,
		 dir);
	return -EINVAL;
}

int
host_check_sockets(const struct host *host, const struct config *config, struct err *err)
{
	unsigned first = 0; /* port of the switch */

	for (unsigned i = 0; i < config->n_ports; i++) {
		const struct config_port *is = &config->ports[i];
		const char *key = "socket";
		int ret;

		if (i > 0 && is->sw != is[-1].sw)
			first = i;
		ret = check_socket(host, is, key, is->socket, err);
		if (ret == 0) {
			key = "standby.socket";
			ret = check_socket(host, is, key, is->vf.standby.socket, err);
		}
		if (ret == 0)
			continue;
		err_path(err, "switches[%u].ports[%u].%s", is->sw, i - first, key);
		return ret;
	}
	return 0;
}

/* The configuration's words are in the order of the data path's. */
static enum moderation_mode
moderation(const struct config_port *is)
{
	static_assert((int)INTERRUPTS_OFF == (int)MODERATION_OFF && (int)INTERRUPTS_HIGH == (int)MODERATION_HIGH,
		      "one order");
	return (enum moderation_mode)is->interrupt_moderation;
}

static int
vhost_nic_open(struct host *host, struct host_port *hp, const struct mac *mac, struct err *err)
{
	struct vhost_options options = { .name = hp->is.name,
					 .n_pairs = hp->n_queues,
					 .mtu = hp->is.mtu,
					 .moderation = moderation(&hp->is),
					 .queues = hp->queues,
					 .ingress = &hp->port.ingress,
					 .vport = &hp->vport,
					 .toeplitz = host->toeplitz };
	struct vhost_nic *nic = calloc(1, sizeof(*nic));
	int server = -1;

	if (nic == NULL)
		return err_set(err, -ENOMEM, "no memory for its NIC");
	config_port_socket(&hp->is, nic->socket);
	nic->listens = hp->is.role == ROLE_SERVER;
	if (nic->listens)
		server = keep_listen(nic->socket, hp->is.socket_mode, hp->is.socket_owner, err);
	if (nic->listens && server < 0) {
		free(nic);
		return server;
	}
	nic->vhost = vhost_open(&options, server, connect_again, nic, err);
	if (nic->vhost == NULL) {
		if (nic->listens)
			keep_unlisten(nic->socket, NULL);
		free(nic);
		return err->code;
	}
	hp->nic = nic;
	hp->mac = hp->is.mac; /* that of a former NIC of this name is no guest's */
	atomic_store_explicit(&hp->port.sink, vhost_sink(nic->vhost), memory_order_release);
	return 0;
}

static void
vhost_nic_close(struct host_port *hp)
{
	struct vhost_nic *nic = hp->nic;
	struct err err;

	if (nic == NULL)
		return;
	qsbr_synchronize();
	vhost_close(nic->vhost);
	if (nic->listens && keep_unlisten(nic->socket, &err) < 0)
		log_warn("socket stays until the daemon ends port=%s socket=%s reason=\"%s\"", hp->is.name, nic->socket,
			 err.msg);
	free(nic);
	hp->nic = NULL;
}

/* ---- the guest's address, where the configuration has none ---- */

static void
set_address(struct host_port *hp, const struct mac *mac)
{
	struct vhost_nic *nic = hp->nic;
	char text[MAC_TEXT_LEN];
	struct err err;

	atomic_store(&hp->port.first_source, 0);
	mac_format(mac, text);
	if (host_port_set_mac(hp, mac, &err) == 0) {
		if (!mac_is_zero(mac))
			log_info("address of the guest taken port=%s mac=%s", hp->is.name, text);
	} else if (!mac_equal(mac, &nic->refused)) {
		nic->refused = *mac;
		log_warn("address of the guest is another's port=%s mac=%s reason=\"%s\"", hp->is.name, text, err.msg);
	}
}

/* Takes the first source that a front end's guest uses; with another front end comes another guest. */
static void
tend_address(struct host_port *hp)
{
	struct vhost_nic *nic = hp->nic;
	struct vhost_info info;
	struct mac mac = { 0 };

	if (hp->is.has_mac)
		return;
	vhost_info(nic->vhost, &info);
	if (!mac_is_zero(&hp->mac) && (info.state == VHOST_NO_FRONT_END || info.connects != nic->connects))
		set_address(hp, &mac);
	if (mac_is_zero(&hp->mac) && port_first_source(&hp->port, &mac)) {
		nic->connects = info.connects;
		set_address(hp, &mac);
	}
}

static bool
vhost_nic_tend(struct host_port *hp)
{
	struct vhost_nic *nic = hp->nic;

	vhost_tend(nic->vhost);
	tend_address(hp);
	return true;
}

/* ---- change ---- */

static bool
vhost_nic_can_change(const struct config_port *from, const struct config_port *to)
{
	char a[CONFIG_SOCKET_MAX], b[CONFIG_SOCKET_MAX];

	return from->queues == to->queues && from->role == to->role && from->socket_mode == to->socket_mode &&
	       strcmp(from->socket_owner, to->socket_owner) == 0 &&
	       strcmp(config_port_socket(from, a), config_port_socket(to, b)) == 0;
}

static bool
vhost_nic_is_same(const struct config_port *a, const struct config_port *b)
{
	return a->mtu == b->mtu && a->interrupt_moderation == b->interrupt_moderation && a->has_mac == b->has_mac &&
	       mac_equal(&a->mac, &b->mac);
}

/* mac is not asked: without a configured address the guest tells it anew. */
static int
vhost_nic_change(struct host_port *hp, const struct config_port *to, const struct mac *mac, struct err *err)
{
	struct vhost_nic *nic = hp->nic;

	vhost_set_mtu(nic->vhost, to->mtu);
	vhost_set_moderation(nic->vhost, moderation(to));
	if (to->has_mac) {
		hp->mac = to->mac;
	} else if (hp->is.has_mac) {
		memset(&hp->mac, 0, sizeof(hp->mac));
		atomic_store(&hp->port.first_source, 0);
	}
	return 0;
}

static int
vhost_nic_set_spread(struct host_port *hp, const struct spread_rule *rule)
{
	struct vhost_nic *nic = hp->nic;

	return vhost_set_spread(nic->vhost, rule);
}

/* ---- what a person sees ---- */

static uint64_t
vhost_nic_delivered(const struct host_port *hp, unsigned i)
{
	const struct vhost_nic *nic = hp->nic;

	return vhost_delivered(nic->vhost, i);
}

static const char *
vhost_nic_state(const struct host_port *hp)
{
	struct vhost_nic *nic = hp->nic;
	enum vring_fault fault;
	enum vhost_state state = vhost_state(nic->vhost, &fault);

	if (state != VHOST_BROKEN)
		return vhost_state_text(state);
	snprintf(nic->state_text, sizeof(nic->state_text), "%s: %s", vhost_state_text(state), vring_fault_text(fault));
	return nic->state_text;
}

void
host_port_vhost_info(const struct host_port *hp, struct vhost_info *out)
{
	const struct vhost_nic *nic = hp->nic;

	vhost_info(nic->vhost, out);
	if (out->state == VHOST_NO_FRONT_END && nic->connect_error != 0)
		snprintf(out->last_error, sizeof(out->last_error), "cannot connect: %s", strerror(-nic->connect_error));
}

const struct host_medium host_medium_vhost = {
	.open = vhost_nic_open,
	.close = vhost_nic_close,
	.tend = vhost_nic_tend,
	.can_change = vhost_nic_can_change,
	.is_same = vhost_nic_is_same,
	.change = vhost_nic_change,
	.set_spread = vhost_nic_set_spread,
	.delivered = vhost_nic_delivered,
	.state = vhost_nic_state,
};
