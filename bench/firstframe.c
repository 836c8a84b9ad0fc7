/*
 * firstframe.c - how long one frame takes through something that has been idle.
 *
 * usage: firstframe --from NETNS:INTERFACE --to NETNS:INTERFACE --mac DESTINATION [--tries N] [--idle MS]
 *                   --floor-from NETNS:INTERFACE --floor-to NETNS:INTERFACE
 *
 * Each try: silence for MS, one frame, and the time from before its send() to after the recv() that a second thread was
 * blocked in. In the middle of the silence the same is done over a veth pair that nothing stands between (the floor: two
 * system calls and the wake-up of a thread), so that both see the same machine. Prints one line of JSON with all times
 * in us, in the order of the tries; a frame that did not come within PATIENCE_MS is counted as lost.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/netns.h"

#define ETHERTYPE 0x88b5 /* IEEE 802-2014, 9.2.3: for local experiments */
#define FRAME_LEN 60     /* the shortest, without its checksum */
#define NUMBER_AT 14
#define PATIENCE_MS 1000
#define SETTLE_MS 2 /* until the receiver surely blocks; it has nothing else to do */
#define TRIES_MAX 10000
#define US_PER_S 1e6

struct end {
	char netns[64], interface[16];
	int sock;
};

struct way {
	const char *name;
	struct end from, to;
	pthread_t thread;
	sem_t ready, come;
	uint32_t expected; /* number of the frame under way */
	struct timespec sent, received;
	bool lost;
	double *us; /* n of them */
	unsigned n, n_lost;
};

static uint8_t frame[FRAME_LEN];

static void
sleep_ms(unsigned long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 }, NULL);
}

/* Receives one frame at a time: told by `ready` that one is to come, says `come` when it has, or is late. */
static void *
receive(void *arg)
{
	struct way *w = arg;

	for (;;) {
		uint8_t got[FRAME_LEN + 64];
		uint32_t number;
		ssize_t n;

		while (sem_wait(&w->ready) < 0)
			continue;
		do { /* frames of tries that were given up may still come */
			n = recv(w->to.sock, got, sizeof(got), 0);
			clock_gettime(CLOCK_MONOTONIC, &w->received);
			if (n >= NUMBER_AT + (ssize_t)sizeof(number))
				memcpy(&number, got + NUMBER_AT, sizeof(number));
		} while (n >= 0 && (n < NUMBER_AT + (ssize_t)sizeof(number) || number != w->expected));
		w->lost = n < 0;
		sem_post(&w->come);
	}
	return NULL;
}

static void
try_once(struct way *w, uint32_t number)
{
	memcpy(frame + NUMBER_AT, &number, sizeof(number));
	w->expected = number;
	sem_post(&w->ready);
	sleep_ms(SETTLE_MS);
	clock_gettime(CLOCK_MONOTONIC, &w->sent);
	if (send(w->from.sock, frame, sizeof(frame), 0) < 0)
		bench_fail("cannot send", errno);
	while (sem_wait(&w->come) < 0)
		continue;
	if (w->lost) {
		w->n_lost++;
		return;
	}
	w->us[w->n++] = (double)(w->received.tv_sec - w->sent.tv_sec) * US_PER_S +
			(double)(w->received.tv_nsec - w->sent.tv_nsec) / 1e3;
}

static void
open_end(struct end *e)
{
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000, .tv_usec = PATIENCE_MS % 1000 * 1000 };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE) };

	at.sll_ifindex = netns_ifindex(e->netns, e->interface);
	if (at.sll_ifindex < 0)
		bench_fail(e->interface, -at.sll_ifindex);
	e->sock = netns_socket(e->netns, AF_PACKET, SOCK_RAW, 0);
	if (e->sock < 0)
		bench_fail("cannot open a packet socket", -e->sock);
	if (setsockopt(e->sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    bind(e->sock, (struct sockaddr *)&at, sizeof(at)) < 0)
		bench_fail(e->interface, errno);
}

static void
open_way(struct way *w, unsigned long tries)
{
	int err;

	open_end(&w->from);
	open_end(&w->to);
	w->us = calloc(tries, sizeof(*w->us));
	if (w->us == NULL)
		bench_fail("times", ENOMEM);
	sem_init(&w->ready, 0, 0);
	sem_init(&w->come, 0, 0);
	err = pthread_create(&w->thread, NULL, receive, w);
	if (err != 0)
		bench_fail("cannot start a receiver", err);
}

static void
print_way(const struct way *w, const char *after)
{
	printf("\"%s_lost\":%u,\"%s_us\":[", w->name, w->n_lost, w->name);
	for (unsigned i = 0; i < w->n; i++)
		printf("%s%.1f", i ? "," : "", w->us[i]);
	printf("]%s", after);
}

/* NETNS:INTERFACE */
static bool
parse_end(struct end *e, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t n = colon != NULL ? (size_t)(colon - text) : 0;

	if (n == 0 || n >= sizeof(e->netns) || strlen(colon + 1) >= sizeof(e->interface))
		return false;
	memcpy(e->netns, text, n);
	strcpy(e->interface, colon + 1);
	return e->interface[0] != '\0';
}

static bool
parse_mac(uint8_t *mac, const char *text)
{
	char beyond;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		      &mac[5], &beyond) == 6;
}

static void
misused(void)
{
	fprintf(stderr, "usage: firstframe --from NETNS:INTERFACE --to NETNS:INTERFACE --mac DESTINATION [--tries N] "
			"[--idle MS] --floor-from NETNS:INTERFACE --floor-to NETNS:INTERFACE\n");
	exit(2);
}

static void
options(int argc, char **argv, struct way *way, struct way *bare, unsigned long *tries, unsigned long *idle_ms)
{
	enum { FROM = 256, TO, FLOOR_FROM, FLOOR_TO, MAC, TRIES, IDLE };
	static const struct option known[] = {
		{ "from", required_argument, NULL, FROM },
		{ "to", required_argument, NULL, TO },
		{ "floor-from", required_argument, NULL, FLOOR_FROM },
		{ "floor-to", required_argument, NULL, FLOOR_TO },
		{ "mac", required_argument, NULL, MAC },
		{ "tries", required_argument, NULL, TRIES },
		{ "idle", required_argument, NULL, IDLE },
		{ NULL },
	};
	struct end *ends[] = { &way->from, &way->to, &bare->from, &bare->to };
	bool mac = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		bool good = true;

		if (opt >= FROM && opt <= FLOOR_TO)
			good = parse_end(ends[opt - FROM], optarg);
		else if (opt == MAC)
			good = mac = parse_mac(frame, optarg);
		else if (opt == TRIES)
			*tries = bench_number("tries", optarg, TRIES_MAX);
		else if (opt == IDLE)
			*idle_ms = bench_number("idle", optarg, 60000);
		else
			good = false;
		if (!good)
			misused();
	}
	for (int i = 0; i < 4; i++)
		if (ends[i]->interface[0] == '\0' || !mac)
			misused();
}

int
main(int argc, char **argv)
{
	static struct way way = { .name = "way" }, bare = { .name = "floor" };
	static const uint8_t source[6] = { 0x02, 0xf1, 0xff, 0, 0, 1 };
	unsigned long tries = 200, idle_ms = 1000;

	options(argc, argv, &way, &bare, &tries, &idle_ms);
	memcpy(frame + 6, source, sizeof(source));
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
	prctl(PR_SET_TIMERSLACK, 1);
	open_way(&way, tries);
	open_way(&bare, tries);
	for (uint32_t i = 0; i < tries; i++) {
		sleep_ms(idle_ms / 2);
		try_once(&bare, i);
		sleep_ms(idle_ms - idle_ms / 2);
		try_once(&way, i);
	}
	printf("{");
	print_way(&way, ",");
	print_way(&bare, "}\n");
	return 0;
}
