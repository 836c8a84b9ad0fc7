#ifndef CLI_TOP_ASK_H
#define CLI_TOP_ASK_H
/*
 * top_ask.h - asks the daemon for what the picture needs, one round of questions at a time, over one connection; and for changes.
 *
 * Nothing here waits but top_ask_wait(): a daemon that is slow, gone, or another one now, never stops the keys. What the daemon does
 * not have is not asked again. One thread.
 */
#include "cli/top_keys.h"

struct top_ask;

/* path: the daemon's socket; must outlive it. NULL without memory. */
struct top_ask *top_ask_new(const char *path);
void top_ask_free(struct top_ask *ask);

/* Connects when there is no connection, and asks for nothing. Returns false, and says so in v, when there is none. */
bool top_ask_connect(struct top_ask *ask, struct top_view *v);

/*
 * Begins a round, unless one is still on its way; connects first when there is no connection. The first one of a connection clears m, because it may
 * be another daemon. Says in v when there is none, or when it has not answered for some seconds. now_ns: of the clock that goes into the model.
 */
void top_ask_round(struct top_ask *ask, struct top_model *m, struct top_view *v, uint64_t now_ns);

/* The next round asks for all there is, also for what changes seldom. */
void top_ask_everything(struct top_ask *ask);

/* Asks for a change, whose parameters it takes over; one at a time. */
void top_ask_change(struct top_ask *ask, const struct top_call *call, struct top_view *v);

/* Readable when there may be an answer; -1: no connection. */
int top_ask_fd(const struct top_ask *ask);

/* Takes in what has come. Returns true when the picture is another one now: a whole round is in, or something was said. */
bool top_ask_read(struct top_ask *ask, struct top_model *m, struct top_view *v, uint64_t now_ns);

/*
 * Waits until the round is in, at most timeout_s between two answers. Returns 0, or a negative errno with err set.
 */
int top_ask_wait(struct top_ask *ask, struct top_model *m, struct top_view *v, int timeout_s, struct err *err);
#endif
