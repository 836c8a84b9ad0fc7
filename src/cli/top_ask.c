/* top_ask.c - rounds of questions to the daemon; see top_ask.h. */
#include "cli/top_ask.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/top_clock.h"

/*
 * Processors and queues are looked at in every round. What changes by commands alone is asked seldom, and at once after a change of our own:
 * with 1000 ports these answers cost the daemon more than all else. The books take it some milliseconds while frames are on their way.
 * Our choice.
 */
#define SECOND_NS 1000000000ull
#define SELDOM_NS (3 * SECOND_NS)
#define PATIENCE_NS (3 * SECOND_NS) /* then a person is told that nothing comes */
#define CONNECT_S 1
#define ID_CHANGE 1000 /* above the numbers of the parts */

static const struct {
	const char *method;
	uint64_t period_ns; /* at least between two askings; 0: every round */
} parts[TOP_PARTS] = {
	[TOP_PROCESSORS] = { "processor.list", 0 }, [TOP_QUEUES] = { "queue.list", 0 },
	[TOP_ADAPTERS] = { "adapter.list", 0 },     [TOP_ADAPTER] = { "adapter.show", 0 },
	[TOP_MOVES] = { "vmq.watch", 0 },           [TOP_DROPS] = { "drops", SECOND_NS },
	[TOP_BOOKS] = { "stats.show", SELDOM_NS },  [TOP_RSS] = { "rss.list", SELDOM_NS },
	[TOP_VRSS] = { "vrss.list", SELDOM_NS },    [TOP_PORTS] = { "port.list", SELDOM_NS },
};

struct top_ask {
	const char *path;
	struct client *client; /* NULL: no connection */
	bool fresh;            /* that one: nothing was asked by it yet */
	unsigned waiting;      /* answers of the round that are still to come */
	uint64_t round_ns;     /* when it began */
	bool late;             /* and that it takes long was said */
	bool lacks[TOP_PARTS]; /* the daemon has no such method */
	uint64_t asked_ns[TOP_PARTS];
	struct top_call call; /* under way while its method is not NULL */
	struct err lost;      /* why there is no connection */
};

struct top_ask *
top_ask_new(const char *path)
{
	struct top_ask *ask = calloc(1, sizeof(*ask));

	if (ask != NULL)
		ask->path = path;
	return ask;
}

static void
forget_call(struct top_ask *ask)
{
	json_decref(ask->call.params);
	ask->call = (struct top_call){ 0 };
}

/* Nothing is known of the next daemon. */
static void
disconnect(struct top_ask *ask)
{
	client_close(ask->client);
	forget_call(ask);
	*ask = (struct top_ask){ .path = ask->path };
}

void
top_ask_free(struct top_ask *ask)
{
	if (ask == NULL)
		return;
	disconnect(ask);
	free(ask);
}

void
top_ask_everything(struct top_ask *ask)
{
	memset(ask->asked_ns, 0, sizeof(ask->asked_ns));
}

static void
lost(struct top_ask *ask, struct top_view *v, const struct err *err)
{
	disconnect(ask);
	ask->lost = *err;
	v->connected = false;
	top_say(v, TOP_REFUSED, "no daemon; trying again (%s)", err->msg);
}

bool
top_ask_connect(struct top_ask *ask, struct top_view *v)
{
	struct err err = { 0 };

	if (ask->client != NULL)
		return true;
	if (client_open(ask->path, CONNECT_S, &ask->client, &err) < 0) {
		lost(ask, v, &err);
		return false;
	}
	if (!v->connected)
		v->said[0] = '\0';
	v->connected = true;
	ask->fresh = true;
	return true;
}

/* params is taken over. */
static int
ask_part(struct top_ask *ask, enum top_part part, json_t *params, struct err *err)
{
	const struct schema_method *method = schema_method_by_name(parts[part].method);
	int rc = params == NULL ? -ENOMEM : client_send(ask->client, method, params, (int)part, err);

	json_decref(params);
	if (rc == 0)
		ask->waiting++;
	return rc;
}

static bool
is_due(const struct top_ask *ask, enum top_part part, uint64_t now_ns)
{
	if (ask->lacks[part] || schema_method_by_name(parts[part].method) == NULL)
		return false;
	return ask->asked_ns[part] == 0 || now_ns - ask->asked_ns[part] >= parts[part].period_ns;
}

static int
ask_each_adapter(struct top_ask *ask, const struct top_model *m, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < m->n_adapters && rc == 0; i++)
		rc = ask_part(ask, TOP_ADAPTER, json_pack("{s:s}", "adapter", m->adapters[i].name), err);
	return rc;
}

static int
ask_all(struct top_ask *ask, const struct top_model *m, uint64_t now_ns, struct err *err)
{
	json_int_t last = (json_int_t)top_model_last_move(m);
	int rc = 0;

	for (enum top_part part = 0; part < TOP_PARTS && rc == 0; part++) {
		if (!is_due(ask, part, now_ns))
			continue;
		ask->asked_ns[part] = now_ns;
		if (part == TOP_ADAPTER)
			rc = ask_each_adapter(ask, m, err);
		else
			rc = ask_part(ask, part, part == TOP_MOVES ? json_pack("{s:I}", "since", last) : json_object(),
				      err);
	}
	return rc;
}

void
top_ask_round(struct top_ask *ask, struct top_model *m, struct top_view *v, uint64_t now_ns)
{
	struct err err = { 0 };

	if (ask->waiting > 0) {
		ask->late = now_ns - ask->round_ns >= PATIENCE_NS;
		if (ask->late)
			top_say(v, TOP_REFUSED, "the daemon has not answered for %u s",
				(unsigned)((now_ns - ask->round_ns) / SECOND_NS));
		return;
	}
	if (!top_ask_connect(ask, v))
		return;
	if (ask->fresh)
		top_model_clear(m);
	ask->fresh = false;
	ask->round_ns = now_ns;
	if (ask_all(ask, m, now_ns, &err) < 0)
		lost(ask, v, &err);
}

void
top_ask_change(struct top_ask *ask, const struct top_call *call, struct top_view *v)
{
	struct err err = { 0 };

	if (ask->client == NULL || ask->call.method != NULL) {
		json_decref(call->params);
		top_say(v, TOP_REFUSED, "%s unchanged: %s", call->object,
			ask->client == NULL ? "no daemon" : "the last change is still on its way");
		return;
	}
	ask->call = *call;
	if (client_send(ask->client, call->method, call->params, ID_CHANGE, &err) < 0)
		lost(ask, v, &err);
}

int
top_ask_fd(const struct top_ask *ask)
{
	return ask->client != NULL ? client_fd(ask->client) : -1;
}

/* An adapter may have gone since it was listed, and a daemon may be older than we are; everything else is told. */
static bool
part_refused(struct top_ask *ask, enum top_part part, const struct client_answer *answer, struct top_view *v)
{
	if (answer->unknown)
		ask->lacks[part] = true;
	if (answer->unknown || part == TOP_ADAPTER)
		return false;
	top_say(v, TOP_REFUSED, "%s: %s", parts[part].method, answer->why.msg);
	return true;
}

/* Returns true when something was said, or the round is complete. */
static bool
take_answer(struct top_ask *ask, const struct client_answer *answer, struct top_model *m, struct top_view *v,
	    uint64_t now_ns)
{
	bool said = ask->late;

	if (ask->late)
		v->said[0] = '\0';
	ask->late = false;
	if (answer->id == ID_CHANGE && ask->call.method != NULL) {
		top_keys_answered(v, &ask->call, answer->result, &answer->why);
		forget_call(ask);
		top_ask_everything(ask);
		return true;
	}
	if (answer->id < 0 || answer->id >= TOP_PARTS || ask->waiting == 0)
		return false;
	ask->waiting--;
	if (answer->result == NULL)
		said |= part_refused(ask, (enum top_part)answer->id, answer, v);
	else if (top_model_take(m, (enum top_part)answer->id, answer->result, now_ns) < 0)
		top_say(v, TOP_REFUSED, "out of memory");
	return said || ask->waiting == 0;
}

bool
top_ask_read(struct top_ask *ask, struct top_model *m, struct top_view *v, uint64_t now_ns)
{
	struct client_answer answer;
	struct err err = { 0 };
	bool changed = false;
	int rc = 0;

	while (ask->client != NULL && (rc = client_receive(ask->client, false, &answer, &err)) > 0) {
		changed |= take_answer(ask, &answer, m, v, now_ns);
		json_decref(answer.result);
		if (answer.id >= 0)
			continue;
		rc = err_set(&err, -EBUSY, "%s",
			     answer.why.msg); /* it has no place for us, and says so before it closes */
		break;
	}
	if (rc < 0)
		lost(ask, v, &err);
	return changed || rc < 0;
}

int
top_ask_wait(struct top_ask *ask, struct top_model *m, struct top_view *v, int timeout_s, struct err *err)
{
	while (ask->waiting > 0) {
		struct pollfd p = { .fd = top_ask_fd(ask), .events = POLLIN };
		int rc = poll(&p, 1, timeout_s * 1000);

		if (rc == 0)
			return err_set(err, -ETIMEDOUT, "the daemon on %.200s did not answer in time", ask->path);
		if (rc > 0)
			top_ask_read(ask, m, v, top_clock_ns());
	}
	if (ask->client == NULL)
		*err = ask->lost;
	return ask->client == NULL ? -ENOTCONN : 0;
}
