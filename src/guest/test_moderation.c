/* test_moderation.c - see test_moderation.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "guest/test_moderation.h"
#include "pkt/admit.h"
#include "pkt/testframe.h"

const struct vring_features flags = { .header_len = 12 };
const struct vring_features events = { .header_len = 12, .event_idx = true };

struct pkt moderation_frame;

static void
make_frame(void)
{
	static struct iovec seg[PKT_SEGS_MAX];
	static uint8_t bytes[60];
	enum drop_reason why;

	testframe_load(&moderation_frame, bytes, sizeof(bytes), seg, 0);
	memset(&moderation_frame.claim, 0, sizeof(moderation_frame.claim));
	assert_int_equal(pkt_admit(&moderation_frame, &why), 0);
}

void
open_both(const struct vring_features *f, uint64_t hz, enum moderation_mode mode)
{
	rings_hz = hz;
	rings_open_at(f, 65530);
	moderation_set(&rings.rx[0].moderation, mode);
	moderation_set(&rings.tx[0].moderation, mode);
	holds_open(&rings_lane, hz);
	make_frame();
}

void
close_both(void)
{
	holds_close(&rings_lane);
	rings_close();
	rings_hz = 0;
}
