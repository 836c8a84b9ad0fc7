/* rpc_text.c - JSON, written by hand; see rpc_text.h. RFC 8259. */
#include "ctl/rpc_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/params.h"
#include "ctl/rpc_server.h"

/* Results end at RPC_OUT_MAX, so that the errors of a full batch (under 8 KiB each) still have room behind them. */
#define TEXT_MAX (RPC_OUT_MAX + (1u << 20))
#define DIGITS_MAX 20 /* of UINT64_MAX, 18446744073709551615 */

int
rpc_text_grow(struct rpc_text *t, size_t more)
{
	size_t size = t->size == 0 ? 512 : t->size;
	char *data;

	if (t->failed < 0)
		return t->failed;
	if (more > TEXT_MAX - t->len)
		return t->failed = -EMSGSIZE;
	while (size < t->len + more)
		size *= 2;
	if (size > TEXT_MAX)
		size = TEXT_MAX;
	if (size == t->size)
		return 0;
	data = realloc(t->data, size);
	if (data == NULL)
		return t->failed = -ENOMEM;
	t->data = data;
	t->size = size;
	return 0;
}

int
rpc_text_add(struct rpc_text *t, const char *bytes, size_t len)
{
	if (!rpc_text_has_room(t, len))
		return t->failed;
	memcpy(t->data + t->len, bytes, len);
	t->len += len;
	return 0;
}

void
rpc_text_cut(struct rpc_text *t, size_t len)
{
	t->len = len;
	t->failed = 0;
}

void
rpc_text_count(struct rpc_text *t, uint64_t value)
{
	char *to, *end;

	if (!rpc_text_has_room(t, DIGITS_MAX))
		return;
	to = t->data + t->len;
	end = to + 1;
	for (uint64_t rest = value; rest >= 10; rest /= 10)
		end++;
	t->len = (size_t)(end - t->data);
	for (; end > to; value /= 10)
		*--end = (char)('0' + value % 10);
}

void
rpc_text_int(struct rpc_text *t, int64_t value)
{
	if (value < 0)
		rpc_text_add(t, "-", 1);
	rpc_text_count(t, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* RFC 8259, 7: these must be escaped; and beyond ASCII somebody has to look whether it is UTF-8. */
static inline bool
is_plain(unsigned char c)
{
	static const bool odd[256] = { [0 ... 0x1f] = true, ['"'] = true, ['\\'] = true, [0x80 ... 0xff] = true };

	return !odd[c];
}

/* As nearly all texts are, copied while looked at: they are short. */
void
rpc_text_text(struct rpc_text *t, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;
	bool plain = true;
	char *to;

	if (text == NULL) {
		rpc_text_add(t, "null", 4);
		return;
	}
	if (!rpc_text_has_room(t, len + 2))
		return;
	to = t->data + t->len;
	*to++ = '"';
	for (size_t i = 0; i < len; i++) {
		plain &= is_plain((unsigned char)text[i]);
		to[i] = text[i];
	}
	to[len] = '"';
	if (plain)
		t->len += len + 2;
	else
		rpc_text_json(t, json_text(text));
}

void
rpc_text_mac(struct rpc_text *t, const struct mac *mac)
{
	char text[MAC_TEXT_LEN + 2] = "\"";

	if (mac_is_zero(mac)) {
		rpc_text_add(t, "null", 4);
		return;
	}
	mac_format(mac, text + 1);
	text[MAC_TEXT_LEN] = '"';
	rpc_text_add(t, text, MAC_TEXT_LEN + 1);
}

static int
add_piece(const char *bytes, size_t len, void *text)
{
	return rpc_text_add(text, bytes, len) < 0 ? -1 : 0;
}

void
rpc_text_json(struct rpc_text *t, json_t *value)
{
	if (value == NULL)
		t->failed = -ENOMEM;
	else if (json_dump_callback(value, add_piece, t, JSON_COMPACT | JSON_ENCODE_ANY) < 0 && t->failed == 0)
		t->failed = -ENOMEM;
	json_decref(value);
}
