/*
 * seqload.c - a numbered UDP stream between two namespaces, as fast as it goes, and what became of it.
 *
 * usage: seqload --from NETNS --to NETNS --address IPV4 [--size BYTES] [--window PACKETS] [--seconds N] [--gaps FILE]
 *
 * Full load without loss by the media: at most `window` packets are under way, which is less than what a TAP's queue and
 * the receiving socket hold, so what is missing at the end was lost by the switch between them. It stands for TCP's window,
 * but it does not shrink: the switch is never spared. When nothing arrives for STALL_MS, what is under way is given up (it is
 * counted as lost unless it comes later).
 *
 * Arrival times are the kernel's, taken when the frame entered the receiver's stack: when the receiving thread was run
 * does not matter. A gap of at least GAP_NS between two arrivals is written to FILE as two native 64-bit words, its begin
 * (CLOCK_REALTIME, ns) and its length (ns).
 *
 * Ends after N seconds or by SIGTERM, waits for what is under way, and prints one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/netns.h"
#include "bench/seqcheck.h"

#define PORT 7777
#define BATCH 32
#define PAYLOAD_MAX 1472 /* what an Ethernet frame carries in UDP over IPv4 */
#define BUFFER (32 << 20)
#define GAP_NS 10000     /* below this arrivals are one burst */
#define GAPS_MAX 1000000 /* 16 MB; more are counted, not kept */
#define STALL_MS 200
#define DRAIN_MS 300
#define GREETINGS 20 /* tried at most, of GREETING_MS each */
#define GREETING_MS 50
#define WAIT_NS 20000 /* of a sender whose window is full: far less than a window takes to arrive */
#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

struct gap {
	uint64_t begin, length; /* ns */
};

struct load {
	const char *from, *to, *gaps_path;
	struct sockaddr_in address;
	unsigned size, window, seconds;
	int sender, receiver;

	_Atomic uint64_t arrived; /* one more than the highest number that came; written by: receiver */
	_Atomic bool greeted;     /* a packet without a number came; written by: receiver */
	_Atomic bool done;        /* the sender has sent its last, and what was under way had time */

	struct seqcheck check; /* written by: receiver */
	struct gap *gaps;
	size_t n_gaps, lost_gaps;
	uint64_t last_ns;

	uint64_t sent, stalls, send_errors; /* written by: sender */
	uint64_t began_ns, ended_ns;
};

static volatile sig_atomic_t stopped;

static void
stop(int number)
{
	stopped = 1;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void
pause_ns(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

static void
take_time(struct load *l, uint64_t at)
{
	uint64_t length = at - l->last_ns;

	/* Packets of one batch that were stamped on two CPUs may be a little out of order: no gap. */
	if (l->last_ns != 0 && at > l->last_ns && length >= GAP_NS) {
		if (l->n_gaps < GAPS_MAX)
			l->gaps[l->n_gaps++] = (struct gap){ l->last_ns, length };
		else
			l->lost_gaps++;
	}
	if (at > l->last_ns)
		l->last_ns = at;
}

static uint64_t
stamp_of(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct timespec t;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
		return 0;
	memcpy(&t, CMSG_DATA(c), sizeof(t));
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void *
receive(void *arg)
{
	static uint8_t control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
	struct load *l = arg;
	struct mmsghdr m[BATCH];
	struct iovec into[BATCH];
	uint64_t number[BATCH];

	while (!atomic_load_explicit(&l->done, memory_order_relaxed)) {
		int n;

		for (int i = 0; i < BATCH; i++) {
			into[i] = (struct iovec){ &number[i], sizeof(number[i]) };
			m[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &into[i],
							      .msg_iovlen = 1,
							      .msg_control = control[i],
							      .msg_controllen = sizeof(control[i]) } };
		}
		n = recvmmsg(l->receiver, m, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++) {
			if (m[i].msg_len < sizeof(number[i])) {
				atomic_store(&l->greeted, true);
				continue;
			}
			seqcheck_see(&l->check, number[i]);
			take_time(l, stamp_of(&m[i].msg_hdr));
		}
		atomic_store_explicit(&l->arrived, l->check.next, memory_order_release);
	}
	return NULL;
}

/* Sends numbers [l->sent, l->sent + n); what the socket did not take is sent the next time. */
static void
send_batch(struct load *l, unsigned n)
{
	static uint8_t data[BATCH][PAYLOAD_MAX];
	struct mmsghdr m[BATCH];
	struct iovec from[BATCH];
	int done;

	for (unsigned i = 0; i < n; i++) {
		uint64_t number = l->sent + i;

		memcpy(data[i], &number, sizeof(number));
		from[i] = (struct iovec){ data[i], l->size };
		m[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &from[i], .msg_iovlen = 1 } };
	}
	done = sendmmsg(l->sender, m, n, 0);
	if (done > 0)
		l->sent += (unsigned)done;
	else
		l->send_errors++;
}

/* Sends until the time is over. `base` is below what is under way: what came, or what was given up. */
static void
send_all(struct load *l)
{
	uint64_t end = l->began_ns + l->seconds * NS_PER_S, base = 0, progress = l->began_ns, now;

	while (!stopped && (now = now_ns()) < end) {
		uint64_t arrived = atomic_load_explicit(&l->arrived, memory_order_acquire);
		uint64_t room;

		if (arrived > base) {
			base = arrived;
			progress = now;
		} else if (now - progress > STALL_MS * NS_PER_MS) {
			base = l->sent;
			progress = now;
			l->stalls++;
		}
		room = l->window - (l->sent - base);
		if (room >= BATCH)
			send_batch(l, BATCH);
		else
			pause_ns(WAIT_NS);
	}
	l->ended_ns = now_ns();
}

static void
open_sockets(struct load *l)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct timeval patience = { .tv_usec = 100000 };
	int on = 1, size = BUFFER;

	l->receiver = netns_socket(l->to, AF_INET, SOCK_DGRAM, 0);
	l->sender = netns_socket(l->from, AF_INET, SOCK_DGRAM, 0);
	if (l->receiver < 0 || l->sender < 0)
		bench_fail("cannot open a socket in a namespace", l->receiver < 0 ? -l->receiver : -l->sender);
	if (setsockopt(l->receiver, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    setsockopt(l->receiver, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    setsockopt(l->receiver, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    bind(l->receiver, (struct sockaddr *)&any, sizeof(any)) < 0)
		bench_fail("cannot set up the receiving socket", errno);
	if (setsockopt(l->sender, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0 ||
	    connect(l->sender, (struct sockaddr *)&l->address, sizeof(l->address)) < 0)
		bench_fail("cannot set up the sending socket", errno);
}

/*
 * Sends packets without a number until one has come. Until the kernel knows where an address lives it keeps what is sent to it, and gives
 * that to the wire beside what the sender sends next: the first packets of a stream would overtake each other before any switch sees them.
 */
static void
greet(struct load *l)
{
	for (int i = 0; i < GREETINGS && !stopped; i++) {
		if (send(l->sender, "", 1, 0) < 0)
			l->send_errors++;
		for (int ms = 0; ms < GREETING_MS; ms++) {
			if (atomic_load(&l->greeted))
				return;
			pause_ns(NS_PER_MS);
		}
	}
}

static void
write_gaps(const struct load *l)
{
	FILE *f;

	if (l->gaps_path == NULL)
		return;
	f = fopen(l->gaps_path, "we");
	if (f == NULL || fwrite(l->gaps, sizeof(*l->gaps), l->n_gaps, f) != l->n_gaps || fclose(f) != 0)
		bench_fail(l->gaps_path, errno);
}

static void
run(struct load *l)
{
	pthread_t thread;
	int err;

	l->gaps = calloc(GAPS_MAX, sizeof(*l->gaps));
	if (l->gaps == NULL)
		bench_fail("gaps", ENOMEM);
	open_sockets(l);
	prctl(PR_SET_TIMERSLACK, 1);
	err = pthread_create(&thread, NULL, receive, l);
	if (err != 0)
		bench_fail("cannot start the receiver", err);
	greet(l);
	l->began_ns = now_ns();
	send_all(l);
	pause_ns(DRAIN_MS * NS_PER_MS);
	atomic_store(&l->done, true);
	pthread_join(thread, NULL);
	write_gaps(l);
	printf("{\"sent\":%lu,\"received\":%lu,\"lost\":%lu,\"reordered\":%lu,\"duplicates\":%lu,\"stalls\":%lu,"
	       "\"send_errors\":%lu,\"gaps\":%zu,\"gaps_not_kept\":%zu,\"seconds\":%.3f}\n",
	       l->sent, l->check.received, seqcheck_lost(&l->check, l->sent), l->check.reordered, l->check.duplicates,
	       l->stalls, l->send_errors, l->n_gaps, l->lost_gaps, (double)(l->ended_ns - l->began_ns) / NS_PER_S);
}

static void
options(struct load *l, int argc, char **argv)
{
	static const struct option known[] = {
		{ "from", required_argument, NULL, 'f' },    { "to", required_argument, NULL, 't' },
		{ "address", required_argument, NULL, 'a' }, { "size", required_argument, NULL, 's' },
		{ "window", required_argument, NULL, 'w' },  { "seconds", required_argument, NULL, 'n' },
		{ "gaps", required_argument, NULL, 'g' },    { NULL },
	};
	bool have_address = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'f')
			l->from = optarg;
		else if (opt == 't')
			l->to = optarg;
		else if (opt == 'a')
			have_address = inet_pton(AF_INET, optarg, &l->address.sin_addr) == 1;
		else if (opt == 's')
			l->size = (unsigned)bench_number("size", optarg, PAYLOAD_MAX);
		else if (opt == 'w')
			l->window = (unsigned)bench_number("window", optarg, SEQCHECK_WINDOW / 2);
		else if (opt == 'n')
			l->seconds = (unsigned)bench_number("seconds", optarg, 600);
		else if (opt == 'g')
			l->gaps_path = optarg;
		else
			exit(2);
	}
	if (l->from == NULL || l->to == NULL || !have_address || l->size < sizeof(uint64_t) || l->window < BATCH) {
		fprintf(stderr,
			"usage: seqload --from NETNS --to NETNS --address IPV4 [--size 8..%d] [--window %d..%d] "
			"[--seconds N] [--gaps FILE]\n",
			PAYLOAD_MAX, BATCH, SEQCHECK_WINDOW / 2);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	static struct load l = { .size = 64, .window = 512, .seconds = 10 };

	l.address.sin_family = AF_INET;
	l.address.sin_port = htons(PORT);
	options(&l, argc, argv);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = stop }, NULL);
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = stop }, NULL);
	run(&l);
	return 0;
}
