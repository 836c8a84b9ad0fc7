#ifndef GUEST_VRING_LOAD_H
#define GUEST_VRING_LOAD_H
/*
 * vring_load.h - inside the rings: reading what the guest wrote, a word at a time, each word once.
 *
 * Another processor of the guest may rewrite descriptors, tables and indexes while we look. So each is loaded once, and only
 * that copy is checked and used.
 */
#include <endian.h>

#include "guest/vring_layout.h"

/* A descriptor as it was when we loaded it; host byte order. */
struct vring_buffer {
	uint64_t gpa;
	uint32_t len;
	uint16_t flags, next;
};

static inline uint16_t
guest_load16(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

static inline void
guest_store16(uint16_t *p, uint16_t value)
{
	__atomic_store_n(p, htole16(value), __ATOMIC_RELAXED);
}

/* Two loads for 16 bytes: d is aligned, so neither is torn. */
static inline struct vring_buffer
guest_load_desc(const struct vring_desc *d)
{
	const uint64_t *word = (const uint64_t *)d;
	uint64_t low = le64toh(__atomic_load_n(&word[0], __ATOMIC_RELAXED));
	uint64_t high = le64toh(__atomic_load_n(&word[1], __ATOMIC_RELAXED));

	return (struct vring_buffer){
		.gpa = low,
		.len = (uint32_t)high,
		.flags = (uint16_t)(high >> 32),
		.next = (uint16_t)(high >> 48),
	};
}

/* Has the cache line of p fetched for writing. On x86-64 the compiler's own prefetch fetches it for reading unless told the processor. */
static inline void
prefetch_to_write(const void *p)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)p)); /* AMD64 and since Broadwell; no operation before */
#else
	__builtin_prefetch(p, 1);
#endif
}
#endif
