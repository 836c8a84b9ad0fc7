/* args.c - the command line, judged by the schema; see args.h. */
#include "cli/args.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 64

/* One pass over argv. */
struct scan {
	int argc, next; /* next: index of the word to read */
	char **argv;
	struct args *out;
	struct err *err;
	bool words_only; /* after "--" */
};

size_t
args_stem(const struct schema_key *key)
{
	static const struct {
		const char *unit, *suffix;
	} suffixes[] = { { "s", "_s" }, { "%", "_percent" }, { "Mb/s", "_mbps" } };
	size_t len = strlen(key->name);

	for (size_t i = 0; key->unit != NULL && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t tail = strlen(suffixes[i].suffix);

		if (strcmp(key->unit, suffixes[i].unit) == 0 && len > tail &&
		    strcmp(key->name + len - tail, suffixes[i].suffix) == 0)
			return len - tail;
	}
	return len;
}

char *
args_option(const struct schema_key *key, char out[ARGS_OPTION_LEN])
{
	snprintf(out, ARGS_OPTION_LEN, "--%.*s", (int)args_stem(key), key->name);
	for (char *p = out; *p != '\0'; p++)
		if (*p == '_')
			*p = '-';
	return out;
}

bool
args_is_flag(const struct schema_key *key)
{
	return key->type == SCHEMA_BOOL && key->fallback != NULL && strcmp(key->fallback, "off") == 0;
}

static int
misuse(struct scan *s, const char *what, const char *word, const char *const *words, size_t n)
{
	const char *near = err_nearest(word, words, n);
	char list[256];

	err_set(s->err, -EINVAL, "%s '%.64s'", what, word);
	if (near != NULL) {
		err_hint(s->err, "did you mean '%s'?", near);
	} else if (n > 0) {
		schema_join(words, n, list, sizeof(list));
		err_hint(s->err, "valid: %s", list);
	}
	return -EINVAL;
}

static int
take_noun(struct scan *s, const char *word)
{
	const char *nouns[WORDS_MAX] = { NULL };
	size_t n = 0;

	for (const struct schema_method *m = schema_methods; m->noun != NULL && n < WORDS_MAX; m++) {
		if (strcmp(m->noun, word) == 0) {
			s->out->noun = m->noun;
			s->out->method = schema_method_find(word, NULL);
			return 0;
		}
		if (n == 0 || strcmp(nouns[n - 1], m->noun) != 0)
			nouns[n++] = m->noun;
	}
	return misuse(s, "there is no command", word, nouns, n);
}

static size_t
verbs_of(const char *noun, const char *verbs[WORDS_MAX])
{
	size_t n = 0;

	for (const struct schema_method *m = schema_methods; m->noun != NULL && n < WORDS_MAX; m++)
		if (strcmp(m->noun, noun) == 0 && m->verb != NULL)
			verbs[n++] = m->verb;
	return n;
}

static int
take_verb(struct scan *s, const char *word)
{
	const char *verbs[WORDS_MAX];
	char what[64];

	s->out->method = schema_method_find(s->out->noun, word);
	if (s->out->method != NULL)
		return 0;
	snprintf(what, sizeof(what), "%s has no verb", s->out->noun);
	return misuse(s, what, word, verbs, verbs_of(s->out->noun, verbs));
}

/* "a,b" as ["a", "b"]; NULL without memory, or when it is not UTF-8. */
static json_t *
list_value(const char *text)
{
	json_t *list = json_array();

	for (const char *word = text; list != NULL && word != NULL; word = strchr(word, ',')) {
		word += word != text;
		if (json_array_append_new(list, json_stringn(word, strcspn(word, ","))) == 0)
			continue;
		json_decref(list);
		list = NULL;
	}
	return list;
}

static int
param_set(struct scan *s, const struct schema_key *key, const char *name, const char *text)
{
	int64_t number = 0;
	json_t *value;

	if (json_object_get(s->out->params, key->name) != NULL)
		return err_set(s->err, -EINVAL, "%s is given twice", name);
	if (schema_parse(key, text, &number, s->err) < 0)
		return -EINVAL;
	if (key->type == SCHEMA_BOOL)
		value = json_boolean(number);
	else if (key->type == SCHEMA_INT)
		value = json_integer(number);
	else if (key->type == SCHEMA_LIST)
		value = list_value(text);
	else
		value = json_string(text);
	if (value == NULL)
		return err_set(s->err, -EINVAL, "%s is not UTF-8 text", name);
	if (json_object_set_new(s->out->params, key->name, value) < 0)
		return err_set(s->err, -EINVAL, "out of memory");
	return 0;
}

static int
take_word(struct scan *s, const char *word)
{
	const struct schema_key *key;

	if (s->out->noun == NULL)
		return take_noun(s, word);
	if (s->out->method == NULL)
		return take_verb(s, word);
	key = schema_word(s->out->method);
	if (key == NULL || json_object_get(s->out->params, key->name) != NULL)
		return err_set(s->err, -EINVAL, "the word '%.64s' is one too many", word);
	return param_set(s, key, key->name, word);
}

/* By "vlan", "vmq-weight", "vmq_weight", "confirm" or "confirm_s". */
static const struct schema_key *
option_find(const struct schema_method *m, const char *name)
{
	const struct schema_key *key = schema_key_find(m->params, name);
	char option[ARGS_OPTION_LEN];

	if (key != NULL)
		return key->filled ? NULL : key;
	for (key = m->params; key != NULL && key->name != NULL; key++)
		if (!key->filled && strcmp(args_option(key, option) + 2, name) == 0)
			return key;
	return NULL;
}

static int
unknown_option(struct scan *s, const char *name)
{
	static const char *const common[] = { "--json", "--rpc", "--help" };
	char options[WORDS_MAX][ARGS_OPTION_LEN], given[80];
	const char *words[WORDS_MAX + 3];
	size_t n = 0;

	for (const struct schema_key *k = s->out->method == NULL ? NULL : s->out->method->params;
	     k != NULL && k->name != NULL && n < WORDS_MAX; k++)
		if (!k->filled && k != schema_word(s->out->method)) {
			words[n] = args_option(k, options[n]);
			n++;
		}
	for (size_t i = 0; i < 3; i++)
		words[n++] = common[i];
	snprintf(given, sizeof(given), "--%s", name);
	return misuse(s, "there is no option", given, words, n);
}

/* The option's value: after '=', or the next word. */
static const char *
option_value(struct scan *s, const char *name, const char *attached)
{
	if (attached != NULL)
		return attached;
	if (s->next < s->argc && strncmp(s->argv[s->next], "--", 2) != 0)
		return s->argv[s->next++];
	err_set(s->err, -EINVAL, "--%.64s needs a value", name);
	return NULL;
}

/* Returns 1 when name is one of the options that every command has, 0 when it is not, or -EINVAL. */
static int
common_option(struct scan *s, const char *name, const char *attached)
{
	if (strcmp(name, "rpc") == 0) {
		s->out->rpc = option_value(s, name, attached);
		return s->out->rpc == NULL ? -EINVAL : 1;
	}
	if (attached != NULL)
		return 0;
	if (strcmp(name, "json") == 0)
		s->out->json = true;
	else if (strcmp(name, "help") == 0)
		s->out->want = ARGS_HELP;
	else if (strcmp(name, "version") == 0)
		s->out->want = ARGS_VERSION;
	else
		return 0;
	return 1;
}

static int
take_option(struct scan *s, const char *option)
{
	const struct schema_key *key;
	const char *equals = strchr(option, '='), *value;
	char name[64];
	int rc;

	snprintf(name, sizeof(name), "%.*s", (int)(equals == NULL ? strlen(option) : (size_t)(equals - option)),
		 option);
	value = equals == NULL ? NULL : equals + 1;
	rc = common_option(s, name, value);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	key = s->out->method == NULL ? NULL : option_find(s->out->method, name);
	if (key == NULL)
		return unknown_option(s, name);
	if (value == NULL && args_is_flag(key))
		value = "on";
	value = option_value(s, name, value);
	return value == NULL ? -EINVAL : param_set(s, key, option, value);
}

static int
take(struct scan *s, char *word)
{
	if (s->words_only || word[0] != '-' || word[1] == '\0')
		return take_word(s, word);
	if (strcmp(word, "--") == 0) {
		s->words_only = true;
		return 0;
	}
	if (strcmp(word, "-h") == 0) {
		s->out->want = ARGS_HELP;
		return 0;
	}
	if (word[1] != '-') {
		err_set(s->err, -EINVAL, "there is no option '%.64s'", word);
		err_hint(s->err, "options begin with two dashes");
		return -EINVAL;
	}
	return take_option(s, word + 2);
}

static int
nothing_is_missing(struct scan *s)
{
	const struct schema_method *m = s->out->method;
	const char *verbs[WORDS_MAX], *article;
	char list[256], option[ARGS_OPTION_LEN];

	if (s->out->noun == NULL) {
		err_set(s->err, -EINVAL, "no command is given");
		err_hint(s->err, "fairlead --help lists them");
		return -EINVAL;
	}
	if (m == NULL) {
		schema_join(verbs, verbs_of(s->out->noun, verbs), list, sizeof(list));
		err_set(s->err, -EINVAL, "%s needs a verb", s->out->noun);
		err_hint(s->err, "valid: %s", list);
		return -EINVAL;
	}
	for (const struct schema_key *k = m->params; k != NULL && k->name != NULL; k++) {
		if (!k->required || k->filled || json_object_get(s->out->params, k->name) != NULL)
			continue;
		article = strchr("aeiou", k->name[0]) != NULL ? "an " : "a ";
		err_set(s->err, -EINVAL, "%s%s%s needs %s%s", m->noun, m->verb == NULL ? "" : " ",
			m->verb == NULL ? "" : m->verb, k == schema_word(m) ? article : "",
			k == schema_word(m) ? k->name : args_option(k, option));
		err_hint(s->err, "example: %s", m->example);
		return -EINVAL;
	}
	return 0;
}

int
args_parse(int argc, char **argv, struct args *out, struct err *err)
{
	struct scan s = { .argc = argc, .next = 1, .argv = argv, .out = out, .err = err };
	int rc = 0;

	memset(out, 0, sizeof(*out));
	out->params = json_object();
	if (out->params == NULL)
		return err_set(err, -EINVAL, "out of memory");
	while (rc == 0 && s.next < s.argc)
		rc = take(&s, argv[s.next++]);
	if (rc == 0 && out->want == ARGS_RUN)
		rc = nothing_is_missing(&s);
	if (rc < 0)
		args_free(out);
	return rc;
}

void
args_free(struct args *args)
{
	json_decref(args->params);
	args->params = NULL;
}
