/*
 * show_books.c - what became of every frame: the books, and the drops by reason; see handlers.h.
 *
 * Every figure is a counter of its own (vport.h); nothing is computed from what is missing. The host as a whole:
 *
 *	what senders gave + copies made == what receivers took + drops + held
 *
 * On one port, whose sender and whose receiver both have books:
 *
 *	given + meant for it + copies == passed on + copies + taken + drops + held
 *
 * where the sender's half holds by definition (a frame is passed on unless it is dropped) and the receiver's half is
 * the test. The switch holds no frame, so held is what the workers have in their hands at the moment of reading.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/handlers.h"

/*
 * Counters of running workers are not read at one moment: so many looks until all of them agree, where others pass, and so many
 * where all stands still, for a worker may be off its core in the middle of a burst. The pause between them doubles: 3 and
 * 63 ms in all. Our choice.
 */
#define LOOKS_MOVING 3
#define LOOKS_STILL 7
#define PAUSE_US 1000

struct book {
	uint64_t offered, copies, delivered, dropped;
};

/* ---- which vports there are ---- */

/* What passed between VFs and the external switch of an adapter, if there were any. */
static const struct vport *
vfs_of(const struct adapter *a)
{
	return a->nicswitch != NULL ? nicswitch_vport(a->nicswitch) : NULL;
}

/* The i-th vport of the host: uplinks first, then ports. NULL behind the last. */
static const struct vport *
nth_vport(const struct host *host, unsigned i)
{
	const struct vport *vfs;

	for (unsigned s = 0; s < host->n_switches; s++) {
		if (host->switches[s]->adapter == NULL)
			continue;
		if (i == 0)
			return &host->switches[s]->adapter->wire;
		i--;
		vfs = vfs_of(host->switches[s]->adapter);
		if (vfs == NULL)
			continue;
		if (i == 0)
			return vfs;
		i--;
	}
	return i < host->n_ports ? &host->ports[i]->vport : NULL;
}

/* ---- one look ---- */

static void
book_of_port(const struct vport_totals *t, struct book *out)
{
	*out = (struct book){
		.offered = t->rx_packets + t->tx_offered,
		.copies = t->copies,
		.delivered = t->rx_packets - t->rx_dropped + t->copies + t->tx_packets,
		.dropped = t->rx_dropped + t->tx_dropped,
	};
}

static void
sum_all(const struct host *host, struct vport_totals *out)
{
	struct vport_totals one;
	const struct vport *vp;

	vport_sum_gone(out);
	for (unsigned i = 0; (vp = nth_vport(host, i)) != NULL; i++) {
		vport_sum(vp, &one);
		vport_totals_add(out, &one);
	}
}

/* First what came out, then what went in: a frame that passes meanwhile is then one on its way, not one too many. */
static void
book_of_host(const struct host *host, struct book *out)
{
	struct vport_totals ends, begins;

	sum_all(host, &ends);
	sum_all(host, &begins);
	*out = (struct book){
		.offered = begins.rx_packets,
		.copies = begins.copies,
		.delivered = ends.tx_packets,
		.dropped = ends.rx_dropped + ends.tx_dropped,
	};
}

/* vp NULL: the host. */
static void
look(const struct host *host, const struct vport *vp, struct book *out)
{
	struct vport_totals t;

	if (vp == NULL) {
		book_of_host(host, out);
		return;
	}
	vport_sum(vp, &t);
	book_of_port(&t, out);
}

static int64_t
missing(const struct book *b)
{
	return (int64_t)(b->offered + b->copies - b->delivered - b->dropped);
}

/* ---- until it agrees ---- */

struct reading {
	const struct vport *vp; /* NULL: the host */
	struct book first, now;
};

static bool
is_moving(const struct reading *r)
{
	return memcmp(&r->first, &r->now, sizeof(r->now)) != 0;
}

/* Looks at all, then again at those that do not agree. */
static void
read_all(const struct host *host, struct reading *r, unsigned n)
{
	bool again = true;

	for (unsigned looks = 0; looks < LOOKS_STILL && again; looks++) {
		if (looks > 0)
			usleep(PAUSE_US << (looks - 1));
		again = false;
		for (unsigned i = 0; i < n; i++) {
			if (looks > 0 && missing(&r[i].now) == 0)
				continue;
			look(host, r[i].vp, &r[i].now);
			if (looks == 0)
				r[i].first = r[i].now;
			again |= missing(&r[i].now) != 0 && (looks + 1 < LOOKS_MOVING || !is_moving(&r[i]));
		}
	}
}

/* Frames that are missing while others pass are on their way; when all stands still they are not, and the books say so. */
static void
put_book(struct rpc_text *out, const struct reading *r)
{
	const struct book *b = &r->now;
	int64_t held = is_moving(r) && missing(b) > 0 ? missing(b) : 0;

	put_text(out, "port", r->vp != NULL ? r->vp->name : NULL);
	put_count(out, "offered", b->offered);
	put_count(out, "copies", b->copies);
	put_count(out, "delivered", b->delivered);
	put_count(out, "dropped", b->dropped);
	put_int(out, "held", held);
	put_bool(out, "balanced", missing(b) == held);
}

/* r: n readings, the first of what was asked for, the others of the ports in it. */
static void
put_books(struct rpc_text *out, const struct reading *r, unsigned n)
{
	put_object(out, NULL);
	put_book(out, &r[0]);
	put_list(out, "ports");
	for (unsigned i = 1; i < n; i++) {
		put_object(out, NULL);
		put_book(out, &r[i]);
		put_object_end(out);
	}
	put_list_end(out);
	put_object_end(out);
}

static int
stats_of_port(const struct host *host, const struct vport *vp, struct rpc_text *out)
{
	struct reading r = { .vp = vp };

	read_all(host, &r, 1);
	put_books(out, &r, 1);
	return 0;
}

static int
stats_of_host(const struct host *host, struct rpc_text *out, struct err *err)
{
	struct reading *r = calloc(2 * host->n_switches + host->n_ports + 2, sizeof(*r));
	unsigned n = 1;

	if (r == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	for (; (r[n].vp = nth_vport(host, n - 1)) != NULL; n++)
		;
	read_all(host, r, n);
	put_books(out, r, n);
	free(r);
	return 0;
}

int
stats_show(void *ctx, const json_t *params, struct rpc_text *out, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	const struct vport *vp;

	if (json_object_get(params, "port") == NULL)
		return stats_of_host(host, out, err);
	vp = named_vport(host, params, err);
	return vp != NULL ? stats_of_port(host, vp, out) : -ENOENT;
}

/* ---- drops ---- */

/* with_zero: the reasons that never happened, too. */
static void
put_drops(struct rpc_text *out, const struct vport *vp, bool with_zero)
{
	struct vport_totals t;

	vport_sum(vp, &t);
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++) {
		if (!with_zero && t.drops[r] == 0)
			continue;
		put_object(out, NULL);
		put_text(out, "port", vp->name);
		put_text(out, "reason", drop_reason_name(r));
		put_count(out, "count", t.drops[r]);
		put_text(out, "means", drop_reason_text(r));
		put_object_end(out);
	}
}

int
drops_list(void *ctx, const json_t *params, struct rpc_text *out, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	const struct vport *vp = NULL;

	if (json_object_get(params, "port") != NULL) {
		vp = named_vport(host, params, err);
		if (vp == NULL)
			return -ENOENT;
	}
	put_list(out, NULL);
	if (vp != NULL)
		put_drops(out, vp, true);
	else
		for (unsigned i = 0; (vp = nth_vport(host, i)) != NULL; i++)
			put_drops(out, vp, false);
	put_list_end(out);
	return 0;
}
