/*
 * vf.c - a virtual function from open to close: what a message of its session means for configuration space, registers, mailbox and
 * rings, and what of it control hears. See vf.h.
 *
 *	what happens			rings	interrupts	mailbox		configuration space	address
 *	VFCTRL.RST			stop	as new		as new		stays			stays
 *	RESET message			-	-		as new		stays			stays, if it is still granted
 *	FLR, DEVICE_RESET, client gone	stop	as new		as new		as new			the host's
 *	bus mastering goes off		stop	stay		stays		-			stays
 *
 * Descriptors of vectors are the session's: they stay through resets.
 */
#include "sriov/vf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "base/clock.h"
#include "base/log.h"
#include "sriov/vf_config.h"
#include "sriov/vf_mailbox.h"
#include "sriov/vf_model.h"
#include "sriov/vf_regs.h"
#include "sriov/vf_rings.h"

#define PAGES_SIZE (2 * VF_PAGE_SIZE) /* 1 and 2 */

struct vf {
	struct vf_options is;
	struct queue *queue[VF_PAIRS];
	struct vf_policy policy;
	struct vfio_user *session;
	struct vf_config config;
	struct vf_mailbox mailbox;
	struct vf_interrupt interrupt;
	struct vf_regs regs;
	struct vf_rings *rings;
	uint8_t *pages; /* 1 and 2 of BAR 0 */
	int pages_fd;   /* what the guest maps; -1: it does not */

	bool msix;                 /* a vector had a descriptor since MSI-X was off */
	bool receives;             /* as control was told */
	bool withdrawn;            /* the same */
	bool carrier_asked;        /* since the driver's receive side began, it was asked to look at its link */
	bool rules_due;            /* other than those in force; published before a receive ring runs */
	struct vf_filters filters; /* as control was told */
	const char *told;          /* fault that the log has */
	uint64_t told_ns;
	uint64_t resets;
};

/* ---- what follows from a change ---- */

/* Tells control when the receive side began, ended, or is gone. */
static void
look_at_rings(struct vf *vf)
{
	struct vf_rings_count count;
	bool on, withdrawn;

	vf_rings_count(vf->rings, false, &count);
	on = count.running > 0;
	withdrawn = !on && !vf->msix && !vf_config_is_master(&vf->config);
	if (!on)
		vf->carrier_asked = false;
	if (on == vf->receives && (on || !withdrawn || vf->withdrawn))
		return;
	vf->receives = on;
	vf->withdrawn = withdrawn;
	if (vf->is.receives != NULL)
		vf->is.receives(vf->is.arg, on, withdrawn);
}

static void
publish_rules(struct vf *vf)
{
	struct vf_rx_rules rules;

	vf_regs_rules(&vf->regs, &rules);
	vf->rules_due = vf_rings_set_rules(vf->rings, &rules) < 0; /* no memory: at the next look */
}

/* A driver writes some thirty registers at ifup, and a publication waits for all lanes: one is enough while nothing is received. */
static void
change_rules(struct vf *vf)
{
	vf->rules_due = true;
	if (vf->receives)
		publish_rules(vf);
}

static bool
asks_to_receive(const struct vf *vf)
{
	uint32_t control = 0;

	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		control |= atomic_load_explicit((_Atomic uint32_t *)(void *)(vf->pages + VF_QUEUE(i) + VFRXDCTL),
						memory_order_relaxed);
	return control & VFRXDCTL_ENABLE;
}

static void
sample(struct vf *vf)
{
	if (vf->rules_due && asks_to_receive(vf))
		publish_rules(vf);
	vf_rings_sample(vf->rings);
	look_at_rings(vf);
}

/* A driver may ask for what it has, as often as it likes: that is nobody else's work. */
static void
tell_filters(struct vf *vf)
{
	struct vf_filters filters;

	vf_mailbox_filters(&vf->mailbox, &filters);
	if (memcmp(&filters, &vf->filters, sizeof(filters)) == 0)
		return;
	memcpy(&vf->filters, &filters, sizeof(filters)); /* with its padding */
	if (vf->is.filters_changed != NULL)
		vf->is.filters_changed(vf->is.arg);
}

/* VFCTRL.RST, and what every other reset does. */
static void
reset_queues(struct vf *vf)
{
	vf->resets++;
	vf_rings_stop(vf->rings);
	vf_interrupt_reset(&vf->interrupt);
	vf_regs_reset(&vf->regs);
	vf_mailbox_reset(&vf->mailbox);
	look_at_rings(vf);
	change_rules(vf);
	tell_filters(vf);
}

static void
reset_all(struct vf *vf)
{
	vf_config_init(&vf->config, vf->is.model, &vf->policy.mac);
	vf_mailbox_forget(&vf->mailbox);
	reset_queues(vf);
}

static void
act(struct vf *vf, unsigned effect)
{
	if (effect & VF_REGS_RESET)
		reset_queues(vf);
	if (effect & (VF_REGS_RSS | VF_MAILBOX_FRAME))
		change_rules(vf);
	if (effect & VF_REGS_CONTROL)
		sample(vf);
	if (effect & VF_REGS_TAIL)
		vf_rings_kick(vf->rings);
	if (effect & VF_MAILBOX_FILTERS)
		tell_filters(vf);
	/* At the end of ifup: with this interrupt the driver looks for its carrier at once, not at its next second. */
	if (effect & VF_REGS_UNMASK && vf->receives && !vf->carrier_asked) {
		vf->carrier_asked = true;
		effect |= VF_MAILBOX_CALL;
	}
	if (effect & VF_MAILBOX_CALL)
		vf_interrupt_mailbox(&vf->interrupt);
}

/* ---- the session's questions (struct vfio_device_ops) ---- */

static void
on_region(void *device, unsigned index, struct vfio_region *out)
{
	const struct vf *vf = device;

	if (index == VFIO_REGION_CONFIG) {
		out->size = VF_CONFIG_SIZE;
		out->writable = true;
	} else if (index == VFIO_REGION_BAR0 || index == VFIO_REGION_BAR0 + VF_MSIX_BAR) {
		out->size = VF_BAR_SIZE;
		out->writable = true;
	}
	if (index != VFIO_REGION_BAR0 || vf->pages_fd < 0)
		return;
	out->fd = vf->pages_fd;
	out->n_areas = 1;
	out->area[0] = (struct vfio_area){ VF_RX_PAGE, PAGES_SIZE };
}

static int
on_read(void *device, unsigned region, uint64_t offset, void *bytes, unsigned len)
{
	struct vf *vf = device;

	if (region == VFIO_REGION_BAR0) {
		if (offset >= VF_RX_PAGE && offset < VF_RSS_PAGE)
			vf_rings_show(vf->rings);
		vf_regs_read(&vf->regs, (uint32_t)offset, bytes, len);
		return 0;
	}
	if (region != VFIO_REGION_CONFIG) {
		memset(bytes, 0, len); /* the table is the VMM's, and pending bits are there none */
		return 0;
	}
	vf_config_read(&vf->config, (uint32_t)offset, bytes, len);
	if (offset <= VF_CONFIG_MAC && offset + len > VF_CONFIG_MAC && vf_model_traits(vf->is.model)->hv)
		act(vf, vf_mailbox_hv_reset(&vf->mailbox));
	return 0;
}

static int
on_write(void *device, unsigned region, uint64_t offset, const void *bytes, unsigned len)
{
	struct vf *vf = device;
	unsigned effect;

	if (region == VFIO_REGION_BAR0)
		act(vf, vf_regs_write(&vf->regs, (uint32_t)offset, bytes, len));
	if (region != VFIO_REGION_CONFIG)
		return 0;
	effect = vf_config_write(&vf->config, (uint32_t)offset, bytes, len);
	if (effect & VF_CONFIG_RESET)
		reset_all(vf);
	else if (effect & VF_CONFIG_MASTER_OFF)
		vf_rings_stop(vf->rings);
	look_at_rings(vf);
	return 0;
}

static void
on_set_vector(void *device, unsigned vector, int fd)
{
	struct vf *vf = device;

	vf->msix |= fd >= 0;
	vf_interrupt_set_vector(&vf->interrupt, vector, fd);
}

static void
on_vectors_off(void *device)
{
	struct vf *vf = device;

	vf->msix = false;
	look_at_rings(vf);
}

static void
on_reset(void *device)
{
	reset_all(device);
}

static void
on_sync(void *device)
{
	sample(device);
}

static void
on_memory_goes(void *device, const struct guest_mem *next)
{
	struct vf *vf = device;

	/* A ring whose memory goes under it is broken by the lane that finds it so, and says why. */
	if (next == NULL)
		vf_rings_stop(vf->rings);
	look_at_rings(vf);
}

/* A function that nobody has is as after power-on: there is nothing to do for who comes. */
static void
on_begun(void *device)
{
}

static void
on_ended(void *device, const char *why)
{
	struct vf *vf = device;

	vf->msix = false;
	reset_all(vf);
}

static const struct vfio_device_ops ops = {
	.n_vectors = VF_VECTORS,
	.region = on_region,
	.read = on_read,
	.write = on_write,
	.set_vector = on_set_vector,
	.vectors_off = on_vectors_off,
	.reset = on_reset,
	.sync = on_sync,
	.memory_goes = on_memory_goes,
	.begun = on_begun,
	.ended = on_ended,
};

/* ---- open and close ---- */

/*
 * Pages 1 and 2, and the file that the guest maps them from. Its offsets are those of the BAR; its first page is nobody's. It cannot
 * change its size, so no access of ours meets nothing.
 */
static int
pages_open(struct vf *vf, struct err *err)
{
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	off_t at = 0;

	vf->pages_fd = -1;
	if (!vf->is.trapped) {
		vf->pages_fd = memfd_create("fairlead-doorbells", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (vf->pages_fd < 0 || ftruncate(vf->pages_fd, VF_RX_PAGE + PAGES_SIZE) < 0 ||
		    fcntl(vf->pages_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
			return err_set(err, -errno, "no doorbells for port '%s': %s", vf->is.name, strerror(errno));
		flags = MAP_SHARED;
		at = VF_RX_PAGE;
	}
	vf->pages = mmap(NULL, PAGES_SIZE, prot, flags, vf->pages_fd, at);
	if (vf->pages != MAP_FAILED)
		return 0;
	vf->pages = NULL;
	return err_set(err, -errno, "no doorbells for port '%s': %s", vf->is.name, strerror(errno));
}

static void
pages_close(struct vf *vf)
{
	if (vf->pages != NULL)
		munmap(vf->pages, PAGES_SIZE);
	if (vf->pages_fd >= 0)
		close(vf->pages_fd);
}

static int
rings_open(struct vf *vf, struct err *err)
{
	struct vf_rings_setup setup = {
		.queues = vf->queue,
		.ingress = vf->is.ingress,
		.fixed_rlpml = vf_model_traits(vf->is.model)->fixed_rlpml,
		.trapped = vf->is.trapped,
		.rx_page = vf->pages,
		.tx_page = vf->pages + VF_PAGE_SIZE,
		.mem = vfio_user_memory(vf->session),
		.interrupt = &vf->interrupt,
	};

	vf->rings = vf_rings_new(&setup);
	if (vf->rings == NULL)
		return err_set(err, -ENOMEM, "no memory for the rings of port '%s'", vf->is.name);
	vf_rings_set_rate(vf->rings, vf->policy.rate_mbps);
	publish_rules(vf);
	return 0;
}

static void
destroy(struct vf *vf)
{
	vf_interrupt_fini(&vf->interrupt);
	pages_close(vf);
	free(vf);
}

struct vf *
vf_open(struct session_loop *loop, const struct vf_options *options, int server, struct err *err)
{
	struct vf *vf = calloc(1, sizeof(*vf));
	struct vfio_user_options session = { options->name, &ops, vf };

	if (vf == NULL) {
		close(server);
		err_set(err, -ENOMEM, "no memory for the virtual function of port '%s'", options->name);
		return NULL;
	}
	vf->is = *options;
	memcpy(vf->queue, options->queues, sizeof(vf->queue));
	vf->is.queues = vf->queue;
	vf->policy = options->policy;
	vf->withdrawn = true;
	vf_config_init(&vf->config, vf->is.model, &vf->policy.mac);
	vf_mailbox_init(&vf->mailbox, &vf->is, &vf->policy);
	vf_mailbox_filters(&vf->mailbox, &vf->filters);
	vf_interrupt_init(&vf->interrupt, rte_get_tsc_hz());
	if (pages_open(vf, err) < 0) {
		close(server);
		destroy(vf);
		return NULL;
	}
	vf_regs_init(&vf->regs, vf->is.model, &vf->mailbox, &vf->interrupt, vf->pages);
	vf_regs_set_link(&vf->regs, vf->policy.link, vf->policy.link_mbps);
	vf->session = vfio_user_open(loop, &session, server, err);
	if (vf->session == NULL) {
		destroy(vf);
		return NULL;
	}
	if (rings_open(vf, err) < 0) {
		vfio_user_close(vf->session);
		destroy(vf);
		return NULL;
	}
	return vf;
}

void
vf_close(struct vf *vf)
{
	if (vf == NULL)
		return;
	vf->is.filters_changed = NULL;
	vf->is.receives = NULL;
	vfio_user_end(vf->session, NULL);
	vf_rings_free(vf->rings); /* before the session: lanes look there for memory */
	vfio_user_close(vf->session);
	destroy(vf);
}

struct sink *
vf_sink(struct vf *vf)
{
	return vf_rings_sink(vf->rings);
}

/* ---- what the host changes ---- */

void
vf_set(struct vf *vf, const struct vf_policy *policy)
{
	struct vf_policy former = vf->policy;
	unsigned effect;

	vf->policy = *policy;
	effect = vf_mailbox_policy(&vf->mailbox, &former);
	if (vf_model_traits(vf->is.model)->hv)
		vf_config_set_mac(&vf->config, &policy->mac);
	vf_rings_set_rate(vf->rings, policy->rate_mbps);
	vf_regs_set_link(&vf->regs, policy->link, policy->link_mbps);
	if (former.link != policy->link || former.link_mbps != policy->link_mbps)
		effect |= VF_MAILBOX_CALL;
	act(vf, effect);
}

void
vf_set_ingress(struct vf *vf, struct ingress *ingress)
{
	vf_rings_set_ingress(vf->rings, ingress);
}

/* Once for each fault, and once a second. */
static void
tell_fault(struct vf *vf)
{
	const char *fault = vf_rings_fault(vf->rings);
	uint64_t now = clock_ns();

	if (fault == NULL || fault == vf->told || (vf->told_ns != 0 && now - vf->told_ns < NSEC_PER_S)) {
		if (fault == NULL)
			vf->told = NULL;
		return;
	}
	vf->told = fault;
	vf->told_ns = now;
	log_warn("guest broke a virtual function, which stands until its driver resets it port=%s reason=\"%s\"",
		 vf->is.name, fault);
}

void
vf_tend(struct vf *vf)
{
	vfio_user_tend(vf->session);
	sample(vf);
	vf_rings_show(vf->rings);
	tell_fault(vf);
}

/* ---- what a person sees ---- */

void
vf_filters(const struct vf *vf, struct vf_filters *out)
{
	vf_mailbox_filters(&vf->mailbox, out);
}

static enum vf_state
state_of(const struct vf_info *info)
{
	if (!info->session.connected)
		return VF_NO_CLIENT;
	if (info->fault != NULL)
		return VF_BROKEN;
	return info->rx_rings > 0 ? VF_UP : VF_WAITING;
}

void
vf_info(const struct vf *vf, struct vf_info *out)
{
	struct vf_rings_count count;

	memset(out, 0, sizeof(*out));
	vfio_user_info(vf->session, &out->session);
	out->model = vf->is.model;
	out->fault = vf_rings_fault(vf->rings);
	out->mac = vf->mailbox.mac;
	out->mailbox_api = vf->mailbox.api;
	vf_rings_count(vf->rings, false, &count);
	out->rx_rings = count.running;
	vf_rings_count(vf->rings, true, &count);
	out->tx_rings = count.running;
	out->max_frame = vf_mailbox_max_frame(&vf->mailbox);
	out->interrupts = count_get(&vf->interrupt.sent);
	out->mailbox_messages = vf->mailbox.messages;
	out->resets = vf->resets;
	out->state = state_of(out);
}

uint64_t
vf_delivered(const struct vf *vf, unsigned i)
{
	return vf_rings_delivered(vf->rings, i);
}
