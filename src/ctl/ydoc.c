/*
 * ydoc.c - libyaml's events into a tree; see ydoc.h.
 *
 * Built from events, not by libyaml's own loader: events carry the place of each node, an alias is an event that can be
 * refused (the loader would follow it), and the depth is ours to bound, without recursion.
 */
#include "ctl/ydoc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "ctl/config_log.h"

#define CHUNK_BYTES (32 << 10) /* our choice: a small file takes one */

struct ydoc_chunk {
	struct ydoc_chunk *next;
	size_t used, room;
	max_align_t bytes[];
};

struct reader {
	struct ydoc *doc;
	struct config_log *log;
	struct ynode *open;   /* the collection that events go into; NULL outside the root */
	struct ynode *key;    /* of open, when it is a mapping whose value comes next */
	unsigned depth, skip; /* skip: open levels of a collection that stands where a key belongs */
	unsigned n_documents;
	int error;
};

static void *
doc_alloc(struct ydoc *doc, size_t size)
{
	struct ydoc_chunk *chunk = doc->chunks;
	size_t need = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	void *out;

	if (chunk == NULL || chunk->room - chunk->used < need) {
		size_t room = need > CHUNK_BYTES ? need : CHUNK_BYTES;

		chunk = malloc(sizeof(*chunk) + room);
		if (chunk == NULL)
			return NULL;
		*chunk = (struct ydoc_chunk){ .next = doc->chunks, .room = room };
		doc->chunks = chunk;
	}
	out = (char *)chunk->bytes + chunk->used;
	chunk->used += need;
	return out;
}

void
ydoc_free(struct ydoc *doc)
{
	while (doc->chunks) {
		struct ydoc_chunk *next = doc->chunks->next;

		free(doc->chunks);
		doc->chunks = next;
	}
	memset(doc, 0, sizeof(*doc));
}

struct ynode *
ynode_get(const struct ynode *map, const char *key)
{
	if (map == NULL || map->kind != YNODE_MAP)
		return NULL;
	for (struct ynode *n = map->first; n; n = n->next)
		if (strcmp(n->key->text, key) == 0)
			return n;
	return NULL;
}

void
ynode_spoil(struct ynode *node)
{
	for (; node && !node->bad; node = node->parent)
		node->bad = true;
}

static int
refuse(struct reader *r, const yaml_mark_t *at, const char *hint, const char *msg)
{
	struct err err;

	err_set(&err, -EINVAL, "%s", msg);
	err_hint(&err, "%s", hint);
	config_log_add(r->log, (unsigned)at->line + 1, (unsigned)at->column + 1, &err);
	return -EINVAL;
}

static int
no_memory(struct reader *r)
{
	struct err err;

	err_set(&err, -ENOMEM, "there is not enough memory to read the file");
	config_log_add(r->log, 0, 0, &err);
	return -ENOMEM;
}

static bool
wants_key(const struct reader *r)
{
	return r->open && r->open->kind == YNODE_MAP && r->key == NULL;
}

/* Hangs node into the open collection, as a key or as the next entry. */
static void
attach(struct reader *r, struct ynode *node)
{
	struct ynode *open = r->open;

	node->parent = open;
	if (open == NULL) {
		r->doc->root = node;
		return;
	}
	if (wants_key(r)) {
		r->key = node;
		return;
	}
	node->key = r->key;
	r->key = NULL;
	node->index = open->n++;
	if (open->last)
		open->last->next = node;
	else
		open->first = node;
	open->last = node;
}

/* NULL: the reading ends with r->error. */
static struct ynode *
node_new(struct reader *r, const yaml_mark_t *at, enum ynode_kind kind)
{
	struct ynode *node;

	if (r->doc->n_nodes++ >= YDOC_NODES_MAX) {
		r->error =
			refuse(r, at, "a configuration of 1024 ports needs far fewer", "the file has too many values");
		return NULL;
	}
	node = doc_alloc(r->doc, sizeof(*node));
	if (node == NULL) {
		r->error = no_memory(r);
		return NULL;
	}
	*node = (struct ynode){ .kind = kind, .line = (unsigned)at->line + 1, .column = (unsigned)at->column + 1 };
	return node;
}

static void
check_decoration(struct reader *r, const yaml_mark_t *at, const void *anchor, const void *tag)
{
	if (anchor)
		refuse(r, at, "write the values out at each place", "anchors ('&') are not taken here");
	if (tag)
		refuse(r, at, "leave the tag out: the schema knows each value's type", "tags ('!') are not taken here");
}

/* Stands for a value, or a key, that was refused, so that what follows finds its place; the walk passes over it. */
static int
attach_refused(struct reader *r, const yaml_mark_t *at)
{
	struct ynode *node = node_new(r, at, YNODE_REFUSED);

	if (node == NULL)
		return r->error;
	node->text = "";
	attach(r, node);
	ynode_spoil(node);
	return 0;
}

static int
take_scalar(struct reader *r, const yaml_event_t *event)
{
	size_t len = event->data.scalar.length;
	struct ynode *node;
	char *text;

	check_decoration(r, &event->start_mark, event->data.scalar.anchor, event->data.scalar.tag);
	if (r->skip > 0)
		return 0;
	if (memchr(event->data.scalar.value, '\0', len)) {
		refuse(r, &event->start_mark, "take the \\0 out", "this text has a NUL in it");
		return attach_refused(r, &event->start_mark);
	}
	node = node_new(r, &event->start_mark, YNODE_SCALAR);
	if (node == NULL)
		return r->error;
	text = doc_alloc(r->doc, len + 1);
	if (text == NULL)
		return no_memory(r);
	memcpy(text, event->data.scalar.value, len);
	text[len] = '\0';
	node->text = text;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	attach(r, node);
	return 0;
}

static int
take_alias(struct reader *r, const yaml_event_t *event)
{
	refuse(r, &event->start_mark, "write the values out at each place", "aliases ('*') are not taken here");
	return r->skip > 0 ? 0 : attach_refused(r, &event->start_mark);
}

static int
open_collection(struct reader *r, const yaml_event_t *event, enum ynode_kind kind)
{
	struct ynode *node;

	if (++r->depth > YDOC_DEPTH_MAX)
		return refuse(r, &event->start_mark, "nothing in a configuration lies deeper than 8 levels",
			      "the file is nested more than 16 levels deep");
	if (r->skip > 0) {
		r->skip++;
		return 0;
	}
	if (wants_key(r)) {
		refuse(r, &event->start_mark, "begin with a word and ': '",
		       "a list or mapping stands where a key belongs");
		r->skip = 1;
		return 0;
	}
	node = node_new(r, &event->start_mark, kind);
	if (node == NULL)
		return r->error;
	attach(r, node);
	r->open = node;
	return 0;
}

static int
close_collection(struct reader *r, const yaml_event_t *event)
{
	r->depth--;
	if (r->skip == 0) {
		r->open = r->open->parent;
		return 0;
	}
	if (--r->skip > 0)
		return 0;
	return attach_refused(r, &event->start_mark);
}

static int
take_event(struct reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++r->n_documents > 1)
			return refuse(r, &event->start_mark, "a configuration is one document; take the '---' out",
				      "a second document begins here");
		return 0;
	case YAML_SCALAR_EVENT:
		return take_scalar(r, event);
	case YAML_ALIAS_EVENT:
		return take_alias(r, event);
	case YAML_SEQUENCE_START_EVENT:
		check_decoration(r, &event->start_mark, event->data.sequence_start.anchor,
				 event->data.sequence_start.tag);
		return open_collection(r, event, YNODE_LIST);
	case YAML_MAPPING_START_EVENT:
		check_decoration(r, &event->start_mark, event->data.mapping_start.anchor,
				 event->data.mapping_start.tag);
		return open_collection(r, event, YNODE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_collection(r, event);
	default:
		return 0;
	}
}

/* libyaml's words for the mistakes that people make most, and what to do about them. */
static const struct {
	const char *problem, *hint;
} advice[] = {
	{ "mapping values are not allowed", "a value with ': ' in it needs quotes; or this line is indented wrongly" },
	{ "did not find expected key", "this line's indentation does not fit the lines above it" },
	{ "did not find expected '-'", "this line's indentation does not fit the lines above it" },
	{ "could not find expected ':'", "write KEY: VALUE, with a blank after the colon" },
	{ "did not find expected ','",
	  "close each '{' with '}' and each '[' with ']', with commas between the entries" },
	{ "did not find expected node", "a comma too many, or a value is missing" },
	{ "found character that cannot start", "a value that begins with such a sign needs quotes" },
	{ "found unexpected end of stream", "close the quotes" },
	{ "block sequence entries are not allowed", "begin the list in a line of its own" },
	{ "found unknown escape character",
	  "in double quotes a backslash begins an escape; write it twice, or use single quotes" },
	{ "found undefined tag handle", "a value that begins with '!' needs quotes" },
};

/* The character of that number; libyaml's marks count characters, not bytes. */
static char
char_at(const char *text, size_t len, size_t index)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80 && index-- == 0)
			return text[i];
	return '\0';
}

static int
refuse_syntax(struct reader *r, const yaml_parser_t *parser, const char *text, size_t len)
{
	const char *problem = parser->problem ? parser->problem : "the parser gave up";
	const yaml_mark_t *at = &parser->problem_mark;
	const char *hint = "";
	struct err err;

	if (parser->error == YAML_MEMORY_ERROR)
		return no_memory(r);
	if (char_at(text, len, at->index) == '\t')
		return refuse(r, at, "YAML takes only spaces there", "a tab stands where spaces indent");
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (strncmp(problem, advice[i].problem, strlen(advice[i].problem)) == 0)
			hint = advice[i].hint;
	err_set(&err, -EINVAL, "this is not YAML: %s", problem);
	if (parser->context)
		err_set(&err, -EINVAL, "this is not YAML: %s %s that begins in line %zu", problem, parser->context,
			parser->context_mark.line + 1);
	err_hint(&err, "%s", hint);
	config_log_add(r->log, (unsigned)at->line + 1, (unsigned)at->column + 1, &err);
	return -EINVAL;
}

static int
read_events(struct reader *r, yaml_parser_t *parser, const char *text, size_t len)
{
	bool more = true;

	while (more) {
		yaml_event_t event;
		int ret;

		if (!yaml_parser_parse(parser, &event))
			return refuse_syntax(r, parser, text, len);
		more = event.type != YAML_STREAM_END_EVENT;
		ret = take_event(r, &event);
		yaml_event_delete(&event);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int
ydoc_read(struct ydoc *doc, const char *text, size_t len, struct config_log *log)
{
	struct reader r = { .doc = doc, .log = log };
	yaml_parser_t parser;
	int ret;

	memset(doc, 0, sizeof(*doc));
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (ydoc_check_text(text, len, log) > 0)
		return -EINVAL;
	if (!yaml_parser_initialize(&parser))
		return no_memory(&r);
	/* Without this, two bytes that look like a UTF-16 mark would change how all the others are read. */
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	ret = read_events(&r, &parser, text, len);
	yaml_parser_delete(&parser);
	return ret;
}
