/* addr.c - text and bytes of addresses; see addr.h. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
mac_parse(const char *text, struct mac *out)
{
	if (strlen(text) != MAC_TEXT_LEN - 1)
		return -EINVAL;
	for (int i = 0; i < MAC_LEN; i++) {
		int hi = hex_digit(text[3 * i]), lo = hex_digit(text[3 * i + 1]);

		if (hi < 0 || lo < 0 || (i < MAC_LEN - 1 && text[3 * i + 2] != ':'))
			return -EINVAL;
		out->byte[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

char *
mac_format(const struct mac *m, char out[MAC_TEXT_LEN])
{
	static const char digit[] = "0123456789abcdef";

	for (int i = 0; i < MAC_LEN; i++) {
		out[3 * i] = digit[m->byte[i] >> 4];
		out[3 * i + 1] = digit[m->byte[i] & 0xf];
		out[3 * i + 2] = ':';
	}
	out[MAC_TEXT_LEN - 1] = '\0';
	return out;
}

int
prefix_parse(const char *text, struct prefix *out)
{
	char address[PREFIX_TEXT_LEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long bits, most;
	char *end;

	if (n >= sizeof(address))
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	memcpy(address, text, n);
	address[n] = '\0';
	out->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(out->family, address, out->addr) != 1)
		return -EINVAL;
	most = out->family == AF_INET6 ? 128 : 32;
	bits = most;
	if (slash) {
		bits = strtoul(slash + 1, &end, 10);
		if (!isdigit((unsigned char)slash[1]) || *end != '\0' || bits > most)
			return -EINVAL;
	}
	out->bits = (uint8_t)bits;
	return 0;
}

char *
prefix_format(const struct prefix *p, char out[PREFIX_TEXT_LEN])
{
	char address[INET6_ADDRSTRLEN];

	if (!inet_ntop(p->family, p->addr, address, sizeof(address)))
		address[0] = '\0';
	snprintf(out, PREFIX_TEXT_LEN, "%s/%u", address, p->bits);
	return out;
}
