/* top_text.c - numbers for people, in few characters; see top_draw.h. */
#include <stdio.h>
#include <string.h>

#include "cli/top_draw.h"

/* Three digits at most: 1.2, 12, 120, and the next unit before 1000 would be shown. */
char *
top_short(double n, char out[TOP_NUMBER_LEN])
{
	static const char units[] = { '\0', 'k', 'M', 'G', 'T' };
	size_t u = 0;

	if (n < 0) {
		strcpy(out, "-");
	} else if (n > 0 && n < 1) {
		strcpy(out, "<1");
	} else {
		while (n >= 999.5 && u + 1 < sizeof(units)) {
			n /= 1000;
			u++;
		}
		snprintf(out, TOP_NUMBER_LEN, u > 0 && n < 9.95 ? "%.1f%c" : "%.0f%c", n, units[u]);
	}
	return out;
}

char *
top_bits(double bits_s, char out[TOP_NUMBER_LEN])
{
	if (bits_s < 0)
		strcpy(out, "- b/s");
	else if (bits_s >= 999.95e6)
		snprintf(out, TOP_NUMBER_LEN, "%.2f Gb/s", bits_s / 1e9);
	else if (bits_s >= 999.5e3)
		snprintf(out, TOP_NUMBER_LEN, "%.1f Mb/s", bits_s / 1e6);
	else if (bits_s >= 999.5)
		snprintf(out, TOP_NUMBER_LEN, "%.0f kb/s", bits_s / 1e3);
	else
		snprintf(out, TOP_NUMBER_LEN, "%.0f b/s", bits_s);
	return out;
}

char *
top_mode(const struct top_adapter *a, char out[TOP_MODE_LEN])
{
	if (strcmp(a->mode, "vmq") == 0)
		snprintf(out, TOP_MODE_LEN, "%sVMQ", a->dynamic ? "dynamic " : "");
	else if (strcmp(a->mode, "rss") != 0)
		snprintf(out, TOP_MODE_LEN, "%s", a->mode);
	else if (a->rss && !a->rss_operational)
		snprintf(out, TOP_MODE_LEN, "RSS not operational");
	else
		snprintf(out, TOP_MODE_LEN, "RSS %s", a->rss ? a->profile : "off");
	return out;
}
