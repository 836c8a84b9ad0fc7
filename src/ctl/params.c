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

/* What a person typed may be long: messages show this much of it. */
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

/* "a, b, c" from n words; what does not fit is left out. */
static void
words_join(const char *const *words, size_t n, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		int more = snprintf(out + len, size - len, "%s%s", i == 0 ? "" : ", ", words[i]);

		if (more < 0 || (size_t)more >= size - len)
			return;
		len += (size_t)more;
	}
}

static int
choice_check(const struct schema_key *k, const char *word, struct err *err)
{
	const char *near;
	char list[256];
	size_t n = 0;

	for (; k->choices[n] != NULL; n++)
		if (strcmp(k->choices[n], word) == 0)
			return 0;
	words_join(k->choices, n, list, sizeof(list));
	near = err_nearest(word, k->choices, n);
	err_set(err, -EINVAL, "%s cannot be '" SHOWN "'", k->name, word);
	if (near != NULL)
		err_hint(err, "did you mean '%s'? valid: %s", near, list);
	else
		err_hint(err, "valid: %s", list);
	return -EINVAL;
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
	int rc = 0;

	if (k->type == SCHEMA_MAC) {
		if (mac_parse(s, &mac) < 0)
			return err_set(err, -EINVAL, "%s '" SHOWN "' is not %s", k->name, s, type_wanted(k->type));
		s = mac_format(&mac, text);
	} else if (k->type == SCHEMA_ENUM) {
		rc = choice_check(k, s, err);
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
	default:
		return err_set(err, -EINVAL, "%s cannot be given by RPC", k->name);
	}
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

	err_set(err, -EINVAL, "%s has no parameter '" SHOWN "'", method_name(m, method, sizeof(method)), given);
	near = err_nearest(given, words, n);
	words_join(words, n, list, sizeof(list));
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
		rc = params_from_text(k, k->fallback, &value, err);
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

static int
bool_from_text(const char *text)
{
	static const char *const yes[] = { "on", "true", "yes" }, *const no[] = { "off", "false", "no" };

	for (size_t i = 0; i < 3; i++) {
		if (strcmp(text, yes[i]) == 0)
			return 1;
		if (strcmp(text, no[i]) == 0)
			return 0;
	}
	return -EINVAL;
}

int
params_from_text(const struct schema_key *key, const char *text, json_t **out, struct err *err)
{
	long long n;
	char *end;
	int on;

	switch (key->type) {
	case SCHEMA_BOOL:
		on = bool_from_text(text);
		if (on < 0)
			return err_set(err, -EINVAL, "%s takes on or off, got '" SHOWN "'", key->name, text);
		*out = json_boolean(on);
		return 0;
	case SCHEMA_INT:
		errno = 0;
		n = strtoll(text, &end, 10);
		if (errno != 0 || end == text || *end != '\0' || isspace((unsigned char)text[0]))
			return err_set(err, -EINVAL, "%s takes a whole number, got '" SHOWN "'", key->name, text);
		*out = json_integer(n);
		break;
	case SCHEMA_ENUM:
		if (choice_check(key, text, err) < 0)
			return -EINVAL;
		*out = json_string(text);
		break;
	default:
		*out = json_text(text);
		break;
	}
	return *out == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
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

char *
method_name(const struct schema_method *method, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", method->noun, method->verb == NULL ? "" : ".",
		 method->verb == NULL ? "" : method->verb);
	return out;
}

const struct schema_method *
method_by_name(const char *name)
{
	char known[64];

	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++)
		if (strcmp(method_name(m, known, sizeof(known)), name) == 0)
			return m;
	return NULL;
}
