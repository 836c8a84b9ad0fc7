#ifndef SRIOV_TEST_VF_MAILBOX_H
#define SRIOV_TEST_VF_MAILBOX_H
/*
 * test_vf_mailbox.h - for tests: a mailbox, and the driver's half of it, which is ixgbevf's mbx.c and vf.c, word by word.
 */
#include "sriov/vf_mailbox.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CTS 0x20000000u
#define FAILURE 0x40000000u
#define SUCCESS 0x80000000u
#define GRANTED (SUCCESS | CTS)
#define REFUSED (FAILURE | CTS)

extern struct vf_mailbox mailbox;
extern struct vf_policy policy; /* of it; address 02:f1:00:00:00:01, MTU 9000, no trust */
extern unsigned effects;        /* of the last message */

/* A mailbox without a driver; setup of a test: of an X550 without IPsec. */
void mailbox_open(enum vf_model model, bool ipsec);
int mailbox_fresh(void **state);

/* Sends n words, and has the answer in their place; returns its first. */
uint32_t mailbox_say(uint32_t *words, unsigned n);
uint32_t mailbox_say_two(uint32_t word0, uint32_t word1);
uint32_t mailbox_say_mac(uint32_t word0, const uint8_t mac[6]);

/* The driver resets itself, and agrees on an API, by its number: 0, 2 to 8 for 1.0, 1.1 to 1.7. */
void mailbox_up(unsigned api);

struct vf_filters mailbox_filters(void);
#endif
