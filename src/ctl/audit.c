/* audit.c - one log line for each change over RPC; see audit.h. */
#include "ctl/audit.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define OBJECT_TEXT_LEN 80

/*
 * The object in the user's own name: the word of the command line, on which the schema and the CLI agree. A byte that could forge
 * a second line or another key=value (control, space, '=') is shown as '?'.
 */
static const char *
object_text(const struct schema_method *method, const json_t *params, char out[OBJECT_TEXT_LEN])
{
	const struct schema_key *word = schema_word(method);
	const json_t *v = word == NULL ? NULL : json_object_get(params, word->name);

	if (json_is_integer(v))
		snprintf(out, OBJECT_TEXT_LEN, "%lld", (long long)json_integer_value(v));
	else if (json_is_string(v))
		snprintf(out, OBJECT_TEXT_LEN, "%s", json_string_value(v));
	else
		snprintf(out, OBJECT_TEXT_LEN, "-");
	for (char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '=')
			*p = '?';
	return out;
}

void
audit_change(const struct rpc_caller *who, const struct schema_method *method, const json_t *params, int code)
{
	char object[OBJECT_TEXT_LEN], name[64];
	const char *result = code == 0 ? "done" : strerrorname_np(-code);

	log_info("change %s over RPC uid=%u pid=%d method=%s object=%s result=%s", code == 0 ? "made" : "refused",
		 (unsigned)who->uid, (int)who->pid, schema_method_name(method, name, sizeof(name)),
		 object_text(method, params, object), result == NULL ? "failed" : result);
}
