/*
 * fault.c - the SIGBUS handler and its table; see fault.h.
 *
 * The handler may run in any thread, in the middle of anything, so it takes no lock and calls nothing but system calls
 * (mmap, sigaction: signal-safety(7) leaves mmap out, but the C library's is the bare system call). A slot is
 *
 *	base 0: free	=>	only control touches it
 *	base set	=>	len is valid (stored before base), the mapping exists (removed after base is cleared)
 *
 * Two threads that meet the same mapping map zeros twice, which is as good as once: what either wrote in between was lost
 * with the file.
 */
#include "guest/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define PIECE ((uintptr_t)2 << 20) /* the smaller huge page of x86-64 */

struct slot {
	_Atomic uintptr_t base;
	_Atomic size_t len;
	_Atomic bool dead;
};

static struct slot slots[FAULT_MAPPINGS_MAX];
static _Atomic int n_slots; /* all beyond were never used */
static int first_free;      /* all below are taken; control's */
static struct sigaction before;
static bool installed;

static struct slot *
slot_of(uintptr_t address)
{
	int n = atomic_load_explicit(&n_slots, memory_order_acquire);

	for (int i = 0; i < n; i++) {
		uintptr_t base = atomic_load_explicit(&slots[i].base, memory_order_acquire);

		if (base != 0 && address - base < atomic_load_explicit(&slots[i].len, memory_order_relaxed))
			return &slots[i];
	}
	return NULL;
}

/* Whoever had the signal before us gets it; nobody: the access is tried again without a handler, and ends us with a core. */
static void
pass_on(int number, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(number, info, context);
	else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
		before.sa_handler(number);
	else if (info->si_code > 0 || before.sa_handler == SIG_DFL) {
		signal(number, SIG_DFL);
		if (info->si_code <= 0) /* sent, not met: it would not come again */
			raise(number);
	}
}

static bool
map_zeros(uintptr_t from, size_t len)
{
	return mmap((void *)from, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		    -1, 0) != MAP_FAILED;
}

/*
 * Zeros over the whole mapping; where that is more than we may have (strict overcommit, RLIMIT_DATA) over the piece that was
 * touched: a huge page, which is as little as can be cut out of a mapping of them.
 */
static bool
replace(const struct slot *s, uintptr_t touched)
{
	uintptr_t base = atomic_load(&s->base), from = touched & ~(PIECE - 1);
	size_t len = atomic_load(&s->len);

	if (map_zeros(base, len))
		return true;
	if (from < base)
		from = base;
	return map_zeros(from, base + len - from < PIECE ? base + len - from : PIECE - from % PIECE);
}

static void
on_sigbus(int number, siginfo_t *info, void *context)
{
	/* An address comes with what the processor met, not with what a process sent. */
	struct slot *s = info->si_code > 0 ? slot_of((uintptr_t)info->si_addr) : NULL;
	int saved = errno;

	if (s == NULL || !replace(s, (uintptr_t)info->si_addr))
		pass_on(number, info, context);
	else
		atomic_store_explicit(&s->dead, true, memory_order_release);
	errno = saved;
}

void
fault_init(void)
{
	struct sigaction ours = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };

	if (installed)
		return;
	sigemptyset(&ours.sa_mask);
	installed = sigaction(SIGBUS, &ours, &before) == 0;
}

int
fault_add(void *base, size_t len)
{
	int n = atomic_load(&n_slots);

	for (int i = first_free; i < FAULT_MAPPINGS_MAX; i++) {
		if (i < n && atomic_load(&slots[i].base) != 0)
			continue;
		first_free = i + 1;
		atomic_store(&slots[i].len, len);
		atomic_store(&slots[i].dead, false);
		/* Release: len is seen with it; partner: the acquire in slot_of. */
		atomic_store_explicit(&slots[i].base, (uintptr_t)base, memory_order_release);
		if (i >= n)
			atomic_store_explicit(&n_slots, i + 1, memory_order_release);
		return i;
	}
	return -ENOSPC;
}

void
fault_remove(int slot)
{
	atomic_store(&slots[slot].base, 0);
	if (slot < first_free)
		first_free = slot;
}

bool
fault_is_dead(int slot)
{
	return atomic_load_explicit(&slots[slot].dead, memory_order_acquire);
}
