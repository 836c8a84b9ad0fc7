#ifndef CLI_WATCH_H
#define CLI_WATCH_H
/*
 * watch.h - `vmq watch`: what happens, one line each, until Ctrl-C, as `tail -f` does.
 */
#include <jansson.h>
#include <stdio.h>

#include "ctl/schema.h"

/* Asks for what came after number `since`: 0 and a new list in *events, or the exit status. */
typedef int (*watch_ask)(void *arg, json_int_t since, json_t **events);

/*
 * Writes the events of ask to out, oldest first; those of before only the last few, unless since says from which on. Ends with 0 at
 * SIGINT, SIGTERM or SIGHUP, with what ask returned, or with -1 when out takes no more. json: an object a line.
 */
int watch(FILE *out, json_int_t since, bool json, watch_ask ask, void *arg);

/* "13:41:07.123 vm1 queue 3: processor 1 -> 2, ...", for a person, without the newline; size bytes. Returns out. */
char *watch_line(const json_t *event, char *out, size_t size);
#endif
