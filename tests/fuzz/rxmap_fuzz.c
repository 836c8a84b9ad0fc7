/*
 * rxmap_fuzz.c - any bytes as a frame for the receive filter, on both ways of the hash, which must agree; and with the spread of the
 * parsed packet.
 *
 * Input: hash types (2 bytes), then the frame. Byte 5 of the frame's destination picks the vport where the rest fits.
 */
#include <stdlib.h>
#include <string.h>

#include "nic/spread.h"

#define CHECK(cond) ((cond) ? (void)0 : abort())
#define VPORTS 4
#define ENTRIES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct toeplitz *
key(bool gfni)
{
	static struct toeplitz *toeplitz[2];

	if (!toeplitz[gfni])
		toeplitz[gfni] = toeplitz_new(toeplitz_default_key, gfni);
	CHECK(toeplitz[gfni]);
	return toeplitz[gfni];
}

static struct rxmap *
make_map(bool gfni, unsigned types)
{
	static const uint16_t entries[ENTRIES] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	static const struct rxmap_vport vports[VPORTS] = {
		{ ENTRIES, entries },
		{ ENTRIES / 2, entries + 4 },
		{ 0, NULL },
		{ 1, entries + 7 },
	};
	static const struct rxmap_filter filters[] = {
		{ { { 2, 0, 0, 0, 0, 1 } }, RXMAP_VID_UNTAGGED, 1 },
		{ { { 2, 0, 0, 0, 0, 1 } }, 10, 2 },
		{ { { 2, 0, 0, 0, 0, 3 } }, RXMAP_VID_ANY, 3 },
	};

	return rxmap_new(vports, VPORTS, filters, sizeof(filters) / sizeof(filters[0]), key(gfni), types);
}

/* What is let pass is spread by the hash that the filter found. */
static void
check_spread(const uint8_t *frame, size_t len, unsigned types, const struct rxmap_verdict *want)
{
	struct iovec seg = { (void *)(uintptr_t)frame, len };
	struct pkt pkt = { .segs = &seg, .n_segs = 1 };
	struct spread_rule rule;
	struct spread spread;
	enum drop_reason why;
	uint16_t type;

	if (len > PKT_FRAME_MAX)
		return;
	pkt_view(&pkt, frame, (uint32_t)len);
	if (pkt_parse(&pkt, &why) != 0)
		return;
	spread_rule_init(&rule, key(true));
	rule.hash_types = types;
	spread_init(&spread, &rule, NULL, ENTRIES);
	CHECK(spread_hash(&spread, &pkt, &type) == want->hash && type == want->hash_type);
	CHECK(spread_queue(&spread, &pkt) < ENTRIES);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rxmap *maps[2][HASH_TYPES_ALL + 1];
	struct rxmap_verdict got[2];
	unsigned types;

	if (size < 2)
		return 0;
	types = get_be16(data) & HASH_TYPES_ALL;
	data++;
	size--;
	for (int gfni = 0; gfni < 2; gfni++) {
		struct rxmap **map = &maps[gfni][types];

		if (!*map)
			*map = make_map(gfni, types);
		CHECK(*map);
		rxmap_classify(*map, data + 1, size - 1, &got[gfni]);
	}
	CHECK(got[0].vport == got[1].vport && got[0].slot == got[1].slot && got[0].hash == got[1].hash);
	CHECK(got[0].hash_type == got[1].hash_type);
	CHECK(got[0].vport < VPORTS && got[0].slot < ENTRIES);
	CHECK((got[0].hash_type & ~types) == 0 && (got[0].hash_type & (got[0].hash_type - 1)) == 0);
	CHECK(got[0].hash_type != 0 || got[0].hash == 0);
	CHECK(size < 2 || !(data[1] & 1) || got[0].vport == 0);
	check_spread(data + 1, size - 1, types, &got[0]);
	return 0;
}
