/* hotset.c - a bitmap in two levels; see hotset.h. */
#include "nic/hotset.h"

/*
 * The summary never says too little: whoever adds sets the word's bit first, and whoever finds a word empty looks at it again after
 * the summary's bit is gone. It may say too much, when the member was found and cleared before its summary bit came: hotset_next
 * puts that right, or a worker would never sleep again.
 */
static void
settle(struct hotset *h, unsigned w)
{
	uint64_t in_summary = 1ull << w;

	atomic_fetch_and(&h->summary, ~in_summary);
	/* Partner: the two fetch_or in hotset_put. Its bit is seen here, or its summary bit comes after ours went. */
	if (atomic_load(&h->word[w]) != 0)
		atomic_fetch_or(&h->summary, in_summary);
}

bool
hotset_put(struct hotset *h, unsigned id)
{
	uint64_t bit = 1ull << (id % 64), in_summary = 1ull << (id / 64);
	_Atomic uint64_t *word = &h->word[id / 64];

	/* Mostly so. Reading leaves the lines shared between all who kick. */
	if (atomic_load_explicit(word, memory_order_relaxed) & bit &&
	    atomic_load_explicit(&h->summary, memory_order_relaxed) & in_summary)
		return false;
	atomic_fetch_or(word, bit);
	atomic_fetch_or(&h->summary, in_summary);
	return true;
}

void
hotset_clear(struct hotset *h, unsigned id)
{
	uint64_t bit = 1ull << (id % 64);

	if ((atomic_fetch_and(&h->word[id / 64], ~bit) & ~bit) == 0)
		settle(h, id / 64);
}

int
hotset_next(struct hotset *h, unsigned from)
{
	uint64_t words;

	if (from >= HOTSET_IDS)
		return -1;
	words = atomic_load_explicit(&h->summary, memory_order_relaxed) & ~0ull << (from / 64);
	for (; words != 0; words &= words - 1) {
		unsigned w = (unsigned)__builtin_ctzll(words);
		/* Acquire: what whoever added an id did before. */
		uint64_t bits = atomic_load_explicit(&h->word[w], memory_order_acquire);

		if (bits == 0)
			settle(h, w);
		if (w == from / 64)
			bits &= ~0ull << (from % 64);
		if (bits != 0)
			return (int)(w * 64 + (unsigned)__builtin_ctzll(bits));
	}
	return -1;
}
