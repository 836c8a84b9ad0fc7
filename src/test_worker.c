/* test_worker.c - two ports, a watching sink, real workers; see test_worker.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpulist.h"
#include "nic/test_eal.h"
#include "test_worker.h"
#include "vsw/learn.h"
#include "worker.h"

struct test_port rig_in, rig_out;
struct rxring *rig_ring;
struct rig_watcher rig_watcher;

static struct vswitch *sw;
static struct queue *queue; /* of rig_ring */
static struct rte_mempool *pool;
static struct mac src_mac, dst_mac;

void
rig_stamp(uint32_t number, uint8_t *frame)
{
	uint64_t now = clock_ns();

	test_frame(&dst_mac, &src_mac, TEST_NO_TAG, number, frame);
	memcpy(frame + 20, &now, sizeof(now));
}

static void
watch(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t sent, age;
		uint32_t number;

		memcpy(&sent, pkts[i]->hdr + 20, sizeof(sent));
		memcpy(&number, pkts[i]->hdr + FRAME_LEN - sizeof(number), sizeof(number));
		age = clock_ns() - sent;
		if (age > atomic_load(&rig_watcher.worst_ns))
			atomic_store(&rig_watcher.worst_ns, age);
		if (number != (uint32_t)atomic_fetch_add(&rig_watcher.n, 1))
			atomic_fetch_add(&rig_watcher.disorder, 1);
		verdict[i] = SINK_TAKEN;
	}
}

static const struct sink_ops watcher_ops = { watch };

int
rig_start(void **state)
{
	if (test_eal_start(state) < 0)
		return -1;
	pool = test_pool_open(4095);
	return learn_start(TEST_LANES);
}

int
rig_stop(void **state)
{
	learn_stop();
	rte_mempool_free(pool);
	return 0;
}

/* Workers on the CPUs that we have, one after the other. */
void
rig_workers(unsigned n, unsigned speed_percent, bool poll)
{
	struct cpu cpus[WORKERS];
	int n_cpus = cpulist_online(cpus, WORKERS);

	assert_true(n_cpus > 0);
	for (unsigned i = 0; i < n; i++) {
		processors[i] = processor_new(i, cpus[i % (unsigned)(n_cpus < WORKERS ? n_cpus : WORKERS)].id,
					      speed_percent, poll);
		assert_non_null(processors[i]);
		n_processors = i + 1;
		assert_int_equal(worker_start(processors[i]), 0);
		while (processors[i]->tid == 0)
			usleep(100);
	}
}

void
rig_workers_stop(void)
{
	for (unsigned i = 0; i < n_processors; i++)
		worker_stop(processors[i]);
	test_processors_close();
}

struct queue *
rig_queue(struct source *s, enum queue_source which)
{
	struct queue *q = queue_new(&rig_in.vport, 0);

	assert_non_null(q);
	queue_set_source(q, which, s);
	return q;
}

int
rig_open(void **state)
{
	struct port_conf conf = test_conf_untagged(NULL);

	src_mac = test_mac(1);
	dst_mac = test_mac(2);
	sw = switch_new("sw", SWITCH_KIND_PRIVATE, 64, 300);
	assert_non_null(sw);
	test_port_open(&rig_in, "in");
	test_port_open(&rig_out, "out");
	assert_int_equal(port_attach(&rig_in.port, sw, &conf), 0);
	conf = test_conf_untagged(&dst_mac);
	assert_int_equal(port_attach(&rig_out.port, sw, &conf), 0);
	memset((void *)&rig_watcher, 0, sizeof(rig_watcher));
	rig_watcher.sink.ops = &watcher_ops;
	atomic_store(&rig_out.port.sink, &rig_watcher.sink);
	return 0;
}

int
rig_close(void **state)
{
	if (n_processors > 0) { /* a test that failed half way */
		rig_workers_stop();
		if (rig_ring != NULL)
			rig_ring_close();
	}
	test_port_close(&rig_in);
	test_port_close(&rig_out);
	switch_free(sw);
	return 0;
}

void
rig_ring_open(unsigned processor)
{
	queue = queue_new(&rig_in.vport, 0);
	assert_non_null(queue);
	rig_ring = rxring_new("ring", queue, &rig_in.vport, &rig_in.port.ingress);
	assert_non_null(rig_ring);
	queue_set_source(queue, QUEUE_FROM_WIRE, &rig_ring->source);
	assert_int_equal(queue_move(queue, processor), 0);
}

void
rig_ring_close(void)
{
	queue_free(queue);
	rxring_free(rig_ring, NULL);
	rig_ring = NULL;
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

void
rig_add(uint32_t from, unsigned n)
{
	struct rte_mbuf *mbufs[PKT_BURST];
	uint8_t frame[FRAME_LEN];

	for (unsigned i = 0; i < n; i++) {
		rig_stamp(from + i, frame);
		while ((mbufs[i] = test_mbuf(pool, frame, FRAME_LEN)) == NULL)
			sched_yield();
	}
	for (unsigned done = 0; done < n;) {
		unsigned k = rxring_add(rig_ring, &mbufs[done], n - done);

		if (k == 0) {
			rxring_kick(rig_ring);
			sched_yield();
		}
		done += k;
	}
}

void
rig_put(uint32_t from, unsigned n)
{
	rig_add(from, n);
	rxring_kick(rig_ring);
}

/* Up to five seconds. */
void
rig_expect(uint64_t n)
{
	uint64_t end = clock_ns() + 5 * NSEC_PER_S;

	while (atomic_load(&rig_watcher.n) < n && clock_ns() < end)
		usleep(100);
	assert_int_equal(atomic_load(&rig_watcher.n), n);
	assert_int_equal(atomic_load(&rig_watcher.disorder), 0);
}

uint64_t
rig_missed_kicks(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < n_processors; i++)
		n += count_get(&processors[i]->missed_kicks);
	return n;
}

/* Time that we and the workers were runnable and did not run, ns: the second word of schedstat. */
uint64_t
rig_waited_ns(void)
{
	unsigned long long sum = 0;

	for (unsigned i = 0; i <= n_processors; i++) {
		unsigned long long run, wait = 0;
		char path[64];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat",
			 i < n_processors ? processors[i]->tid : gettid());
		f = fopen(path, "re");
		assert_non_null(f);
		assert_int_equal(fscanf(f, "%llu %llu", &run, &wait), 2);
		fclose(f);
		sum += wait;
	}
	return sum;
}

/* No kick was missed, and nothing lay until the safety timer: what waited longer waited for a core. */
void
rig_expect_kicks(uint64_t waited_before)
{
	assert_int_equal(rig_missed_kicks(), 0);
	assert_true(atomic_load(&rig_watcher.worst_ns) < SAFETY_NS + rig_waited_ns() - waited_before);
}

uint64_t
rig_cpu_ns(const struct processor *p)
{
	struct timespec ts;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(p->thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &ts), 0);
	return (uint64_t)ts.tv_sec * NSEC_PER_S + (uint64_t)ts.tv_nsec;
}
