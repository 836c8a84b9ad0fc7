/* ixring.c - see ixring.h. */
#include "bench/vfuser/ixring.h"

#include <stdlib.h>
#include <string.h>

#define DESC_LEN 16
#define ALIGN 4096 /* ixgbevf: dma_alloc_coherent */
#define MAC_LEN 14
#define SEGMENT_MAX 16384 /* bytes of a data descriptor (ixgbevf, IXGBE_MAX_DATA_PER_TXD) */

static bool
is_size(unsigned size)
{
	/* A power of two, for the sake of the counts; a device takes any multiple of 8. */
	return size >= 8 && size <= IX_RING_MAX && (size & (size - 1)) == 0;
}

/* The driver's stores before, the device's loads after: wmb() of ixgbevf. */
static void
ring(const struct ix_bell *bell, uint32_t value)
{
	if (bell->at != NULL)
		__atomic_store_n(bell->at, value, __ATOMIC_RELEASE);
	else
		bell->trap(bell->arg, bell->offset, value);
}

/* ---- receive ---- */

int
ix_rx_init(struct ix_rx *rx, struct vuser_mem *mem, unsigned size, uint32_t room)
{
	if (!is_size(size) || room == 0 || room % 1024 != 0)
		return -EINVAL;
	*rx = (struct ix_rx){ .mem = mem, .size = size, .room = room };
	rx->desc = vuser_mem_carve(mem, (uint64_t)size * DESC_LEN, ALIGN);
	rx->token = calloc(size, sizeof(*rx->token));
	if (rx->desc != NULL && rx->token != NULL)
		return 0;
	ix_rx_fini(rx);
	return -ENOMEM;
}

void
ix_rx_reset(struct ix_rx *rx)
{
	rx->put = rx->told = rx->taken = 0;
	memset(rx->desc, 0, (size_t)rx->size * DESC_LEN);
}

void
ix_rx_fini(struct ix_rx *rx)
{
	free(rx->token);
	*rx = (struct ix_rx){ 0 };
}

unsigned
ix_rx_put(struct ix_rx *rx, const uint64_t *token, unsigned n)
{
	unsigned free = rx->size - 1 - ix_rx_held(rx);

	if (n > free)
		n = free;
	for (unsigned i = 0; i < n; i++, rx->put++) {
		union ix_rx_desc *d = &rx->desc[rx->put & (rx->size - 1)];

		rx->token[rx->put & (rx->size - 1)] = token[i];
		d->read.packet = vuser_gpa(rx->mem, (const void *)(uintptr_t)token[i]);
		d->read.header = 0; /* the length of what will be written back */
	}
	return n;
}

void
ix_rx_flush(struct ix_rx *rx)
{
	if (rx->put == rx->told)
		return;
	rx->told = rx->put;
	ring(&rx->bell, rx->put & (rx->size - 1));
}

/* The next one, if it is written back: 1, 0 or -EPROTO. i: how many further. */
static int
look(const struct ix_rx *rx, unsigned i, struct ix_rx_done *done)
{
	unsigned at = (rx->taken + i) & (rx->size - 1);
	union ix_rx_desc d;

	if (i >= rx->told - rx->taken)
		return 0;
	/* Acquire: what it says is there; partner: the device's one store of this word. */
	d.word[1] = __atomic_load_n(&rx->desc[at].word[1], __ATOMIC_ACQUIRE);
	if (d.wb.len == 0)
		return 0;
	d.word[0] = rx->desc[at].word[0];
	if (!(d.wb.status & IX_RX_DD) || d.wb.len > rx->room)
		return -EPROTO;
	*done = (struct ix_rx_done){ rx->token[at], d.wb.status, d.wb.hash, d.wb.len, d.wb.info, d.wb.vlan };
	return 1;
}

int
ix_rx_take(struct ix_rx *rx, struct ix_rx_done *done, unsigned most)
{
	unsigned n = 0;
	int ret = 1;

	while (n < most && (ret = look(rx, n, &done[n])) == 1)
		n++;
	if (ret < 0)
		return ret;
	rx->taken += n;
	return (int)n;
}

int
ix_rx_take_frame(struct ix_rx *rx, struct ix_rx_done *done, unsigned most)
{
	for (unsigned n = 0; n < most; n++) {
		int ret = look(rx, n, &done[n]);

		if (ret <= 0)
			return ret;
		if (done[n].status & IX_RX_EOP) {
			rx->taken += n + 1;
			return (int)n + 1;
		}
	}
	return -ENOBUFS;
}

/* ---- transmit ---- */

int
ix_tx_init(struct ix_tx *tx, struct vuser_mem *mem, unsigned size)
{
	if (!is_size(size))
		return -EINVAL;
	*tx = (struct ix_tx){ .mem = mem, .size = size };
	tx->desc = vuser_mem_carve(mem, (uint64_t)size * DESC_LEN, ALIGN);
	tx->slot = calloc(size, sizeof(*tx->slot));
	if (tx->desc != NULL && tx->slot != NULL)
		return 0;
	ix_tx_fini(tx);
	return -ENOMEM;
}

void
ix_tx_reset(struct ix_tx *tx)
{
	tx->put = tx->told = tx->cleaned = 0;
	memset(tx->desc, 0, (size_t)tx->size * DESC_LEN);
}

void
ix_tx_fini(struct ix_tx *tx)
{
	free(tx->slot);
	*tx = (struct ix_tx){ 0 };
}

static union ix_tx_desc *
next(struct ix_tx *tx)
{
	return &tx->desc[tx->put++ & (tx->size - 1)];
}

/* ixgbevf_tx_ctxtdesc: index 0; 1 for TSO. */
static void
add_context(struct ix_tx *tx, const struct ix_offload *o)
{
	unsigned mac_len = o->mac_len != 0 ? o->mac_len : MAC_LEN;

	next(tx)->context = (typeof(tx->desc->context)){
		.vlan_macip = (uint32_t)o->vlan << 16 | mac_len << 9 | o->ip_len,
		.tucmd = IX_TX_CONTEXT | (o->ipv4 ? IX_TX_IPV4 : 0) | o->l4,
		.mss_l4 = (uint32_t)o->mss << 16 | (uint32_t)o->l4_len << 8 | (o->mss != 0) << 4,
	};
}

/* olinfo of the first data descriptor; total: bytes of the frame. */
static uint32_t
olinfo_of(const struct ix_offload *o, uint32_t total)
{
	uint32_t headers = (o->mac_len != 0 ? o->mac_len : MAC_LEN) + o->ip_len + o->l4_len;

	return (o->mss != 0 ? total - headers : total) << 14 | IX_TX_CC | (o->checksum || o->mss ? IX_TX_TXSM : 0) |
	       (o->mss != 0 && o->ipv4 ? IX_TX_IXSM : 0) | (uint32_t)(o->mss != 0) << 4;
}

int
ix_tx_add(struct ix_tx *tx, const struct ix_part *part, unsigned n, const struct ix_offload *offload, uint64_t token)
{
	static const struct ix_offload none;
	const struct ix_offload *o = offload != NULL ? offload : &none;
	struct ix_tx_slot *slot = &tx->slot[tx->put & (tx->size - 1)];
	uint32_t total = 0, cmd = IX_TX_DATA | (o->insert_vlan ? IX_TX_VLE : 0) | (o->mss != 0 ? IX_TX_TSE : 0);

	if (n == 0 || n > IX_PARTS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		if (part[i].len == 0 || part[i].len > SEGMENT_MAX)
			return -EINVAL;
		total += part[i].len;
	}
	if (n + 1 > ix_tx_room(tx))
		return -ENOSPC;
	*slot = (struct ix_tx_slot){ token, n + 1 };
	add_context(tx, o);
	for (unsigned i = 0; i < n; i++)
		next(tx)->data = (typeof(tx->desc->data)){ part[i].gpa,
							   cmd | part[i].len | (i == n - 1 ? IX_TX_EOP | IX_TX_RS : 0),
							   i == 0 ? olinfo_of(o, total) : 0 };
	return 0;
}

unsigned
ix_tx_put(struct ix_tx *tx, const uint64_t *token, unsigned n, uint32_t len)
{
	unsigned done = 0;

	while (done < n) {
		struct ix_part part = { vuser_gpa(tx->mem, (const void *)(uintptr_t)token[done]), len };

		if (ix_tx_add(tx, &part, 1, NULL, token[done]) < 0)
			break;
		done++;
	}
	return done;
}

void
ix_tx_flush(struct ix_tx *tx)
{
	if (tx->put == tx->told)
		return;
	tx->told = tx->put;
	ring(&tx->bell, tx->put & (tx->size - 1));
}

unsigned
ix_tx_clean(struct ix_tx *tx, uint64_t *token, unsigned most)
{
	unsigned n = 0;

	while (n < most && tx->cleaned != tx->told) {
		const struct ix_tx_slot *slot = &tx->slot[tx->cleaned & (tx->size - 1)];
		const union ix_tx_desc *last = &tx->desc[(tx->cleaned + slot->n - 1) & (tx->size - 1)];

		/* Acquire: the packet was read before this was written. */
		if (!(__atomic_load_n(&last->data.olinfo, __ATOMIC_ACQUIRE) & IX_TX_DD))
			break;
		if (token != NULL)
			token[n] = slot->token;
		tx->cleaned += slot->n;
		n++;
	}
	return n;
}
