#ifndef GUEST_TEST_MODERATION_H
#define GUEST_TEST_MODERATION_H
/*
 * test_moderation.h - for tests of interrupts: the rings of test_rings.h, both moderated, with a lane that holds interrupts back.
 */
#include "guest/test_rings.h"

/* A driver that asks for interrupts by flags, and one that does by event indexes. */
extern const struct vring_features flags, events;

/* What is delivered: 60 bytes, admitted. Written by open_both. */
extern struct pkt moderation_frame;

/* Both rings anew, shortly before their indexes wrap, in that mode; hz: cycles a second that gaps are counted by. */
void open_both(const struct vring_features *f, uint64_t hz, enum moderation_mode mode);
void close_both(void);
#endif
