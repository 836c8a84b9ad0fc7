#ifndef CLI_TOP_TAKE_H
#define CLI_TOP_TAKE_H
/*
 * top_take.h - how values come out of a daemon's answers, whatever stands there. For top_model.c and top_events.c alone.
 */
#include <stdlib.h>

#include "cli/canvas.h"
#include "cli/top_model.h"

#define TOP_NUMBER_MAX 999999 /* far above all that a daemon has */
#define TOP_PERCENT_MAX 999   /* as wide as its column */

static inline uint64_t
count_of(const json_t *row, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(row, key));

	return n > 0 ? (uint64_t)n : 0;
}

/* A number of something: the picture counts in int. */
static inline unsigned
number_of(const json_t *row, const char *key)
{
	uint64_t n = count_of(row, key);

	return n < TOP_NUMBER_MAX ? (unsigned)n : TOP_NUMBER_MAX;
}

static inline double
percent_of(const json_t *row, const char *key)
{
	double value = json_number_value(json_object_get(row, key));

	return value <= 0 ? 0 : value < TOP_PERCENT_MAX ? value : TOP_PERCENT_MAX;
}

/* TOP_UNKNOWN for what is not there, or null. */
static inline double
percent_if_told(const json_t *row, const char *key)
{
	return json_is_number(json_object_get(row, key)) ? percent_of(row, key) : TOP_UNKNOWN;
}

static inline bool
is_true(const json_t *row, const char *key)
{
	return json_is_true(json_object_get(row, key));
}

/* The array out of an object's key, as a name that is safe. */
#define NAME_OF(row, key, out) text_safe(json_string_value(json_object_get(row, key)), out, sizeof(out))

static inline void
rate_set(struct top_rate *rate, const struct top_rate *before, const json_t *row, const char *key, double seconds)
{
	rate->count = count_of(row, key);
	rate->per_s = TOP_UNKNOWN;
	if (before != NULL && seconds > 0 && rate->count >= before->count)
		rate->per_s = (double)(rate->count - before->count) / seconds;
}

static inline double
seconds_since(uint64_t before_ns, uint64_t now_ns)
{
	return before_ns == 0 || now_ns <= before_ns ? 0 : (double)(now_ns - before_ns) / 1e9;
}

/* Room for one element at least, so that NULL means: no memory. */
static inline void *
array_for(const json_t *list, size_t size)
{
	return calloc(json_array_size(list) + 1, size);
}

/* ---- top_events.c: what happened; as top_model_take() ---- */

int top_take_drops(struct top_model *m, const json_t *list, uint64_t now_ns);
int top_take_books(struct top_model *m, const json_t *row);
int top_take_moves(struct top_model *m, const json_t *list);
#endif
