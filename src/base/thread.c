/* thread.c - see thread.h. */
#include "base/thread.h"

#include <sched.h>

int
thread_start(pthread_t *out, const char *name, int cpu, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	cpu_set_t set;
	int err;

	pthread_attr_init(&attr);
	CPU_ZERO(&set);
	if (cpu >= 0) {
		CPU_SET(cpu, &set);
		/* Before it runs: a thread that starts elsewhere and cannot be moved would have to be stopped again. */
		pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	err = -pthread_create(out, &attr, run, arg);
	pthread_attr_destroy(&attr);
	if (err == 0)
		pthread_setname_np(*out, name);
	return err;
}
