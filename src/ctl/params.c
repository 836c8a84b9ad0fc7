/* params.c - parameters and results, judged by the schema; see params.h. */
#include "ctl/params.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "ctl/config.h"

#define WORDS_MAX 64 /* of a choice or of a method's parameters; params_test.c checks that the schema stays below */

/* What a client sent may be long: messages show this much of it. */
#define SHOWN "%.64s"

static const char *
type_wanted(enum schema_type type)
{
	switch (type) {
	case SCHEMA_BOOL:
		return "true or false";
	case SCHEMA_INT:
		return "a whole number";
	case SCHEMA_MAC:
		return "a MAC address, as 02:f1:00:00:00:01";
	case SCHEMA_LIST:
		return "a list of texts";
	default:
		return "a text";
	}
}

static const char *
type_found(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a text";
	case JSON_INTEGER:
		return "a whole number";
	case JSON_REAL:
		return "a number with a fraction";
	case JSON_NULL:
		return "null";
	default:
		return "true or false";
	}
}

static int
wrong_type(const struct schema_key *k, const json_t *v, struct err *err)
{
	return err_set(err, -EINVAL, "%s takes %s, got %s", k->name, type_wanted(k->type), type_found(v));
}

static int
name_check(const struct schema_key *k, const char *name, struct err *err)
{
	size_t len = strlen(name);

	if (len >= CONFIG_NAME_MAX)
		return err_set(err, -EINVAL, "%s '" SHOWN "' is longer than %d characters", k->name, name,
			       CONFIG_NAME_MAX - 1);
	if (isalpha((unsigned char)name[0]) && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
							    "0123456789-_.") == len)
		return 0;
	err_set(err, -EINVAL, "%s '" SHOWN "' is not a name", k->name, name);
	err_hint(err, "a name begins with a letter and has letters, digits, '-', '_' and '.'");
	return -EINVAL;
}

static int
int_check(const struct schema_key *k, const json_t *v, json_t **out, struct err *err)
{
	json_int_t n = json_integer_value(v);

	if (n < k->min || n > k->max)
		return err_set(err, -EINVAL, "%s %lld is outside %lld to %lld", k->name, (long long)n,
			       (long long)k->min, (long long)k->max);
	*out = json_integer(n);
	return *out == NULL ? -ENOMEM : 0;
}

static int
string_check(const struct schema_key *k, const char *s, json_t **out, struct err *err)
{
	size_t len = strlen(s);
	struct mac mac;
	char text[MAC_TEXT_LEN];
	int64_t number;
	int rc = 0;

	if (k->type == SCHEMA_MAC) {
		if (mac_parse(s, &mac) < 0)
			return err_set(err, -EINVAL, "%s '" SHOWN "' is not %s", k->name, s, type_wanted(k->type));
		s = mac_format(&mac, text);
	} else if (k->type == SCHEMA_ENUM) {
		rc = schema_parse(k, s, &number, err);
	} else if (k->type == SCHEMA_NAME) {
		rc = name_check(k, s, err);
	} else if ((int64_t)len > k->max) {
		rc = err_set(err, -EINVAL, "%s has %zu bytes; at most %lld fit", k->name, len, (long long)k->max);
	} else if ((int64_t)len < k->min) {
		rc = err_set(err, -EINVAL, "%s is empty", k->name);
	}
	if (rc < 0)
		return rc;
	*out = json_string(s);
	return *out == NULL ? -ENOMEM : 0;
}

/* Words, one at least, each a choice; whether one may stand there twice is not the schema's to say. */
static int
list_check(const struct schema_key *k, const json_t *list, json_t **out, struct err *err)
{
	struct schema_key each = *k;
	const json_t *word;
	int64_t unused;
	size_t i, n = 0;

	each.type = k->item;
	while (k->choices[n] != NULL)
		n++;
	if (json_array_size(list) == 0)
		return err_set(err, -EINVAL, "%s is empty", k->name);
	if (json_array_size(list) > n)
		return err_set(err, -EINVAL, "%s has %zu elements; there are %zu to choose from", k->name,
			       json_array_size(list), n);
	json_array_foreach(list, i, word)
	{
		if (!json_is_string(word))
			return wrong_type(&each, word, err);
		if (schema_parse(&each, json_string_value(word), &unused, err) < 0)
			return -EINVAL;
	}
	*out = json_deep_copy(list);
	return *out == NULL ? -ENOMEM : 0;
}

static int
value_check(const struct schema_key *k, const json_t *v, json_t **out, struct err *err)
{
	switch (k->type) {
	case SCHEMA_BOOL:
		if (!json_is_boolean(v))
			return wrong_type(k, v, err);
		*out = json_boolean(json_is_true(v));
		return 0;
	case SCHEMA_INT:
		return json_is_integer(v) ? int_check(k, v, out, err) : wrong_type(k, v, err);
	case SCHEMA_ENUM:
	case SCHEMA_NAME:
	case SCHEMA_STRING:
	case SCHEMA_MAC:
		return json_is_string(v) ? string_check(k, json_string_value(v), out, err) : wrong_type(k, v, err);
	case SCHEMA_LIST:
		return json_is_array(v) && k->item == SCHEMA_ENUM ? list_check(k, v, out, err) : wrong_type(k, v, err);
	default:
		return err_set(err, -EINVAL, "%s cannot be given by RPC", k->name);
	}
}

/* The default of k. */
static int
fallback_value(const struct schema_key *k, json_t **out, struct err *err)
{
	int64_t number;
	int rc = schema_parse(k, k->fallback, &number, err);

	if (rc < 0)
		return rc;
	if (k->type == SCHEMA_BOOL)
		*out = json_boolean(number);
	else if (k->type == SCHEMA_INT)
		*out = json_integer(number);
	else
		*out = json_string(k->fallback);
	return *out == NULL ? -ENOMEM : 0;
}

static size_t
param_names(const struct schema_method *m, const char *words[WORDS_MAX])
{
	size_t n = 0;

	for (const struct schema_key *k = m->params; k != NULL && k->name != NULL && n < WORDS_MAX; k++)
		words[n++] = k->name;
	return n;
}

static int
unknown_param(const struct schema_method *m, const char *given, struct err *err)
{
	const char *words[WORDS_MAX], *near;
	char list[256], method[64];
	size_t n = param_names(m, words);

	err_set(err, -EINVAL, "%s has no parameter '" SHOWN "'", schema_method_name(m, method, sizeof(method)), given);
	near = err_nearest(given, words, n);
	schema_join(words, n, list, sizeof(list));
	if (near != NULL)
		err_hint(err, "did you mean '%s'?", near);
	else if (n > 0)
		err_hint(err, "parameters: %s", list);
	else
		err_hint(err, "it takes none");
	err_path(err, SHOWN, given);
	return -EINVAL;
}

static int
param_fill(const struct schema_key *k, const json_t *in, json_t *params, struct err *err)
{
	const json_t *v = json_object_get(in, k->name);
	json_t *value = NULL;
	int rc;

	if (v == NULL && k->required) {
		rc = err_set(err, -EINVAL, "%s is missing", k->name);
		err_hint(err, "%s: %s", k->name, k->help);
	} else if (v != NULL) {
		rc = value_check(k, v, &value, err);
	} else if (k->fallback != NULL) {
		rc = fallback_value(k, &value, err);
	} else {
		return 0;
	}
	if (rc == -EINVAL)
		err_path(err, "%s", k->name);
	if (rc < 0)
		return rc;
	return json_object_set_new(params, k->name, value) < 0 ? -ENOMEM : 0;
}

int
params_check(const struct schema_method *method, const json_t *in, json_t **out, struct err *err)
{
	json_t *params, *value;
	const char *name;
	int rc = 0;

	/* json_object_foreach() takes no const object; nothing is changed. */
	json_object_foreach((json_t *)in, name, value)
	{
		const struct schema_key *k = schema_key_find(method->params, name);

		if (k == NULL || strcmp(k->name, name) != 0)
			return unknown_param(method, name, err);
	}
	params = json_object();
	if (params == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	for (const struct schema_key *k = method->params; k != NULL && k->name != NULL && rc == 0; k++)
		rc = param_fill(k, in, params, err);
	if (rc < 0) {
		json_decref(params);
		return rc == -ENOMEM ? err_set(err, rc, "out of memory") : rc;
	}
	*out = params;
	return 0;
}

json_t *
json_text(const char *text)
{
	json_t *s = json_string(text);
	char *copy;

	if (s != NULL)
		return s;
	copy = strdup(text);
	if (copy == NULL)
		return NULL;
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	s = json_string(copy);
	free(copy);
	return s;
}
