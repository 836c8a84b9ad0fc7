/* config_copy.c - a second configuration that says the same; see config.h. */
#include <stdlib.h>
#include <string.h>

#include "ctl/config.h"

/* n items of that size; an empty list may have no memory behind it. Returns false without memory. */
static bool
list_copy(const void *list, size_t n, size_t size, void *out)
{
	void *copy = calloc(n + 1, size);

	if (copy != NULL && n > 0)
		memcpy(copy, list, n * size);
	memcpy(out, &copy, sizeof(copy));
	return copy != NULL;
}

struct config *
config_copy(const struct config *config)
{
	struct config *copy = malloc(sizeof(*copy));
	bool whole;

	if (copy == NULL)
		return NULL;
	*copy = *config;
	/* All three, so that nothing of the original is freed with the copy. */
	whole = list_copy(config->ports, config->n_ports, sizeof(*config->ports), &copy->ports);
	whole &= list_copy(config->statics, config->n_statics, sizeof(*config->statics), &copy->statics);
	whole &= list_copy(config->text, config->text_len, 1, &copy->text);
	if (!whole) {
		config_free(copy);
		return NULL;
	}
	return copy;
}
