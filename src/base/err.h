#ifndef BASE_ERR_H
#define BASE_ERR_H
/*
 * err.h - one sentence for a person, made at the edge (control, CLI, start-up).
 *
 * Inner layers return negative errno and say nothing; the layer that knows the
 * user's own names for the objects fills a struct err once. Control threads only.
 */
#include <stdbool.h>
#include <stddef.h>

struct err {
	int code;       /* negative errno, 0 while nothing went wrong */
	char msg[512];  /* what, which, why: one sentence, no final stop */
	char hint[320]; /* what to do about it; empty when there is nothing to say */
	char path[128]; /* the object: "switches[0].ports[2].vlan.id"; may be empty */
};

/* Fills e (may be NULL) and returns code, so a caller can write return err_set(...). code is negative. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "WHAT: " in front of the sentence of an error that is already set. e may be NULL. */
void err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds the hint line to an error that is already set. e may be NULL. */
void err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Names the object of an error that is already set. e may be NULL. */
void err_path(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "did you mean" helper: the entry of words[0..n) nearest to word, or NULL when none is near (edit distance > 2, or > half). */
const char *err_nearest(const char *word, const char *const *words, size_t n);
#endif
