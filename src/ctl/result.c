/* result.c - whether a handler's result keeps what the schema promises; see params.h. */
#include <errno.h>

#include "base/addr.h"
#include "ctl/params.h"

static int keys_check(const struct schema_key *keys, const json_t *object, struct err *err);

static bool
is_choice(const struct schema_key *k, const json_t *v)
{
	const char *word = json_string_value(v);

	for (size_t i = 0; word != NULL && k->choices[i] != NULL; i++)
		if (strcmp(k->choices[i], word) == 0)
			return true;
	return false;
}

static bool
scalar_fits(const struct schema_key *k, enum schema_type type, const json_t *v)
{
	struct mac mac;

	switch (type) {
	case SCHEMA_BOOL:
		return json_is_boolean(v);
	case SCHEMA_INT: /* a share may have a fraction */
		return json_is_integer(v) || (json_is_real(v) && k->unit != NULL && k->unit[0] == '%');
	case SCHEMA_ENUM:
		return is_choice(k, v);
	case SCHEMA_MAC:
		return json_is_string(v) && mac_parse(json_string_value(v), &mac) == 0;
	default:
		return json_is_string(v);
	}
}

static int
list_check(const struct schema_key *k, const json_t *list, struct err *err)
{
	const json_t *v;
	size_t i;

	if (!json_is_array(list))
		return err_set(err, -EPROTO, "result key '%s' is not a list", k->name);
	json_array_foreach(list, i, v)
	{
		if (k->of != NULL) {
			if (keys_check(k->of->keys, v, err) < 0)
				return -EPROTO;
		} else if (!scalar_fits(k, k->item, v)) {
			return err_set(err, -EPROTO, "element %zu of '%s' has a wrong type", i, k->name);
		}
	}
	return 0;
}

static int
keys_check(const struct schema_key *keys, const json_t *object, struct err *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return err_set(err, -EPROTO, "result is not an object");
	for (const struct schema_key *k = keys; k->name != NULL; k++) {
		const json_t *v = json_object_get(object, k->name);

		if (v == NULL)
			return err_set(err, -EPROTO, "result has no key '%s'", k->name);
		if (k->type == SCHEMA_LIST) {
			if (list_check(k, v, err) < 0)
				return -EPROTO;
		} else if (k->type == SCHEMA_OBJECT) {
			if (!json_is_null(v) && keys_check(k->of->keys, v, err) < 0)
				return -EPROTO;
		} else if (!json_is_null(v) && !scalar_fits(k, k->type, v)) {
			return err_set(err, -EPROTO, "result key '%s' has a wrong type", k->name);
		}
	}
	json_object_foreach((json_t *)object, name, value)
	{
		const struct schema_key *k = schema_key_find(keys, name);

		if (k == NULL || strcmp(k->name, name) != 0)
			return err_set(err, -EPROTO, "result key '%s' is not in the schema", name);
	}
	return 0;
}

int
result_check(const struct schema_method *method, const json_t *result, struct err *err)
{
	const json_t *element;
	size_t i;

	if (method->columns == NULL)
		return err_set(err, -EPROTO, "method has no result");
	if (method->result == RESULT_OBJECT)
		return keys_check(method->columns, result, err);
	if (!json_is_array(result))
		return err_set(err, -EPROTO, "result is not a list");
	json_array_foreach(result, i, element)
	{
		if (keys_check(method->columns, element, err) < 0)
			return -EPROTO;
	}
	return 0;
}
