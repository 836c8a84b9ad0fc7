#ifndef CTL_RPC_TEXT_H
#define CTL_RPC_TEXT_H
/*
 * rpc_text.h - an answer in the making: text that grows, and JSON that is written straight into it.
 *
 * A list of a thousand ports has 15,000 values. As a tree they are 30,000 allocations and as many steps to print it; written here they
 * are copies into one buffer. What was written last says whether a comma is due, so there is no state beside the text.
 *
 * Errors stay: once a text could not grow it takes nothing more, and `failed` says why. Who reads the text asks it, once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <jansson.h>

#include "base/addr.h"

/* data is malloc'ed, or NULL. All zero at first. */
struct rpc_text {
	char *data;
	size_t len, size;
	int failed; /* 0, -ENOMEM, or -EMSGSIZE: longer than any answer may be */
};

/* Room for `more` bytes behind those that are there. Returns 0, or what is then in failed. */
int rpc_text_grow(struct rpc_text *t, size_t more);

/* Appends bytes as they are. Returns as rpc_text_grow. */
int rpc_text_add(struct rpc_text *t, const char *bytes, size_t len);

/* Takes back what was written behind the first len bytes, and its failure. */
void rpc_text_cut(struct rpc_text *t, size_t len);

/* ---- one key ---- */

static inline bool
rpc_text_has_room(struct rpc_text *t, size_t more)
{
	return (t->size - t->len >= more && t->failed == 0) || rpc_text_grow(t, more) == 0;
}

/* The comma behind a value before this one, and the key. Inline, since the key's length is then known when it is compiled. */
static inline __attribute__((always_inline)) void
put_key(struct rpc_text *t, const char *key)
{
	size_t len = key != NULL ? strlen(key) : 0;
	char *to, last;

	if (!rpc_text_has_room(t, len + sizeof(",\"\":")))
		return;
	to = t->data + t->len;
	last = t->len > 0 ? to[-1] : '[';
	if (last != '[' && last != '{' && last != ':')
		*to++ = ',';
	if (key != NULL) {
		*to++ = '"';
		to = (char *)memcpy(to, key, len) + len;
		*to++ = '"';
		*to++ = ':';
	}
	t->len = (size_t)(to - t->data);
}

/* ---- the value behind it ---- */

void rpc_text_int(struct rpc_text *t, int64_t value);
void rpc_text_count(struct rpc_text *t, uint64_t value);
void rpc_text_text(struct rpc_text *t, const char *text);
void rpc_text_mac(struct rpc_text *t, const struct mac *mac);
void rpc_text_json(struct rpc_text *t, json_t *value);

/* ---- both ---- */

/*
 * One value: with its key in an object (words of ours that need no escape), with key NULL in a list, or behind put_key(). Texts may be
 * anything: control characters are escaped, and of one that is not UTF-8 each byte beyond ASCII becomes '?'. NULL for text is null.
 */
#define PUT(name, type, write)                                                                                  \
	static inline __attribute__((always_inline)) void name(struct rpc_text *t, const char *key, type value) \
	{                                                                                                       \
		put_key(t, key);                                                                                \
		write(t, value);                                                                                \
	}
PUT(put_int, int64_t, rpc_text_int)
PUT(put_count, uint64_t, rpc_text_count)
PUT(put_text, const char *, rpc_text_text)
PUT(put_mac, const struct mac *, rpc_text_mac) /* "02:f1:00:00:00:01", or null for the zero address */
PUT(put_json, json_t *,
    rpc_text_json) /* a tree, which is taken over: for what is small and not asked for often. NULL is short memory */
#undef PUT

/* A word of ours that stands for itself: true, null, { */
static inline __attribute__((always_inline)) void
put_word(struct rpc_text *t, const char *key, const char *word)
{
	put_key(t, key);
	rpc_text_add(t, word, strlen(word));
}

static inline void
put_bool(struct rpc_text *t, const char *key, bool value)
{
	put_word(t, key, value ? "true" : "false");
}

static inline void
put_null(struct rpc_text *t, const char *key)
{
	put_word(t, key, "null");
}

/* An object or a list as a value, and its end. */
static inline void
put_object(struct rpc_text *t, const char *key)
{
	put_word(t, key, "{");
}

static inline void
put_object_end(struct rpc_text *t)
{
	rpc_text_add(t, "}", 1);
}

static inline void
put_list(struct rpc_text *t, const char *key)
{
	put_word(t, key, "[");
}

static inline void
put_list_end(struct rpc_text *t)
{
	rpc_text_add(t, "]", 1);
}
#endif
