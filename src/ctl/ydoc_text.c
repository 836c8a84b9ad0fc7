/* ydoc_text.c - is this text that YAML can be read from? see ydoc.h. */
#include "ctl/ydoc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ctl/config_log.h"

struct place {
	unsigned line, column;
	bool indent; /* nothing but blanks so far in this line */
};

static unsigned __attribute__((format(printf, 4, 5)))
text_mistake(struct config_log *log, const struct place *at, const char *hint, const char *fmt, ...)
{
	struct err err = { .code = -EINVAL };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.msg, sizeof(err.msg), fmt, ap);
	va_end(ap);
	err_hint(&err, "%s", hint);
	config_log_add(log, at->line, at->column, &err);
	return 1;
}

/*
 * Decodes one character of p[0..left) (RFC 3629, 4: no overlong forms, no surrogates, at most U+10FFFF).
 * Returns its bytes, or 0 when it is none.
 */
static size_t
utf8_take(const unsigned char *p, size_t left, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
	uint32_t c;

	if (n == 0 || n > left)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return n;
}

/* YAML 1.1, 5.1: c-printable; the byte order mark is one only at the very beginning, which the reader has skipped. */
static bool
is_printable(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0x7e) || (c >= 0xa0 && c <= 0xd7ff) ||
	       (c >= 0xe000 && c <= 0xfffd && c != 0xfeff) || c >= 0x10000;
}

/* U+0085, U+2028 and U+2029 break lines in YAML 1.1 but not in an editor: every line number after one would be off. */
static bool
is_odd_break(uint32_t c)
{
	return c == 0x85 || c == 0x2028 || c == 0x2029;
}

static unsigned
check_char(uint32_t c, const struct place *at, struct config_log *log)
{
	if (c == 0)
		return text_mistake(log, at, "save the file as plain UTF-8 text", "a NUL byte stands in the text");
	if (is_odd_break(c))
		return text_mistake(log, at, "begin a new line with the Enter key", "the invisible line break U+%04X",
				    c);
	if (!is_printable(c))
		return text_mistake(log, at, "take it out", "the control character U+%04X stands in the text", c);
	return 0;
}

static void
advance(struct place *at, uint32_t c, bool crlf)
{
	if ((c == '\n' || c == '\r') && !crlf) {
		*at = (struct place){ .line = at->line + 1, .column = 1, .indent = true };
		return;
	}
	at->column++;
	if (c != ' ')
		at->indent = false; /* a tab too: once for each line is enough */
}

unsigned
ydoc_check_text(const char *text, size_t len, struct config_log *log)
{
	struct place at = { .line = 1, .column = 1, .indent = true };
	const char *end = text + len;
	unsigned found = 0;

	for (const char *p = text; p < end;) {
		uint32_t c = '?';
		size_t n = utf8_take((const unsigned char *)p, (size_t)(end - p), &c);

		if (n == 0)
			found += text_mistake(log, &at, "save the file as UTF-8", "the byte 0x%02x is not UTF-8 text",
					      (unsigned char)*p);
		else if (c == '\t' && at.indent)
			found += text_mistake(log, &at, "YAML takes only spaces there", "a tab indents this line");
		else
			found += check_char(c, &at, log);
		/* What is left of a broken character is part of the same mistake. */
		p += n > 0 ? n : 1;
		while (n == 0 && p < end && ((unsigned char)*p & 0xc0) == 0x80)
			p++;
		advance(&at, c, c == '\r' && p < end && *p == '\n');
	}
	return found;
}
