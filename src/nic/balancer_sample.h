#ifndef NIC_BALANCER_SAMPLE_H
#define NIC_BALANCER_SAMPLE_H
/*
 * balancer_sample.h - what processors and queues had to do since the last look, as percents of a processor.
 *
 * Of a processor: the time of its rounds that found work. A round that waited for its core counts with its waiting, which is right for
 * a processor that shares its core with others. An emulated processor's is CPU time, of all that its thread does, because its cap is;
 * the rounds' times say only how that is shared among its queues. Naps and looks that found nothing count nowhere.
 *
 * Control thread only.
 */
#include "nic/queue.h"
#include "plan/balance.h"

struct balancer_sample {
	uint64_t run, at_ns; /* number and time of this one */
	bool busy;           /* a queue had work */
	struct plan_balance_processor processor[PROCESSORS_MAX];
	struct {
		bool seen;
		uint64_t work_cycles, cpu_ns;
		double per_cycle; /* percent that a cycle of a queue on it stands for */
	} at[PROCESSORS_MAX];
};

void balancer_sample_init(struct balancer_sample *s);

/* Begins a sample with the processors. False, and nothing has changed: no time has passed. */
bool balancer_sample_begin(struct balancer_sample *s, uint64_t now_ns);

/*
 * Adds what q did since the sample before to what `to` has; nothing when q was not in that one. Once for each queue and sample. Backlog
 * is that of its fullest ring at its last burst; `waiting` is what all frames in its rings would take at this sample's cost of a frame.
 */
void balancer_sample_queue(struct balancer_sample *s, struct queue *q, struct plan_balance_queue *to);

/* Whether q was in the sample before this one. Ask before it is in this one. */
static inline bool
balancer_sample_knows(const struct balancer_sample *s, const struct queue *q)
{
	return q->seen_in + 1 == s->run;
}

static inline double
up_to_100(double percent)
{
	return percent < 100 ? percent : 100;
}
#endif
