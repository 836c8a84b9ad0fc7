/*
 * rpc_fuzz.c - one line of a client against the message path, with handlers that do nothing.
 *
 * Whatever the line is: no answer, or one line that is JSON again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "ctl/rpc_dummy.h"
#include "ctl/rpc_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_dummy dummy = { .fdb = 2 };
	const struct rpc_service service = { dummy_handlers, &dummy };
	struct rpc_caller who = { 1000, 42, size > 0 && (data[0] & 1) };
	struct rpc_text out = { 0 };
	json_t *answer;

	log_set_level(LOG_LEVEL_ERROR);
	if (rpc_answer(&service, &who, (const char *)data, size, &out) < 0)
		abort();
	if (out.len > 0) {
		if (out.data[out.len - 1] != '\n' || memchr(out.data, '\n', out.len - 1) != NULL)
			abort();
		answer = json_loadb(out.data, out.len, 0, NULL);
		if (answer == NULL)
			abort();
		json_decref(answer);
	}
	free(out.data);
	return 0;
}
