/* edit_queue.c - queues that are moved, or pinned, by hand; see handlers.h. */
#include <errno.h>
#include <string.h>

#include "ctl/handlers.h"

int
queue_move_by_hand(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	json_int_t to = json_integer_value(json_object_get(params, "processor"));
	struct queue *q = named_queue(params, err);
	unsigned from;
	int ret;

	if (q == NULL)
		return -ENOENT;
	if (to >= n_processors) {
		err_set(err, -ENOENT, "no processor %lld", (long long)to);
		err_hint(err, "the host has processors 0 to %u", n_processors - 1);
		err_path(err, "processor");
		return -ENOENT;
	}
	from = queue_processor(q);
	ret = queue_move(q, (unsigned)to);
	if (ret < 0)
		return err_set(err, ret, "queue %u cannot be moved: %s", q->id, strerror(-ret));
	if (from != (unsigned)to)
		balancer_moved_by_hand(q, from);
	*result = json_pack("{s:i, s:i, s:b}", "queue", (int)q->id, "processor", (int)to, "changed",
			    from != (unsigned)to);
	return result_done(result, err);
}

static int
set_pinned(const json_t *params, bool pinned, json_t **result, struct err *err)
{
	struct queue *q = named_queue(params, err);
	bool changed;

	if (q == NULL)
		return -ENOENT;
	changed = q->pinned != pinned;
	queue_pin(q, pinned);
	*result = json_pack("{s:i, s:b, s:b}", "queue", (int)q->id, "pinned", pinned, "changed", changed);
	return result_done(result, err);
}

int
queue_pin_by_hand(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	return set_pinned(params, true, result, err);
}

int
queue_unpin_by_hand(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	return set_pinned(params, false, result, err);
}
