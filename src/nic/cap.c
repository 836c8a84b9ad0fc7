/* cap.c - a token bucket of CPU time; see cap.h. */
#include "nic/cap.h"

#include "base/clock.h"

#define PERIOD_NS (2 * NSEC_PER_MS) /* of wall time, whose share may be saved up: bursts stay short. Our choice */
#define SAMPLE_US 200               /* reading a thread's CPU clock costs 0.5 us */

void
cap_init(struct cap *cap, unsigned percent)
{
	*cap = (struct cap){ .percent = percent, .sample_cycles = clock_us_to_cycles(SAMPLE_US) };
	cap->cpu_ns = clock_thread_cpu_ns();
	cap->wall_ns = clock_ns();
}

uint64_t
cap_pause_ns(struct cap *cap, uint64_t now)
{
	int64_t most = (int64_t)(PERIOD_NS * cap->percent / 100);
	uint64_t cpu_ns, wall_ns;

	if (cap->percent == 0 || now - cap->sampled < cap->sample_cycles)
		return 0;
	cap->sampled = now;
	cpu_ns = clock_thread_cpu_ns();
	wall_ns = clock_ns();
	cap->budget_ns += (int64_t)((wall_ns - cap->wall_ns) * cap->percent / 100);
	cap->budget_ns -= (int64_t)(cpu_ns - cap->cpu_ns);
	cap->cpu_ns = cpu_ns;
	cap->wall_ns = wall_ns;
	if (cap->budget_ns > most)
		cap->budget_ns = most;
	return cap->budget_ns < 0 ? (uint64_t)-cap->budget_ns * 100 / cap->percent : 0;
}
