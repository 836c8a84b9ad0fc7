/* vport.c - life and sums of a vport's counters; see vport.h. */
#include "nic/vport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_prefetch.h>

static unsigned lanes = 1;       /* slots: the last one is control's */
static unsigned lanes_used;      /* of the others, so many from the first on may have counted */
static struct vport_totals gone; /* control */

void
vport_set_lanes(unsigned n)
{
	lanes = n + 1;
	lanes_used = 0;
}

void
vport_use_lane(unsigned id)
{
	if (id >= lanes_used)
		lanes_used = id + 1;
}

unsigned
vport_control_lane(void)
{
	return lanes - 1;
}

int
vport_init(struct vport *vp, const char *name)
{
	snprintf(vp->name, sizeof(vp->name), "%s", name);
	vp->stats = aligned_alloc(RTE_CACHE_LINE_SIZE, lanes * sizeof(*vp->stats));
	if (vp->stats == NULL)
		return -ENOMEM;
	memset((void *)vp->stats, 0, lanes * sizeof(*vp->stats));
	return 0;
}

void
vport_fini(struct vport *vp)
{
	struct vport_totals last;

	if (vp->stats == NULL)
		return;
	vport_sum(vp, &last);
	vport_totals_add(&gone, &last);
	free(vp->stats);
	vp->stats = NULL;
}

static void
add_lane(const struct vport_stats *s, struct vport_totals *out)
{
	/* Most lanes never see most vports; what is dropped, or copied, was counted as received or offered before. */
	if (count_get(&s->rx_packets) == 0 && count_get(&s->tx_offered) == 0)
		return;
	out->rx_packets += count_get(&s->rx_packets);
	out->rx_bytes += count_get(&s->rx_bytes);
	out->copies += count_get(&s->copies);
	out->tx_offered += count_get(&s->tx_offered);
	out->tx_packets += count_get(&s->tx_packets);
	out->tx_bytes += count_get(&s->tx_bytes);
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++) {
		uint64_t rx = count_get(&s->rx_drops[r]), tx = count_get(&s->tx_drops[r]);

		out->rx_dropped += rx;
		out->tx_dropped += tx;
		out->drops[r] += rx + tx;
	}
}

void
vport_sum(const struct vport *vp, struct vport_totals *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < lanes_used; i++)
		add_lane(&vp->stats[i], out);
	add_lane(&vp->stats[vport_control_lane()], out);
}

void
vport_prefetch(const struct vport *vp)
{
	for (unsigned i = 0; i < lanes_used; i++)
		rte_prefetch0(&vp->stats[i]);
	rte_prefetch0(&vp->stats[vport_control_lane()]);
}

void
vport_totals_add(struct vport_totals *a, const struct vport_totals *b)
{
	a->rx_packets += b->rx_packets;
	a->rx_bytes += b->rx_bytes;
	a->copies += b->copies;
	a->tx_offered += b->tx_offered;
	a->tx_packets += b->tx_packets;
	a->tx_bytes += b->tx_bytes;
	a->rx_dropped += b->rx_dropped;
	a->tx_dropped += b->tx_dropped;
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		a->drops[r] += b->drops[r];
}

void
vport_sum_gone(struct vport_totals *out)
{
	*out = gone;
}
