/* balancer_events.c - the ring of the last moves; see balancer_events.h. */
#include "nic/balancer_events.h"

#include <time.h>

#include "base/clock.h"
#include "base/log.h"

#define LOG_LINES 20 /* a second: twenty can be read. Our choice */

static struct balancer_event ring[BALANCER_EVENTS];
static uint64_t last;

static struct {
	uint64_t since_ns;
	unsigned lines, more;
} told;

static const struct {
	const char *word, *text;
} whys[] = {
#define X(name, word, text) { word, text },
	BALANCER_WHYS(X)
#undef X
};

/* Whether there is a line left in this second. */
static bool
may_tell(void)
{
	uint64_t now = clock_ns();

	if (now - told.since_ns >= NSEC_PER_S) {
		if (told.more > 0)
			log_info("more queues were moved moves=%u", told.more);
		told.since_ns = now;
		told.lines = told.more = 0;
	}
	if (told.lines == LOG_LINES) {
		told.more++;
		return false;
	}
	told.lines++;
	return true;
}

static void
tell(const struct balancer_event *e)
{
	if (!may_tell())
		return;
	if (e->why == BALANCER_UNSPLITTABLE)
		log_warn("queue has more to do than a processor can and cannot be split: vRSS, or more queues, would "
			 "help port=%s queue=%u "
			 "processor=%u "
			 "percent=%.0f",
			 e->port, e->queue, e->to, e->from_before);
	else if (e->why == BALANCER_HAND)
		log_info("queue moved port=%s queue=%u from=%u to=%u why=%s", e->port, e->queue, e->from, e->to,
			 balancer_why_word(e->why));
	else
		log_info("queue moved port=%s queue=%u from=%u to=%u why=%s from_percent=%.0f..%.0f "
			 "to_percent=%.0f..%.0f",
			 e->port, e->queue, e->from, e->to, balancer_why_word(e->why), e->from_before, e->from_after,
			 e->to_before, e->to_after);
}

void
balancer_event_add(const struct balancer_event *e)
{
	struct balancer_event *kept = &ring[last++ % BALANCER_EVENTS];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*kept = *e;
	kept->serial = last;
	kept->at_ns = (uint64_t)now.tv_sec * NSEC_PER_S + (uint64_t)now.tv_nsec;
	tell(kept);
}

unsigned
balancer_events(uint64_t since, struct balancer_event *out, unsigned most)
{
	uint64_t first = last > BALANCER_EVENTS ? last - BALANCER_EVENTS : 0;
	unsigned n = 0;

	for (uint64_t i = since > first ? since : first; i < last && n < most; i++)
		out[n++] = ring[i % BALANCER_EVENTS];
	return n;
}

uint64_t
balancer_events_last(void)
{
	return last;
}

const char *
balancer_why_word(enum balancer_why why)
{
	return (unsigned)why < BALANCER_WHY_COUNT ? whys[why].word : "unknown";
}

const char *
balancer_why_text(enum balancer_why why)
{
	return (unsigned)why < BALANCER_WHY_COUNT ? whys[why].text : "unknown";
}
