#ifndef CTL_YDOC_H
#define CTL_YDOC_H
/*
 * ydoc.h - one YAML document as a tree whose nodes know their line and column. Private to the configuration.
 *
 * Taken: one document of mappings, lists and scalars. Refused, with the place: anchors and aliases (so a small file cannot
 * grow), tags, keys that are not plain words, a second document, tabs that indent, bytes that are not UTF-8 text, more than
 * YDOC_DEPTH_MAX levels or YDOC_NODES_MAX nodes. Scalars stay text: what is a number or a switch is for the schema to say.
 */
#include <stdbool.h>
#include <stddef.h>

struct config_log;

#define YDOC_DEPTH_MAX 16        /* our choice: the schema's deepest value is at level 8 */
#define YDOC_NODES_MAX (1 << 18) /* our choice: 1024 ports with every key take 50,000 */

enum ynode_kind {
	YNODE_SCALAR,
	YNODE_LIST,
	YNODE_MAP,
	YNODE_REFUSED, /* an alias: its mistake is in the log already */
};

struct ynode {
	enum ynode_kind kind;
	bool plain;            /* a scalar without quotes */
	bool bad;              /* a mistake in it, or below it, is in the log already */
	unsigned line, column; /* from 1 */
	unsigned index;        /* place in its parent, from 0 */
	unsigned n;            /* entries of a list or mapping */
	const char *text;      /* scalar: valid UTF-8 without NUL */
	const char *noun;      /* set by the schema's walk: "port" */
	struct ynode *key;     /* in a mapping: a scalar; else NULL */
	struct ynode *parent, *first, *last, *next;
};

struct ydoc {
	struct ynode *root; /* NULL: an empty file */
	struct ydoc_chunk *chunks;
	unsigned n_nodes;
};

/*
 * Reads len bytes. Mistakes go to log; after one that ends the reading (not YAML at all, not text, too deep, too much) returns
 * -EINVAL, for want of memory -ENOMEM, both with one in the log. Else returns 0 and a tree without the refused parts. The caller calls ydoc_free() in every case.
 */
int ydoc_read(struct ydoc *doc, const char *text, size_t len, struct config_log *log);
void ydoc_free(struct ydoc *doc);

/* The first entry of that key in a mapping; NULL when there is none, or map is NULL or no mapping. */
struct ynode *ynode_get(const struct ynode *map, const char *key);

/* Marks node and all that it lies in as having a mistake. */
void ynode_spoil(struct ynode *node);

/*
 * Checks that text is printable UTF-8 whose lines begin without tabs, each mistake to log (ydoc_text.c). Returns how many there
 * are. The rules are libyaml's own, so that each is said in words for people, and all of them.
 */
unsigned ydoc_check_text(const char *text, size_t len, struct config_log *log);
#endif
