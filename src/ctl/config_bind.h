#ifndef CTL_CONFIG_BIND_H
#define CTL_CONFIG_BIND_H
/*
 * config_bind.h - what stands behind schema_key.bind in schema_config.c: where a key's value goes. Private to the configuration.
 *
 * One row of the table is all that the checker, the defaults and the emitter know of a key.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/config.h"
#include "ctl/schema.h"

/* The lists of objects, each with its array in struct config. */
enum config_items { ITEMS_NONE, ITEMS_ADAPTERS, ITEMS_SWITCHES, ITEMS_PORTS, ITEMS_STATICS, ITEMS_COUNT };

/* A name that stands for another object; the field holds its index, resolved when the whole file was read. */
enum config_ref { REF_NONE, REF_ADAPTER, REF_PORT };

/* A text that is something else in its field, or more than one. A key that has one is required or has a fallback. */
struct config_codec {
	/* Returns 0, or -EINVAL with msg (what is wrong, without the key's name) and hint. */
	int (*parse)(const char *text, void *field, struct err *err);
	char *(*format)(const void *field, char *out, size_t size); /* returns out */
};

struct config_bind {
	size_t offset;                          /* of the field in its object's struct */
	size_t size;                            /* of the field; LIST of scalars: of one entry */
	size_t count;                           /* LIST of scalars: offset of their number, an unsigned */
	unsigned least, most;                   /* LIST of scalars: entries */
	size_t given;                           /* offset of a bool: the key was there; 0: none */
	int64_t absent;                         /* INT and SPEED without a default: the field's value when left out */
	int64_t (*implied)(const void *object); /* INT: or else, the default that follows from other keys */
	enum config_items items;                /* LIST of objects */
	enum config_ref ref;
	const struct config_codec *codec;                /* STRING */
	int (*check)(const char *text, struct err *err); /* STRING: a further rule; as codec.parse */
};

/* config_text.c: the rules of texts that have some. All return 0, or -EINVAL with msg and hint. */
int config_check_name(const char *text, struct err *err);
int config_check_interface(const char *text, struct err *err);
int config_check_netns(const char *text, struct err *err);
int64_t config_port_mtu_implied(const void *port);
int config_check_socket(const char *text, struct err *err);
int config_check_owner(const char *text, struct err *err);
extern const struct config_codec config_uplink_codec; /* of a whole struct config_adapter: kind and arg */
extern const struct config_codec config_mode_codec;   /* of an unsigned: a file mode */
extern const struct config_codec config_key_codec;    /* of CONFIG_RSS_KEY_LEN bytes: hexadecimal */
#endif
