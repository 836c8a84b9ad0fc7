/* ixvf.c - a tiny driver of a virtual function; see ixvf.h. */
#include "bench/vfuser/ixvf.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define COMMAND 4            /* of the configuration space: PCI Local Bus Specification 3.0, 6.1 */
#define COMMAND_BITS 0x0406u /* memory, bus master, no INTx */
#define HYPER_V_MAC 0x201    /* ixgbevf: IXGBE_PCI_MAC of an _HV function, a byte each */
#define MAX_FRAME 1518       /* MTU 1500 */
#define PATIENCE_MS 1000     /* ixgbevf: IXGBE_VF_MBX_INIT_TIMEOUT polls of 500 us */
#define EITR_START 0xc8u     /* 50 us (ixgbevf, IXGBE_20K_ITR) */

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- registers ---- */

/* Where a register can be reached without a message; NULL: nowhere. */
static uint32_t *
mapped(const struct ixvf *v, uint32_t offset)
{
	unsigned page = offset / IX_PAGE;

	if (page < 1 || page > 2 || v->page[page - 1] == NULL)
		return NULL;
	return (uint32_t *)(void *)(v->page[page - 1] + offset % IX_PAGE);
}

uint32_t
ixvf_read(struct ixvf *v, uint32_t offset)
{
	const uint32_t *at = mapped(v, offset);
	uint32_t value = UINT32_MAX;
	int err;

	if (at != NULL)
		return __atomic_load_n(at, __ATOMIC_ACQUIRE);
	v->traps++;
	err = vfuser_read(&v->vmm, 0, offset, &value, sizeof(value));
	if (err < 0)
		v->failed = err;
	return err < 0 ? UINT32_MAX : value;
}

/* A message, answered or not: QEMU posts where no page is mapped. */
static void
trap(void *arg, uint32_t offset, uint32_t value)
{
	struct ixvf *v = arg;
	int err = v->page[0] == NULL ? vfuser_post(&v->vmm, 0, offset, &value, sizeof(value))
				     : vfuser_write(&v->vmm, 0, offset, &value, sizeof(value));

	v->traps++;
	if (err < 0)
		v->failed = err;
}

void
ixvf_write(struct ixvf *v, uint32_t offset, uint32_t value)
{
	uint32_t *at = mapped(v, offset);

	if (at != NULL)
		__atomic_store_n(at, value, __ATOMIC_RELEASE);
	else
		trap(v, offset, value);
}

/* ---- the VMM ---- */

static int
map_pages(struct ixvf *v)
{
	int err = vfuser_region(&v->vmm, 0, &v->bar);

	if (err < 0 || v->is.trapped)
		return err;
	for (unsigned i = 0; i < v->bar.n_areas; i++) {
		uint64_t first = v->bar.area[i].offset, end = first + v->bar.area[i].size;
		uint8_t *va;

		if (first < IX_PAGE || end > 3ull * IX_PAGE)
			return -EPROTO; /* registers with effects */
		va = vfuser_map_area(&v->bar, i);
		if (va == NULL)
			return -ENOMEM;
		for (uint64_t at = first; at < end; at += IX_PAGE)
			v->page[at / IX_PAGE - 1] = va + (at - first);
	}
	return (v->page[0] == NULL) == (v->page[1] == NULL) ? 0 : -EPROTO;
}

static int
give_vectors(struct ixvf *v)
{
	for (unsigned i = 0; i < IXVF_VECTORS; i++) {
		v->vector[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->vector[i] < 0)
			return -errno;
	}
	return vfuser_vectors(&v->vmm, 0, v->vector, IXVF_VECTORS);
}

int
ixvf_attach(struct ixvf *v, const struct ixvf_options *o, struct vuser_mem *mem)
{
	uint16_t ids[2], command = COMMAND_BITS;
	int err;

	v->is = *o;
	v->mem = mem;
	v->bar.fd = v->vmm.stream.sock = -1;
	for (unsigned i = 0; i < IXVF_VECTORS; i++)
		v->vector[i] = -1;
	if (o->n_pairs < 1 || o->n_pairs > IXVF_PAIRS)
		return -EINVAL;
	err = vfuser_connect(&v->vmm, o->path);
	if (err == 0)
		err = vfuser_negotiate(&v->vmm, NULL);
	if (err == 0)
		err = vfuser_share(&v->vmm, mem);
	if (err == 0)
		err = map_pages(v);
	if (err == 0)
		err = vfuser_read(&v->vmm, VFUSER_CONFIG, 0, ids, sizeof(ids));
	if (err == 0)
		err = vfuser_reset(&v->vmm);
	if (err == 0)
		err = vfuser_write(&v->vmm, VFUSER_CONFIG, COMMAND, &command, sizeof(command));
	if (err == 0)
		err = give_vectors(v);
	if (err < 0)
		ixvf_close(v);
	else
		v->device_id = ids[1];
	return err;
}

void
ixvf_close(struct ixvf *v)
{
	vfuser_close(&v->vmm);
	for (unsigned i = 0; i < 2; i++)
		if (v->page[i] != NULL)
			munmap(v->page[i], IX_PAGE);
	v->page[0] = v->page[1] = NULL;
	if (v->bar.fd >= 0)
		close(v->bar.fd);
	v->bar.fd = -1;
	for (unsigned i = 0; i < IXVF_VECTORS; i++) {
		if (v->vector[i] >= 0)
			close(v->vector[i]);
		v->vector[i] = -1;
	}
	for (unsigned i = 0; i < IXVF_PAIRS; i++) {
		ix_rx_fini(&v->rx[i]);
		ix_tx_fini(&v->tx[i]);
	}
}

/* ---- mailbox ---- */

/* Until one of the bits is set; 0, -ETIMEDOUT, or why an access failed. */
static int
wait_mailbox(struct ixvf *v, uint32_t bits)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while (!(ixvf_read(v, IX_MAILBOX) & bits)) {
		if (v->failed < 0)
			return v->failed;
		if (now_ms() > end)
			return -ETIMEDOUT;
	}
	return v->failed;
}

static int
lock_mailbox(struct ixvf *v)
{
	ixvf_write(v, IX_MAILBOX, IX_MB_VFU);
	return wait_mailbox(v, IX_MB_VFU);
}

int
ixvf_message(struct ixvf *v, uint32_t *words, unsigned n, unsigned answer)
{
	uint32_t request = words[0];
	int err;

	if (n > IX_MB_WORDS || answer > IX_MB_WORDS || answer == 0)
		return -EINVAL;
	v->failed = 0;
	err = lock_mailbox(v);
	if (err < 0)
		return err;
	for (unsigned i = 0; i < n; i++)
		ixvf_write(v, IX_MBMEM + 4 * i, words[i]);
	ixvf_write(v, IX_MAILBOX, IX_MB_REQ);
	err = wait_mailbox(v, IX_MB_PFSTS);
	if (err == 0)
		err = lock_mailbox(v);
	if (err < 0)
		return err;
	for (unsigned i = 0; i < answer; i++)
		words[i] = ixvf_read(v, IX_MBMEM + 4 * i);
	ixvf_write(v, IX_MAILBOX, IX_MB_ACK);
	if (v->failed < 0)
		return v->failed;
	if (words[0] & IX_MSG_FAILURE)
		return -EREMOTEIO;
	return (words[0] & ~IX_MSG_CTS) == (request | IX_MSG_SUCCESS) ? 0 : -EPROTO;
}

int
ixvf_set_vlan(struct ixvf *v, unsigned vid, bool on)
{
	uint32_t words[] = { IX_MSG_SET_VLAN | (uint32_t)on << 16, vid };

	return ixvf_message(v, words, 2, 2);
}

int
ixvf_set_mac(struct ixvf *v, const uint8_t *mac)
{
	uint32_t words[3] = { IX_MSG_SET_MAC };

	memcpy(&words[1], mac, 6);
	return ixvf_message(v, words, 3, 3);
}

int
ixvf_set_xcast(struct ixvf *v, unsigned mode)
{
	uint32_t words[] = { IX_MSG_XCAST, mode };

	return ixvf_message(v, words, 2, 2);
}

int
ixvf_set_max_frame(struct ixvf *v, unsigned bytes)
{
	uint32_t words[] = { IX_MSG_SET_LPE, bytes };

	return ixvf_message(v, words, 2, 2);
}

/* ---- probe ---- */

int
ixvf_reset(struct ixvf *v)
{
	uint32_t words[4] = { IX_MSG_RESET };
	uint64_t end = now_ms() + PATIENCE_MS;
	int err;

	v->failed = 0;
	if (v->is.hyper_v) {
		for (unsigned i = 0; i < 6; i++) {
			err = vfuser_read(&v->vmm, VFUSER_CONFIG, HYPER_V_MAC + i, &v->mac[i], 1);
			if (err < 0)
				return err;
		}
		return 0;
	}
	for (unsigned i = 0; i < IXVF_PAIRS; i++)
		ixvf_rx_stop(v, i);
	ixvf_read(v, IX_STATUS);
	ixvf_write(v, IX_EIMC, 7);
	ixvf_read(v, IX_EICR);
	for (unsigned i = 0; i < IXVF_PAIRS; i++)
		ixvf_tx_stop(v, i);
	ixvf_write(v, IX_CTRL, IX_CTRL_RST);
	ixvf_read(v, IX_STATUS);
	while (v->failed == 0 && (ixvf_read(v, IX_MAILBOX) & IX_MB_RESETS))
		if (now_ms() > end)
			return -ETIMEDOUT;
	if (v->failed < 0)
		return v->failed;
	err = ixvf_message(v, words, 1, 4);
	if (err == 0 && words[0] != (IX_MSG_RESET | IX_MSG_SUCCESS))
		err = -EPROTO; /* "CTS" is not to be said here */
	if (err == 0)
		memcpy(v->mac, &words[1], 6);
	return err;
}

/* From the newest on, as ixgbevf tries them. */
static int
agree_on_api(struct ixvf *v)
{
	static const struct {
		unsigned api;
		uint32_t word;
	} apis[] = { { 17, 8 }, { 16, 7 }, { 15, 6 }, { 14, 5 }, { 13, 4 }, { 12, 3 }, { 11, 2 }, { 10, 0 } };

	for (unsigned i = 0; i < sizeof(apis) / sizeof(apis[0]); i++) {
		uint32_t words[3] = { IX_MSG_API, apis[i].word, 0 };
		int err = ixvf_message(v, words, 3, 3);

		if (err == 0)
			v->api = apis[i].api;
		if (err != -EREMOTEIO)
			return err;
	}
	return -EREMOTEIO;
}

int
ixvf_begin(struct ixvf *v)
{
	uint32_t features[2] = { IX_MSG_FEATURES, 1 }, queues[5] = { IX_MSG_GET_QUEUE };
	int err = ixvf_reset(v);

	if (err < 0 || v->is.hyper_v)
		return err;
	err = agree_on_api(v);
	if (err == 0 && v->api == 17) {
		err = ixvf_message(v, features, 2, 2);
		v->features = features[1];
	}
	if (err == 0 && v->api >= 11)
		err = ixvf_message(v, queues, 5, 5);
	return err;
}

/* ---- up ---- */

static void
write_base(struct ixvf *v, uint32_t block, const void *desc, unsigned size)
{
	uint64_t gpa = vuser_gpa(v->mem, desc);

	ixvf_write(v, block + IX_DBAL, (uint32_t)gpa);
	ixvf_write(v, block + IX_DBAH, (uint32_t)(gpa >> 32));
	ixvf_write(v, block + IX_DLEN, size * (uint32_t)sizeof(union ix_rx_desc));
}

static struct ix_bell
bell_of(struct ixvf *v, uint32_t offset)
{
	return (struct ix_bell){ mapped(v, offset), trap, v, offset };
}

void
ixvf_rx_start(struct ixvf *v, unsigned i)
{
	uint32_t block = IX_RX(i), limit = v->is.rx_limit != 0 ? IX_RXDCTL_RLPML_EN | v->is.rx_limit : 0;

	ixvf_rx_stop(v, i);
	ix_rx_reset(&v->rx[i]);
	v->rx[i].bell = bell_of(v, block + IX_DT);
	write_base(v, block, v->rx[i].desc, v->rx[i].size);
	ixvf_write(v, block + IX_DCA, IX_RX_DCA);
	ixvf_write(v, block + IX_DH, 0);
	ixvf_write(v, block + IX_DT, 0);
	ixvf_write(v, block + IX_SRRCTL, IX_SRRCTL_DROP | v->rx[i].room / 1024);
	ixvf_write(v, block + IX_DCTL, IX_RXDCTL_ENABLE | IX_RXDCTL_VME | limit);
	ixvf_read(v, block + IX_DCTL);
}

void
ixvf_rx_stop(struct ixvf *v, unsigned i)
{
	uint32_t block = IX_RX(i), value = ixvf_read(v, block + IX_DCTL);

	if (value & IX_RXDCTL_ENABLE)
		ixvf_write(v, block + IX_DCTL, value & ~IX_RXDCTL_ENABLE);
	ixvf_read(v, block + IX_DCTL);
}

void
ixvf_tx_start(struct ixvf *v, unsigned i)
{
	uint32_t block = IX_TX(i);

	ixvf_tx_stop(v, i);
	ix_tx_reset(&v->tx[i]);
	v->tx[i].bell = bell_of(v, block + IX_DT);
	write_base(v, block, v->tx[i].desc, v->tx[i].size);
	ixvf_write(v, block + IX_DWBAH, 0);
	ixvf_write(v, block + IX_DWBAL, 0);
	ixvf_write(v, block + IX_DCA, IX_TX_DCA);
	ixvf_write(v, block + IX_DH, 0);
	ixvf_write(v, block + IX_DT, 0);
	ixvf_write(v, block + IX_DCTL, IX_TXDCTL_ENABLE);
	ixvf_read(v, block + IX_DCTL);
}

void
ixvf_tx_stop(struct ixvf *v, unsigned i)
{
	ixvf_write(v, IX_TX(i) + IX_DCTL, IX_TXDCTL_FLUSH);
	ixvf_read(v, IX_STATUS);
}

static int
make_rings(struct ixvf *v)
{
	int err = 0;

	for (unsigned i = 0; err == 0 && i < v->is.n_pairs; i++) {
		if (v->rx[i].desc == NULL)
			err = ix_rx_init(&v->rx[i], v->mem, v->is.rx_size, v->is.rx_room);
		if (err == 0 && v->tx[i].desc == NULL)
			err = ix_tx_init(&v->tx[i], v->mem, v->is.tx_size);
	}
	return err;
}

/* Every other entry of X550's own table to the second queue; other functions have page 3 for nothing. */
static void
write_rss(struct ixvf *v)
{
	bool two = v->is.n_pairs == 2;

	ixvf_write(v, IX_PSRTYPE, two ? IX_PSRTYPE_TWO : IX_PSRTYPE_ONE);
	for (unsigned i = 0; i < 10; i++)
		ixvf_write(v, IX_RSSRK + 4 * i, 0x6d5a56da + i * 0x01010101);
	for (unsigned i = 0; i < 16; i++)
		ixvf_write(v, IX_RETA + 4 * i, two ? 0x01000100 : 0);
	ixvf_write(v, IX_MRQC, IX_MRQC_RSS);
}

static void
route_interrupts(struct ixvf *v)
{
	uint32_t all = (1u << (v->is.n_pairs + 1)) - 1;

	ixvf_read(v, IX_IVAR);
	/* Vector 0 for both of queue 0, 1 for both of queue 1. */
	ixvf_write(v, IX_IVAR, v->is.n_pairs == 2 ? 0x81818080u : 0x8080u);
	for (unsigned i = 0; i < v->is.n_pairs; i++)
		ixvf_write(v, IX_EITR + 4 * i, EITR_START | IX_EITR_CNT_WDIS);
	ixvf_write(v, IX_IVAR_MISC, v->is.n_pairs | IX_IVAR_VALID);
	ixvf_read(v, IX_EICR);
	ixvf_write(v, IX_EIAM, all);
	ixvf_write(v, IX_EIAC, all);
	ixvf_write(v, IX_EIMS, all);
}

int
ixvf_up(struct ixvf *v)
{
	uint32_t link[2] = { IX_MSG_LINK_STATE, 0 };
	int err = make_rings(v);

	if (err < 0)
		return err;
	v->failed = 0;
	for (unsigned i = 0; i < v->is.n_pairs; i++)
		ixvf_tx_start(v, i);
	write_rss(v);
	if (!v->is.hyper_v) {
		err = ixvf_set_max_frame(v, v->is.max_frame != 0 ? v->is.max_frame : MAX_FRAME);
		if (err < 0)
			return err;
	}
	for (unsigned i = 0; i < v->is.n_pairs; i++)
		ixvf_rx_start(v, i);
	if (!v->is.hyper_v) {
		err = ixvf_set_mac(v, v->mac);
		if (err == 0)
			err = ixvf_message(v, link, 2, 2);
		if (err < 0)
			return err;
	}
	route_interrupts(v);
	return v->failed;
}

int
ixvf_down(struct ixvf *v)
{
	v->failed = 0;
	for (unsigned i = 0; i < v->is.n_pairs; i++)
		ixvf_rx_stop(v, i);
	ixvf_write(v, IX_EIAM, 0);
	ixvf_write(v, IX_EIMC, UINT32_MAX);
	ixvf_write(v, IX_EIAC, 0);
	ixvf_read(v, IX_STATUS);
	for (unsigned i = 0; i < v->is.n_pairs; i++)
		ixvf_tx_stop(v, i);
	return v->failed < 0 ? v->failed : ixvf_begin(v);
}

int
ixvf_open(struct ixvf *v, const struct ixvf_options *o, struct vuser_mem *mem)
{
	int err = ixvf_attach(v, o, mem);

	if (err < 0)
		return err;
	err = ixvf_begin(v);
	if (err == 0)
		err = ixvf_up(v);
	if (err < 0)
		ixvf_close(v);
	return err;
}

/* ---- interrupts ---- */

void
ixvf_unmask(struct ixvf *v, unsigned vector)
{
	ixvf_write(v, IX_EIMS, 1u << vector);
}

uint64_t
ixvf_wait(struct ixvf *v, unsigned vector, unsigned ms)
{
	uint64_t end = now_ms() + ms, count = 0;

	for (;;) {
		struct pollfd p = { .fd = v->vector[vector], .events = POLLIN };
		int64_t left = (int64_t)(end - now_ms());
		int step = v->vmm.stream.idle != NULL && left > 1 ? 1 : (int)left;

		if (v->vmm.stream.idle != NULL)
			v->vmm.stream.idle(v->vmm.stream.idle_arg);
		if (poll(&p, 1, step > 0 ? step : 0) == 1 && read(v->vector[vector], &count, sizeof(count)) > 0)
			return count;
		if (left <= 0)
			return 0;
	}
}
