#ifndef CLI_FILE_H
#define CLI_FILE_H
/*
 * file.h - configuration files, as far as the CLI looks at them itself.
 */
#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Reads a file of at most CONFIG_TEXT_MAX bytes ("-": standard input) that is UTF-8 text. *text is malloc'ed, with a NUL behind
 * its *len bytes. Returns 0, or a negative errno with err set.
 */
int file_read(const char *path, char **text, size_t *len, struct err *err);

/*
 * Checks the file as config.check answers: *result is {file, valid, mistakes}; *words, for people, is NULL when it is valid, else
 * malloc'ed. Returns 0 (also for a file with mistakes), or a negative errno with err set.
 */
int file_check(const char *path, json_t **result, char **words, struct err *err);

/*
 * Fills text, file and caller of config.apply in. A file with mistakes: -EINVAL with all of them in *words (malloc'ed), err empty.
 * Returns 0, or a negative errno with err set.
 */
int file_fill(json_t *params, char **words, struct err *err);
#endif
