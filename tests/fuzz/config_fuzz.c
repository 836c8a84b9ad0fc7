/*
 * config_fuzz.c - any bytes as a configuration file.
 *
 * Either at least one mistake, in the order of the file; or a configuration whose emitted text reads back and is emitted the same again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_mistakes(struct config_mistakes *mistakes)
{
	char *text = config_mistakes_text(mistakes, "f");

	if (mistakes->n == 0 || text == NULL)
		abort();
	for (unsigned i = 0; i < mistakes->n; i++) {
		const struct config_mistake *m = &mistakes->list[i];

		if (m->err.msg[0] == '\0')
			abort();
		if (i > 0 && (m[-1].line > m->line || (m[-1].line == m->line && m[-1].column > m->column)))
			abort();
	}
	free(text);
	config_mistakes_free(mistakes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_mistakes mistakes;
	struct config *config = config_parse((const char *)data, size, &mistakes), *again;
	char *text, *text_again;

	if (config == NULL) {
		check_mistakes(&mistakes);
		return 0;
	}
	text = config_emit(config);
	if (text == NULL)
		abort();
	again = config_parse(text, strlen(text), &mistakes);
	if (again == NULL)
		abort();
	text_again = config_emit(again);
	if (text_again == NULL || strcmp(text, text_again) != 0)
		abort();
	free(text);
	free(text_again);
	config_free(config);
	config_free(again);
	return 0;
}
