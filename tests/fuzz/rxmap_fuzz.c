/*
 * rxmap_fuzz.c - any bytes as a frame for the receive filter, on both ways of the hash, which must agree.
 *
 * Input: hash types (1 byte), then the frame. Byte 5 of the frame's destination picks the vport where the rest fits.
 */
#include <stdlib.h>
#include <string.h>

#include "nic/rxmap.h"

#define CHECK(cond) ((cond) ? (void)0 : abort())
#define VPORTS 4
#define ENTRIES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rxmap *
make_map(bool gfni, unsigned types)
{
	static struct toeplitz *toeplitz[2];
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

	if (!toeplitz[gfni])
		toeplitz[gfni] = toeplitz_new(toeplitz_default_key, gfni);
	CHECK(toeplitz[gfni]);
	return rxmap_new(vports, VPORTS, filters, sizeof(filters) / sizeof(filters[0]), toeplitz[gfni], types);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rxmap *maps[2][64];
	struct rxmap_verdict got[2];
	unsigned types;

	if (size < 1)
		return 0;
	types = data[0] & 0x3f;
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
	return 0;
}
