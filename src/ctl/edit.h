#ifndef CTL_EDIT_H
#define CTL_EDIT_H
/*
 * edit.h - how handlers change single settings: the running configuration, with another value in it. Private to them. Control thread.
 *
 * The edited copy becomes text and is read again, so that one set of checks and one way to change the host serve both the
 * file and the command line. A change happens whole or not at all.
 */
#include "ctl/handlers.h"

/* Changes a copy's object as params say; returns 0, or -errno with err. */
typedef int (*edit_adapter_fn)(struct config_adapter *is, const json_t *params, struct err *err);
typedef int (*edit_port_fn)(struct config_port *is, const json_t *params, struct err *err);

/* Runs with the adapter, or port, that params name changed by set. *result: {adapter or port, changed}, of a port made_anew, too. */
int edit_adapter(struct host *host, const json_t *params, edit_adapter_fn set, json_t **result, struct err *err);
int edit_port(struct host *host, const json_t *params, edit_port_fn set, json_t **result, struct err *err);

/* An edit_port_fn: the settings of `port set` (edit_port.c). */
int set_port(struct config_port *is, const json_t *params, struct err *err);

/* Puts a parameter into its field, when it is there. */
void edit_number(const json_t *params, const char *key, unsigned *field);
void edit_bool(const json_t *params, const char *key, bool *field);
/* An ENUM by the place of its word in choices, which is its value. */
void edit_word(const json_t *params, const char *key, const char *const *choices, unsigned *field);

/* -EINVAL with err when no parameter of the method but the object's name is there. */
int edit_something(const json_t *params, const char *noun, const char *verb, struct err *err);
#endif
