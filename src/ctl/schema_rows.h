#ifndef CTL_SCHEMA_ROWS_H
#define CTL_SCHEMA_ROWS_H
/*
 * schema_rows.h - how a row of the configuration's tables is written. Private to schema_config.c and schema_adapter.c.
 */
#include "ctl/config_bind.h"

#define BIND(type, field, ...)        \
	(&(const struct config_bind){ \
		.offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field), __VA_ARGS__ })
#define LIST_BIND(type, field, number, at_least)                                    \
	(&(const struct config_bind){ .offset = offsetof(struct type, field),       \
				      .size = sizeof(((struct type *)0)->field[0]), \
				      .count = offsetof(struct type, number),       \
				      .least = at_least,                            \
				      .most = sizeof(((struct type *)0)->field) /   \
					      sizeof(((struct type *)0)->field[0]) })
#define ITEMS_BIND(which) (&(const struct config_bind){ .items = which })
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NOT_OFFERED(key, kind, text)                                         \
	{                                                                    \
		.name = key, .type = kind, .not_offered = true, .help = text \
	}
#define END_OF_KEYS          \
	{                    \
		.name = NULL \
	}

extern const struct schema_object schema_adapter; /* schema_adapter.c */
#endif
