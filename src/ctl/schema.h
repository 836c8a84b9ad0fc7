#ifndef CTL_SCHEMA_H
#define CTL_SCHEMA_H
/*
 * schema.h - each object and operation, described once.
 *
 * schema_config.c: the objects of the configuration file and their keys. schema_methods.c: the RPC methods. From these
 * tables come the file's checks, RPC validation, the CLI with its help and completion, and the reference pages.
 * Immutable; any thread; the CLI too.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum schema_type {
	SCHEMA_BOOL,   /* on | off (also true | false, yes | no in the file) */
	SCHEMA_INT,    /* min..max */
	SCHEMA_ENUM,   /* one of choices */
	SCHEMA_NAME,   /* the name of an object */
	SCHEMA_STRING, /* at most max bytes */
	SCHEMA_MAC,
	SCHEMA_PREFIX,   /* address/bits */
	SCHEMA_SPEED,    /* 10G, 2500M; megabits per second */
	SCHEMA_VLAN_SET, /* [10, 20-30] */
	SCHEMA_OBJECT,   /* of */
	SCHEMA_LIST,     /* of objects (of), or of scalars (item) */
};

struct schema_object;

/* One key of a configuration object, or one parameter of a method, or one key of a result. */
struct schema_key {
	const char *name;
	enum schema_type type;
	enum schema_type item; /* LIST of scalars: their type */
	bool required;
	int64_t min,
		max; /* INT: value, SPEED: Mb/s, STRING: bytes, LIST: of scalars: each one's, of objects: entries */
	const char *const *choices; /* ENUM: NULL-terminated */
	const char *fallback;       /* default as text, NULL when there is none */
	const char *unit;           /* "ms", "packets", "Mb/s", NULL */
	const char *help;           /* one line */
	const struct schema_object *of;
	bool filled; /* a parameter that the CLI fills in itself, as the text of the file that it was given */
	const char *const
		*planned; /* values known but not offered by this version, NULL-terminated; of an ENUM: among choices */
	bool not_offered; /* the same for the whole key; help, completion and checks name it nowhere as valid */
	const void *bind; /* the table owner's own: where the value goes (config_bind.h); NULL: nowhere */
};

struct schema_object {
	const char *name; /* "port" */
	const char *help;
	const struct schema_key *keys; /* ends with name NULL */
};

/* The whole file. */
extern const struct schema_object schema_config;

struct schema_error {
	int code; /* positive errno */
	const char *text;
};

enum schema_result { RESULT_OBJECT, RESULT_LIST };

struct schema_method {
	const char *noun, *verb; /* method "noun.verb"; verb is NULL for `drops` */
	const char *summary;     /* one line, as in the help */
	const struct schema_key
		*params; /* ends with name NULL; NULL: none. The CLI takes one of them as a word: schema_word() */
	enum schema_result result;
	const struct schema_key *
		columns; /* keys of the result (of one element), in the order of the CLI's table; ends with name NULL */
	const struct schema_error *errors; /* ends with code 0; NULL: none of its own */
	const char *
		example; /* a command line that works with one of examples/: converged-host.yaml, vm-host.yaml, sriov.yaml */
	bool changes; /* refused on the read-only socket; writes an audit line */
	bool follows; /* the CLI asks again and again, with `since` the last element's `serial`, until it is interrupted */
	bool local; /* the CLI does it without a daemon (config check, completion) */
};

extern const struct schema_method schema_methods[]; /* ends with noun NULL */

/* By noun and verb (verb NULL or "" for those without); NULL when there is none. */
const struct schema_method *schema_method_find(const char *noun, const char *verb);

/*
 * The parameter that the command line takes without an option, as PORT in `port show PORT`: the first SCHEMA_NAME one, else the
 * first required one; NULL when there is none.
 */
const struct schema_key *schema_word(const struct schema_method *method);

/* The key called name in a table that ends with name NULL; '-' and '_' are the same. NULL when there is none, or keys is NULL. */
const struct schema_key *schema_key_find(const struct schema_key *keys, const char *name);

/* "port.set", or "drops" for a noun without verbs: at most size bytes with NUL; returns out. */
char *schema_method_name(const struct schema_method *method, char *out, size_t size);

/* By such a name; NULL when there is none. */
const struct schema_method *schema_method_by_name(const char *name);

/*
 * What text means for key, by its type alone, not its range: *number is set for INT, and for BOOL (on, true, yes: 1; off, false,
 * no: 0); an ENUM's text must be one of its choices, that of a LIST of them several with commas between. Returns 0, or -EINVAL with err set.
 */
int schema_parse(const struct schema_key *key, const char *text, int64_t *number, struct err *err);

/* "a, b, c" from n words; those that do not fit into size bytes are left out. */
void schema_join(const char *const *words, size_t n, char *out, size_t size);
#endif
