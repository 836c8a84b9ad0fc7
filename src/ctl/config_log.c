/* config_log.c - the mistakes of one file, sorted and bounded; see config_log.h. */
#include "ctl/config_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Handed out when there was no memory for a list: the caller always gets one sentence. */
static struct config_mistake out_of_memory = {
	.err = { .code = -ENOMEM, .msg = "there is not enough memory to check the configuration" },
};

int
config_log_init(struct config_log *log)
{
	memset(log, 0, sizeof(*log));
	log->list = calloc(CONFIG_LOG_MAX, sizeof(*log->list));
	return log->list ? 0 : -ENOMEM;
}

static bool
is_before(const struct config_mistake *a, unsigned line, unsigned column)
{
	return a->line < line || (a->line == line && a->column <= column);
}

void
config_log_add(struct config_log *log, unsigned line, unsigned column, const struct err *err)
{
	unsigned at = log->n;

	if (err->code == -ENOMEM)
		log->no_memory = true;
	while (log->list && at > 0 && !is_before(&log->list[at - 1], line, column))
		at--;
	if (log->list == NULL || at == CONFIG_LOG_MAX) {
		log->hidden++;
		return;
	}
	if (log->n == CONFIG_LOG_MAX) {
		log->n--;
		log->hidden++;
	}
	memmove(&log->list[at + 1], &log->list[at], (log->n - at) * sizeof(*log->list));
	log->list[at] = (struct config_mistake){ .line = line, .column = column, .err = *err };
	log->n++;
}

bool
config_log_hides(struct config_log *log, unsigned line, unsigned column)
{
	if (log->n < CONFIG_LOG_MAX || !is_before(&log->list[CONFIG_LOG_MAX - 1], line, column))
		return false;
	log->hidden++;
	return true;
}

unsigned
config_log_count(const struct config_log *log)
{
	return log->n + log->hidden;
}

void
config_log_take(struct config_log *log, struct config_mistakes *out)
{
	bool said = log->n > 0 && !log->no_memory;

	if (out && said) {
		*out = (struct config_mistakes){ .list = log->list, .n = log->n, .hidden = log->hidden };
	} else if (out && (log->no_memory || log->list == NULL)) {
		*out = (struct config_mistakes){ .list = &out_of_memory, .n = 1 };
		free(log->list);
	} else {
		if (out)
			memset(out, 0, sizeof(*out));
		free(log->list);
	}
	memset(log, 0, sizeof(*log));
}

void
config_mistakes_free(struct config_mistakes *mistakes)
{
	if (mistakes == NULL)
		return;
	if (mistakes->list != &out_of_memory)
		free(mistakes->list);
	memset(mistakes, 0, sizeof(*mistakes));
}

static void
mistake_print(FILE *out, const struct config_mistake *m, const char *file)
{
	fprintf(out, "%s", file);
	if (m->line > 0)
		fprintf(out, ":%u:%u", m->line, m->column);
	fprintf(out, ": %s", m->err.msg);
	if (m->err.path[0] != '\0')
		fprintf(out, " (%s)", m->err.path);
	fputc('\n', out);
	if (m->err.hint[0] != '\0')
		fprintf(out, "  hint: %s\n", m->err.hint);
}

char *
config_mistakes_text(const struct config_mistakes *mistakes, const char *file)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	for (unsigned i = 0; i < mistakes->n; i++)
		mistake_print(out, &mistakes->list[i], file);
	if (mistakes->hidden > 0)
		fprintf(out, "%s: %u more mistakes are not shown\n", file, mistakes->hidden);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Bytes of the UTF-8 character at p, which is valid; 0 when it is a control character. */
static size_t
shown_len(const unsigned char *p)
{
	if (p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0))
		return 0;
	return p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
}

char *
config_show(const char *text, char out[CONFIG_SHOW_MAX])
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 0;

	while (*p != '\0') {
		size_t len = shown_len(p), skip = len > 0 ? len : (*p == 0xc2 ? 2 : 1);

		if (n + (len ? len : 1) > CONFIG_SHOW_MAX - 4) {
			memcpy(out + n, "...", 3);
			n += 3;
			break;
		}
		if (len == 0)
			out[n++] = '?';
		else
			memcpy(out + n, p, len);
		n += len;
		p += skip;
	}
	out[n] = '\0';
	return out;
}
