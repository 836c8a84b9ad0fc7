/* json.c - small pieces of results; see handlers.h. */
#include <errno.h>

#include "ctl/handlers.h"

int
result_done(json_t *const *result, struct err *err)
{
	return *result != NULL ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int
result_join(json_t **result, json_t *more, struct err *err)
{
	/* A missing one of the two is an error of this call, too. */
	if (json_object_update(*result, more) < 0) {
		json_decref(*result);
		*result = NULL;
	}
	json_decref(more);
	return result_done(result, err);
}

void
list_add(json_t **list, json_t *row)
{
	if (*list == NULL) {
		json_decref(row);
	} else if (json_array_append_new(*list, row) < 0) {
		json_decref(*list);
		*list = NULL;
	}
}

json_t *
json_mac(const struct mac *mac)
{
	char text[MAC_TEXT_LEN];

	return mac_is_zero(mac) ? json_null() : json_string(mac_format(mac, text));
}
