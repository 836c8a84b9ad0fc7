#ifndef CLI_TOP_KEYS_H
#define CLI_TOP_KEYS_H
/*
 * top_keys.h - what a key does to the view, or asks of the daemon, and what is said then.
 *
 * Pure. One table has all keys: what they do, their help, and the method that they call.
 */
#include "cli/canvas.h"
#include "cli/top_view.h"
#include "ctl/schema.h"

/* Beside printable ASCII, which stands for itself. */
enum top_key {
	TOP_KEY_NONE = 0,
	TOP_KEY_ENTER = '\n',
	TOP_KEY_ESCAPE = 0x1b,
	TOP_KEY_ERASE = 0x7f,
	TOP_KEY_UP = 256,
	TOP_KEY_DOWN,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
};

/* A change that a key wants of the daemon. */
struct top_call {
	const struct schema_method *method;
	json_t *params;  /* the receiver's to free */
	char what[160];  /* "queue 3 (vm2): moved to processor 1", when it is done */
	char object[64]; /* "queue 3 (vm2)", when it is refused */
};

enum top_order { TOP_STAY, TOP_REDRAW, TOP_QUIT, TOP_CALL };

/*
 * Takes a key. TOP_CALL: *call is filled, and its answer goes to top_keys_answered. m and rows are of the picture that the person
 * saw.
 */
enum top_order top_keys_take(struct top_view *v, const struct top_model *m, const struct top_rows *rows, int key,
			     struct top_call *call);

/* Says how it ended: result is its answer, or NULL and err says why it was refused, or why nothing was heard. */
void top_keys_answered(struct top_view *v, const struct top_call *call, const json_t *result, const struct err *err);

/* The keys in one line, as far as there is room. */
void top_keys_hints(struct canvas *c, int y);

/* All of them, with what they do, in place of the picture. */
void top_keys_help(struct canvas *c);
#endif
