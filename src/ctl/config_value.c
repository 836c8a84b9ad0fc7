/* config_value.c - scalars of the file to fields and back; see config_value.h. */
#include "ctl/config_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/config_log.h"

#define HINT_MAX sizeof(((struct err *)0)->hint)

int64_t
config_load(const void *field, size_t size)
{
	uint8_t b;
	uint16_t h;
	int32_t w;
	int64_t d;

	switch (size) {
	case 1:
		return memcpy(&b, field, 1), b;
	case 2:
		return memcpy(&h, field, 2), h;
	case 4:
		return memcpy(&w, field, 4), w;
	default:
		return memcpy(&d, field, 8), d;
	}
}

void
config_store(void *field, size_t size, int64_t value)
{
	uint8_t b = (uint8_t)value;
	uint16_t h = (uint16_t)value;
	uint32_t w = (uint32_t)value;

	if (size == 1)
		memcpy(field, &b, 1);
	else if (size == 2)
		memcpy(field, &h, 2);
	else if (size == 4)
		memcpy(field, &w, 4);
	else
		memcpy(field, &value, 8);
}

static bool
is_word_of(const char *word, const char *const *words)
{
	for (; words && *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

char *
config_choices_text(const struct schema_key *key, char *out, size_t size)
{
	static const char *const switch_words[] = { "on", "off", NULL };
	const char *const *words = key->type == SCHEMA_BOOL ? switch_words : key->choices;
	size_t len = 0;

	out[0] = '\0';
	for (; words && *words && len < size; words++)
		if (!is_word_of(*words, key->planned))
			len += (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", *words);
	return out;
}

/* "valid: 1 to 256 queues, default 8; <help>" */
static void
hint_range(struct err *err, const struct schema_key *key, const char *instead)
{
	char most[32] = "";

	if (key->max > key->min)
		snprintf(most, sizeof(most), " to %" PRId64, key->max);
	err_hint(err, "%s%svalid: %" PRId64 "%s%s%s%s%s; %s", instead, instead[0] ? "; " : "", key->min, most,
		 key->unit ? " " : "", key->unit ? key->unit : "", key->fallback ? ", default " : "",
		 key->fallback ? key->fallback : "", key->help);
}

static void
hint_choices(struct err *err, const struct schema_key *key, const char *near)
{
	char words[HINT_MAX / 2];

	config_choices_text(key, words, sizeof(words));
	if (near)
		err_hint(err, "did you mean '%s'? valid: %s", near, words);
	else
		err_hint(err, "valid: %s", words);
}

static bool
is_digits(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Why text is no number, in the words of who wrote it. instead: what was meant, when that can be told. */
static int
refuse_int(const struct schema_key *key, const struct ynode *node, struct err *err)
{
	const char *text = node->text;
	char shown[CONFIG_SHOW_MAX], instead[64] = "";
	char *end;
	unsigned long long value;

	config_show(text, shown);
	errno = 0;
	if (!node->plain && is_digits(text)) {
		snprintf(instead, sizeof(instead), "write %.20s without quotes", text);
		err_set(err, -EINVAL, "is the text '%s', not a number", shown);
	} else if (text[0] == '0' && is_digits(text)) {
		value = strtoull(text, &end, 10);
		if (errno == 0)
			snprintf(instead, sizeof(instead), "write %llu", value);
		err_set(err, -EINVAL, "%s begins with 0, which can mean octal", shown);
	} else if (strncasecmp(text, "0x", 2) == 0 && isxdigit((unsigned char)text[2])) {
		value = strtoull(text, &end, 16);
		if (errno == 0 && *end == '\0')
			snprintf(instead, sizeof(instead), "write %llu", value);
		err_set(err, -EINVAL, "%s is not a decimal number", shown);
	} else {
		err_set(err, -EINVAL, "%s%s%s is not a whole number in decimal digits", node->plain ? "" : "'", shown,
			node->plain ? "" : "'");
	}
	hint_range(err, key, instead);
	return -EINVAL;
}

static int
refuse_range(const struct schema_key *key, const char *text, struct err *err)
{
	char shown[CONFIG_SHOW_MAX];

	if (key->min == key->max)
		err_set(err, -EINVAL, "%s is not %" PRId64 ", the only one that is known", config_show(text, shown),
			key->min);
	else
		err_set(err, -EINVAL, "%s is outside %" PRId64 " to %" PRId64, config_show(text, shown), key->min,
			key->max);
	hint_range(err, key, "");
	return -EINVAL;
}

/* Digits of at most 18 places fit: longer ones are outside of every range here. */
static bool
digits_fit(const char *digits, int64_t *out)
{
	if (strlen(digits) > 18)
		return false;
	*out = (int64_t)strtoull(digits, NULL, 10);
	return true;
}

static int
parse_int(const struct schema_key *key, const struct ynode *node, int64_t *out, struct err *err)
{
	const char *digits = node->text + (node->text[0] == '-');
	int64_t value;

	if (!node->plain || !is_digits(digits) || (digits[0] == '0' && digits[1] != '\0'))
		return refuse_int(key, node, err);
	if (digits != node->text || !digits_fit(digits, &value) || value < key->min || value > key->max)
		return refuse_range(key, node->text, err);
	*out = value;
	return 0;
}

static int
parse_bool(const struct schema_key *key, const struct ynode *node, bool *out, struct err *err)
{
	static const char *const words[] = { "off", "on", "false", "true", "no", "yes" };
	char shown[CONFIG_SHOW_MAX];
	size_t i = 0;

	config_show(node->text, shown);
	while (i < 6 && strcasecmp(words[i], node->text) != 0)
		i++;
	if (i == 6) {
		err_set(err, -EINVAL, "is '%s', not on or off", shown);
		hint_choices(err, key, err_nearest(node->text, words, 6));
		return -EINVAL;
	}
	if (!node->plain) {
		err_set(err, -EINVAL, "is the text '%s', not on or off", shown);
		err_hint(err, "write %s without quotes", words[i]);
		return -EINVAL;
	}
	if (is_word_of(words[i % 2], key->planned)) {
		err_set(err, -EINVAL, "%s is not offered by this version", shown);
		err_hint(err, "offered: %s", words[(i + 1) % 2]);
		return -EINVAL;
	}
	*out = i % 2 == 1;
	return 0;
}

/* The offered words only: a hint must not lead to the next refusal. */
static const char *
nearest_choice(const struct schema_key *key, const char *text)
{
	const char *offered[32];
	size_t n = 0;

	for (const char *const *w = key->choices; *w && n < 32; w++)
		if (!is_word_of(*w, key->planned))
			offered[n++] = *w;
	return err_nearest(text, offered, n);
}

static int
parse_enum(const struct schema_key *key, const struct ynode *node, int64_t *out, struct err *err)
{
	char shown[CONFIG_SHOW_MAX], offered[HINT_MAX / 2];

	config_show(node->text, shown);
	for (int64_t i = 0; key->choices[i]; i++) {
		if (strcmp(key->choices[i], node->text) != 0)
			continue;
		if (is_word_of(node->text, key->planned)) {
			err_set(err, -EINVAL, "%s is not offered by this version", shown);
			err_hint(err, "offered: %s", config_choices_text(key, offered, sizeof(offered)));
			return -EINVAL;
		}
		*out = i;
		return 0;
	}
	err_set(err, -EINVAL, "'%s' is not one of its values", shown);
	hint_choices(err, key, nearest_choice(key, node->text));
	return -EINVAL;
}

static int
parse_string(const struct schema_key *key, const struct ynode *node, void *field, struct err *err)
{
	const struct config_bind *bind = key->bind;
	size_t len = strlen(node->text);
	char shown[CONFIG_SHOW_MAX];

	if (len == 0) {
		err_set(err, -EINVAL, "is empty");
		err_hint(err, "%s", key->help);
		return -EINVAL;
	}
	if (bind->codec)
		return bind->codec->parse(node->text, field, err);
	if (bind->check && bind->check(node->text, err) < 0)
		return -EINVAL;
	if ((int64_t)len > key->max || len >= bind->size) {
		err_set(err, -EINVAL, "'%s' has %zu bytes, at most %" PRId64 " are taken",
			config_show(node->text, shown), len, key->max);
		return -EINVAL;
	}
	memcpy(field, node->text, len + 1);
	return 0;
}

/* A reference's field is an index, filled in when the whole file was read: here only its form is looked at. */
static int
parse_name(const struct schema_key *key, const struct ynode *node, void *field, struct err *err)
{
	const struct config_bind *bind = key->bind;
	int ret = config_check_name(node->text, err);

	if (ret == 0 && bind->ref == REF_NONE)
		memcpy(field, node->text, strlen(node->text) + 1);
	return ret;
}

static int
parse_mac(const struct ynode *node, struct mac *out, struct err *err)
{
	char shown[CONFIG_SHOW_MAX];
	struct mac mac;
	int ret = -EINVAL;

	config_show(node->text, shown);
	if (mac_parse(node->text, &mac) < 0)
		err_set(err, ret, "'%s' is not a MAC address", shown);
	else if (mac_is_zero(&mac))
		err_set(err, ret, "%s is zero, which no station can have", shown);
	else if (mac_is_group(&mac))
		err_set(err, ret, "%s is a group address (multicast or broadcast), not a station's", shown);
	else
		ret = 0;
	if (ret < 0)
		err_hint(err, "six bytes in hexadecimal, the first one even, as \"02:f1:00:00:00:01\"");
	else
		*out = mac;
	return ret;
}

static bool
is_unicast(const struct prefix *p)
{
	static const uint8_t zero[16];

	if (memcmp(p->addr, zero, p->family == AF_INET ? 4 : 16) == 0)
		return false;
	/* RFC 5771: 224.0.0.0/4, and the limited broadcast beyond it (RFC 919, 7); RFC 4291, 2.7: ff00::/8. */
	return p->family == AF_INET ? p->addr[0] < 224 : p->addr[0] != 0xff;
}

static int
parse_prefix(const struct ynode *node, struct prefix *out, struct err *err)
{
	char shown[CONFIG_SHOW_MAX];
	struct prefix prefix;
	int ret = -EINVAL;

	config_show(node->text, shown);
	if (prefix_parse(node->text, &prefix) < 0)
		err_set(err, ret, "'%s' is not an address with its prefix length", shown);
	else if (strchr(node->text, '/') == NULL)
		err_set(err, ret, "%s lacks the length of its prefix", shown);
	else if (!is_unicast(&prefix))
		err_set(err, ret, "%s is not an address that an interface can have", shown);
	else
		ret = 0;
	if (ret < 0)
		err_hint(err, "ADDRESS/BITS, as 10.77.0.1/24 or fd00::1/64");
	else
		*out = prefix;
	return ret;
}

/* "10G", "2500M", "2.5G": to whole megabits per second; false when text is none of these. */
static bool
read_speed(const char *text, int64_t *mbps)
{
	unsigned digits = 0, places = 0;
	bool point = false;
	int64_t value = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text) || (*text == '.' && !point); text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		value = value * 10 + (*text - '0');
		places += point;
		if (++digits > 9)
			return false;
	}
	if (point && (places == 0 || places > 3 || *text != 'G'))
		return false;
	if ((*text != 'G' && *text != 'M') || text[1] != '\0')
		return false;
	if (*text == 'G')
		for (; places < 3; places++)
			value *= 10;
	*mbps = value;
	return true;
}

static int
parse_speed(const struct schema_key *key, const struct ynode *node, int64_t *out, struct err *err)
{
	char shown[CONFIG_SHOW_MAX];
	int64_t value;

	config_show(node->text, shown);
	if (!read_speed(node->text, &value))
		err_set(err, -EINVAL, "'%s' is not a speed", shown);
	else if (value < key->min || value > key->max)
		err_set(err, -EINVAL, "%s is outside %" PRId64 "M to %" PRId64 "G", shown, key->min, key->max / 1000);
	else
		return *out = value, 0;
	err_hint(err, "a number with its unit, as 10G or 2500M");
	return -EINVAL;
}

int
config_value_parse(const struct schema_key *key, enum schema_type type, const struct ynode *node, void *field,
		   struct err *err)
{
	const struct config_bind *bind = key->bind;
	int64_t number = 0;
	bool on = false;
	int ret;

	switch (type) {
	case SCHEMA_STRING:
		return parse_string(key, node, field, err);
	case SCHEMA_NAME:
		return parse_name(key, node, field, err);
	case SCHEMA_MAC:
		return parse_mac(node, field, err);
	case SCHEMA_PREFIX:
		return parse_prefix(node, field, err);
	case SCHEMA_BOOL:
		ret = parse_bool(key, node, &on, err);
		number = on;
		break;
	case SCHEMA_ENUM:
		ret = parse_enum(key, node, &number, err);
		break;
	case SCHEMA_SPEED:
		ret = parse_speed(key, node, &number, err);
		break;
	default:
		ret = parse_int(key, node, &number, err);
		break;
	}
	if (ret == 0 && bind)
		config_store(field, bind->size, number);
	return ret;
}

/* n digits without a leading zero; false when they are something else. -1: too many to be in any range. */
static bool
read_vlan(const char *text, size_t n, int64_t *out)
{
	char digits[32] = "";

	if (n >= sizeof(digits))
		return false;
	memcpy(digits, text, n);
	if (!is_digits(digits) || (digits[0] == '0' && digits[1] != '\0'))
		return false;
	if (!digits_fit(digits, out))
		*out = -1;
	return true;
}

int
config_vlan_add(const struct schema_key *key, const struct ynode *node, uint64_t *set, struct err *err)
{
	const char *text = node->text, *dash = strchr(text, '-');
	char shown[CONFIG_SHOW_MAX];
	int64_t low, high;
	bool read;

	config_show(text, shown);
	read = read_vlan(text, dash ? (size_t)(dash - text) : strlen(text), &low);
	high = read ? low : 0;
	if (read && dash)
		read = read_vlan(dash + 1, strlen(dash + 1), &high);
	if (!read) {
		err_set(err, -EINVAL, "'%s' is neither a VLAN nor a range of them", shown);
		hint_range(err, key, "");
		return -EINVAL;
	}
	if (low < key->min || low > key->max || high < key->min || high > key->max)
		return refuse_range(key, text, err);
	if (low > high) {
		err_set(err, -EINVAL, "the range %s runs backwards", shown);
		err_hint(err, "write %" PRId64 "-%" PRId64, high, low);
		return -EINVAL;
	}
	for (int64_t id = low; id <= high; id++)
		set[id / 64] |= UINT64_C(1) << (id % 64);
	return 0;
}
