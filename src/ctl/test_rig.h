#ifndef CTL_TEST_RIG_H
#define CTL_TEST_RIG_H
/*
 * test_rig.h - a real host in a network namespace of its own, for tests that ask it by its methods. As root: the keeper
 * makes TAP interfaces. Tests only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/methods.h"

/* What runs before each test, and stands in the file at config_path. */
extern const char host_text[];
extern char config_path[64];
extern char rig_folder[]; /* the run directory */
extern struct host host;
extern struct control control;

/* Runs tests in two processes as in main.c: the keeper, and the host that is tested. Returns the exit status. */
int rig_main(int (*tests)(void));

/* For cmocka: before and after the group, and before each test. */
int rig_start(void **state);
int rig_stop(void **state);
int rig_fresh(void **state);

#define RIG_TEST(name) cmocka_unit_test_setup(name, rig_fresh)

/* "{'port': 'vm1'}", single quotes for double ones, as a value. */
json_t *json_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Calls the code of a method as the RPC server does, and fails when the answer breaks the schema. Takes params over. */
int call(const char *method, json_t *params, json_t **result, struct err *err);

/* The same for what must be done. The caller gives the answer back. */
json_t *asked(const char *method, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* config.apply of a file f.yaml with that text. */
json_t *applied(const char *yaml, int confirm_s);

/* One key of the answer must be so. Takes result over. */
void key_is(json_t *result, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The first element whose key has that value (NULL: null) of a list, which it takes over. */
json_t *row_of(json_t *list, const char *key, const char *value);

/* host_text with the first `from` replaced by `to`. The caller frees. */
char *replaced(const char *from, const char *to);
#endif
