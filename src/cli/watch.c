/* watch.c - follows what happens in the daemon; see watch.h. */
#include "cli/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOOK_MS 200  /* between two looks: what a person takes for at once. Our choice */
#define SHOWN_OLD 10 /* of what was before, as tail(1) */

static const char *
text_of(const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));

	return text != NULL ? text : "";
}

static long long
number_of(const json_t *event, const char *key)
{
	return (long long)json_integer_value(json_object_get(event, key));
}

/* " (1: 97 % to 52 %, 2: 3 % to 48 %)": of both processors, before and as expected after; empty where nothing was sampled. */
static char *
percents(const json_t *event, char *out, size_t size)
{
	double from = json_number_value(json_object_get(event, "from_before"));
	double from_after = json_number_value(json_object_get(event, "from_after"));
	double to = json_number_value(json_object_get(event, "to_before"));
	double to_after = json_number_value(json_object_get(event, "to_after"));
	long long a = number_of(event, "from"), b = number_of(event, "to");

	out[0] = '\0';
	if (from == 0 && to == 0 && to_after == 0)
		return out;
	if (a == b)
		snprintf(out, size, " (%lld: %.0f %%)", a, from);
	else
		snprintf(out, size, " (%lld: %.0f %% to %.0f %%, %lld: %.0f %% to %.0f %%)", a, from, from_after, b, to,
			 to_after);
	return out;
}

char *
watch_line(const json_t *event, char *out, size_t size)
{
	const char *at = text_of(event, "at"), *clock = strchr(at, 'T');
	long long from = number_of(event, "from"), to = number_of(event, "to");
	char move[64], share[128];

	if (from == to)
		snprintf(move, sizeof(move), "stays on processor %lld", from);
	else
		snprintf(move, sizeof(move), "processor %lld -> %lld", from, to);
	snprintf(out, size, "%s %s queue %lld: %s, %s: %s%s", clock != NULL ? clock + 1 : at, text_of(event, "port"),
		 number_of(event, "queue"), move, text_of(event, "why"), text_of(event, "means"),
		 percents(event, share, sizeof(share)));
	return out;
}

static int
print(FILE *out, const json_t *event, bool json)
{
	char line[512];

	if (json && json_dumpf(event, out, JSON_COMPACT | JSON_PRESERVE_ORDER) < 0)
		return -1;
	if (!json)
		fputs(watch_line(event, line, sizeof(line)), out);
	return fputc('\n', out) == EOF ? -1 : 0;
}

/* All of events, or their end. *since: the number of the last one. */
static int
print_all(FILE *out, const json_t *events, size_t first, bool json, json_int_t *since)
{
	const json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		*since = json_integer_value(json_object_get(event, "serial"));
		if (i >= first && print(out, event, json) < 0)
			return -1;
	}
	return fflush(out) == 0 ? 0 : -1;
}

static int
follow(FILE *out, int signals, json_int_t since, bool json, watch_ask ask, void *arg)
{
	struct pollfd wait = { .fd = signals, .events = POLLIN };
	struct signalfd_siginfo taken;
	bool old = since == 0;

	for (;;) {
		size_t n, first;
		json_t *events;
		int rc = ask(arg, since, &events);

		if (rc != 0)
			return rc;
		n = json_array_size(events);
		first = old && n > SHOWN_OLD ? n - SHOWN_OLD : 0;
		old = false;
		rc = print_all(out, events, first, json, &since);
		json_decref(events);
		if (rc < 0)
			return rc;
		/* Taken, for what is still pending when signals are let in again would end us. */
		if (poll(&wait, 1, LOOK_MS) > 0 && read(signals, &taken, sizeof(taken)) > 0)
			return 0;
	}
}

int
watch(FILE *out, json_int_t since, bool json, watch_ask ask, void *arg)
{
	sigset_t set, before;
	int signals, rc;

	/* Read, not handled: an answer is never cut off in the middle of a line. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &before);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	rc = signals < 0 ? -1 : follow(out, signals, since, json, ask, arg);
	if (signals >= 0)
		close(signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}
