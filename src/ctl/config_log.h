#ifndef CTL_CONFIG_LOG_H
#define CTL_CONFIG_LOG_H
/*
 * config_log.h - collects the mistakes of one file, in the order of the file. Private to the configuration.
 *
 * Any order in, sorted by line and column out; the first CONFIG_LOG_MAX of the file stay, the others are counted.
 */
#include "ctl/config.h"

#define CONFIG_LOG_MAX 100 /* our choice: more than anybody reads; bounds the memory that a hostile file can cost */
#define CONFIG_SHOW_MAX 64

struct config_log {
	struct config_mistake *list; /* room for CONFIG_LOG_MAX, sorted */
	unsigned n, hidden;
	bool no_memory;
};

/* Returns 0, or -ENOMEM: then nothing can be collected, and config_log_take() says so. */
int config_log_init(struct config_log *log);

/* Adds a copy of err at a place; line and column count from 1, 0 when unknown. */
void config_log_add(struct config_log *log, unsigned line, unsigned column, const struct err *err);

/*
 * Would a mistake at this place be hidden? Then it is counted as added, and the caller saves the work of wording it: a file of
 * a hundred thousand mistakes must not cost a hundred thousand sentences.
 */
bool config_log_hides(struct config_log *log, unsigned line, unsigned column);

/* How many were added, the hidden ones too. */
unsigned config_log_count(const struct config_log *log);

/* Hands the mistakes over (out may be NULL: they are dropped) and empties the log. */
void config_log_take(struct config_log *log, struct config_mistakes *out);

/*
 * The user's text for a message: control characters, also those of C1, become '?' so that a file cannot drive the terminal;
 * longer ones end with "...". Writes CONFIG_SHOW_MAX bytes; returns out.
 */
char *config_show(const char *text, char out[CONFIG_SHOW_MAX]);
#endif
