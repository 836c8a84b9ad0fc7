/* schema_text.c - the schema's words: names of methods, values as a person writes them; see schema.h. */
#include "ctl/schema.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a person typed may be long: messages show this much of it. */
#define SHOWN "%.64s"

void
schema_join(const char *const *words, size_t n, char *out, size_t size)
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
	schema_join(k->choices, n, list, sizeof(list));
	near = err_nearest(word, k->choices, n);
	err_set(err, -EINVAL, "%s cannot be '" SHOWN "'", k->name, word);
	if (near != NULL)
		err_hint(err, "did you mean '%s'? valid: %s", near, list);
	else
		err_hint(err, "valid: %s", list);
	return -EINVAL;
}

/* Words with commas between. *n: how many. */
static int
words_check(const struct schema_key *k, const char *text, int64_t *n, struct err *err)
{
	char word[64];

	for (*n = 1;; (*n)++) {
		size_t len = strcspn(text, ",");

		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		if (choice_check(k, word, err) < 0)
			return -EINVAL;
		if (text[len] == '\0')
			return 0;
		text += len + 1;
	}
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
schema_parse(const struct schema_key *key, const char *text, int64_t *number, struct err *err)
{
	long long n;
	char *end;
	int on;

	switch (key->type) {
	case SCHEMA_BOOL:
		on = bool_from_text(text);
		if (on < 0)
			return err_set(err, -EINVAL, "%s takes on or off, got '" SHOWN "'", key->name, text);
		*number = on;
		return 0;
	case SCHEMA_INT:
		errno = 0;
		n = strtoll(text, &end, 10);
		if (errno != 0 || end == text || *end != '\0' || isspace((unsigned char)text[0]))
			return err_set(err, -EINVAL, "%s takes a whole number, got '" SHOWN "'", key->name, text);
		*number = n;
		return 0;
	case SCHEMA_ENUM:
		return choice_check(key, text, err);
	case SCHEMA_LIST:
		return key->item == SCHEMA_ENUM ? words_check(key, text, number, err) : 0;
	default:
		return 0;
	}
}

char *
schema_method_name(const struct schema_method *method, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", method->noun, method->verb == NULL ? "" : ".",
		 method->verb == NULL ? "" : method->verb);
	return out;
}

const struct schema_method *
schema_method_by_name(const char *name)
{
	char known[64];

	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++)
		if (strcmp(schema_method_name(m, known, sizeof(known)), name) == 0)
			return m;
	return NULL;
}
