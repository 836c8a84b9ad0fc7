/* show_watch.c - the last moves of queues; see handlers.h. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ctl/handlers.h"
#include "nic/balancer_events.h"

/* "2026-11-24T13:41:07.123Z" (RFC 3339). */
static json_t *
json_time(uint64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / NSEC_PER_S);
	char text[40];
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, sizeof(text) - len, ".%03uZ", (unsigned)(realtime_ns % NSEC_PER_S / 1000000));
	return json_string(text);
}

static json_t *
event_row(const struct balancer_event *e)
{
	return json_pack("{s:I, s:o, s:o, s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:f, s:f, s:f, s:f}", "serial",
			 (json_int_t)e->serial, "at", json_time(e->at_ns), "adapter",
			 e->adapter[0] != '\0' ? json_string(e->adapter) : json_null(), "port", e->port, "queue",
			 (int)e->queue, "index", (int)e->index, "from", (int)e->from, "to", (int)e->to, "why",
			 balancer_why_word(e->why), "means", balancer_why_text(e->why), "from_before", e->from_before,
			 "from_after", e->from_after, "to_before", e->to_before, "to_after", e->to_after);
}

/* Of a move by hand no adapter is told: it is the one that the port's switch has, or the port is the adapter itself. */
static bool
is_of_adapter(const struct host *host, const struct balancer_event *e, const char *adapter)
{
	const struct host_port *hp = host_find_port(host, e->port);

	if (e->adapter[0] != '\0')
		return strcmp(e->adapter, adapter) == 0;
	if (hp == NULL)
		return strcmp(e->port, adapter) == 0;
	return hp->on->adapter != NULL && strcmp(hp->on->adapter->name, adapter) == 0;
}

int
vmq_watch(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const char *adapter = json_string_value(json_object_get(params, "adapter"));
	const struct host *host = ((const struct control *)ctx)->host;
	json_int_t since = json_integer_value(json_object_get(params, "since"));
	struct balancer_event events[BALANCER_EVENTS];
	unsigned n;

	if (adapter != NULL && named_adapter(host, params, err) < 0)
		return err->code;
	n = balancer_events((uint64_t)since, events, BALANCER_EVENTS);
	*result = json_array();
	for (unsigned i = 0; i < n; i++)
		if (adapter == NULL || is_of_adapter(host, &events[i], adapter))
			list_add(result, event_row(&events[i]));
	return result_done(result, err);
}
