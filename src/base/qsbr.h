#ifndef BASE_QSBR_H
#define BASE_QSBR_H
/*
 * qsbr.h - when may the control thread free what it replaced? (quiescent-state based reclamation, rte_rcu_qsbr)
 *
 * One variable for the whole process. Readers are workers and front ends: each registers once, is online while it
 * works, reports a quiescent state after each round, and is offline while it sleeps or is paused by a cap. What a
 * reader loads from a published pointer is valid until its next quiescent or offline call.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QSBR_READERS_MAX 128 /* 64 processors, 16 front ends, and room: our choice */

/* Once, before any reader. Returns 0 or -ENOMEM. Control. */
int qsbr_init(void);

/* Registers the caller as a reader, offline. Returns its id, or -ENOSPC. Any thread, once. */
int qsbr_register(void);
void qsbr_unregister(int reader);

/* Reader only: begin and end of work, and "I hold nothing from before". */
void qsbr_online(int reader);
void qsbr_offline(int reader);
void qsbr_quiescent(int reader);

/* Returns when every reader that was online has passed a quiescent state. Control threads; blocks, usually for microseconds. */
void qsbr_synchronize(void);

/* The same without blocking: a token for now, and whether all readers have passed it. Control threads. */
uint64_t qsbr_token(void);
bool qsbr_passed(uint64_t token);

/* free() for what readers may still see: done at a later call of this or of qsbr_reclaim, after a grace period. Control threads. */
void qsbr_free(void *ptr);
void qsbr_reclaim(void);
#endif
