#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H
/* options.h - command lines of load programs: options are declared in tables, --help comes from there. Start-up only. */
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_NUMBER, /* unsigned long, from least to most */
	OPTION_REAL,   /* double, from 0 to most */
	OPTION_TEXT,   /* const char *, borrowed from argv */
	OPTION_FLAG,   /* bool, no argument */
	OPTION_MAC,    /* uint8_t[6] */
};

struct option_row {
	const char *name; /* NULL ends a table */
	enum option_kind kind;
	size_t at; /* where in the struct of its group */
	unsigned long least, most;
	const char *argument, *help; /* argument: as shown, "N" */
};

struct option_group {
	const struct option_row *rows;
	void *into; /* holds the defaults */
};

/*
 * Reads argv into the n groups. `about`: what --help says first. Ends the program: with status 0 after --help, 2 after a
 * sentence about what cannot be used.
 */
void options_read(const struct option_group *groups, unsigned n, const char *about, char **argv);

/* Ends the program with status 2 and a sentence. */
_Noreturn void options_refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#endif
