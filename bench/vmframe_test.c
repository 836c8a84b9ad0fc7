/* vmframe_test.c - frames of the load programs, by what their receiver computes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <linux/virtio_net.h>

#include "bench/vmframe.h"

static const uint8_t a[6] = { 2, 0, 0, 0, 0, 0x0a }, b[6] = { 2, 0, 0, 0, 0, 0x0b };
static uint8_t at[70000];

static unsigned
get16(unsigned offset)
{
	return (unsigned)at[VM_HEADER + offset] << 8 | at[VM_HEADER + offset + 1];
}

static void
the_sum_is_that_of_rfc_1071(void **state)
{
	/* RFC 1071, 3: the example adds up to ddf2; an odd last byte counts as if a zero followed (1). */
	static const uint8_t even[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 }, odd[] = { 0x12, 0x34, 0x56 };

	assert_int_equal(vmframe_fold(vmframe_sum(0, even, sizeof(even))), 0xddf2);
	assert_int_equal(vmframe_fold(vmframe_sum(0, odd, sizeof(odd))), 0x1234 + 0x5600);
	assert_int_equal(vmframe_fold(0xffff + 0xffff), 0xffff);
}

static void
a_udp_frame_goes_its_way(void **state)
{
	static const uint32_t lens[] = { 60, 64, 1500, 9216 };

	for (unsigned i = 0; i < 2 * sizeof(lens) / sizeof(lens[0]); i++) {
		struct vmframe f = { i % 2 ? b : a, i % 2 ? a : b, i % 2, 3, lens[i / 2] };

		memset(at, 0xee, sizeof(at));
		vmframe_udp(at, &f);
		assert_memory_equal(at, "\0\0\0\0\0\0\0\0\0\0\0", VM_HEADER);
		assert_memory_equal(at + VM_HEADER, f.to, 6);
		assert_memory_equal(at + VM_HEADER + 6, f.from, 6);
		assert_int_equal(get16(12), 0x0800);
		assert_int_equal(get16(14 + 2), f.len - 14);
		/* RFC 791, 3.1: over a right header the sum is all ones. */
		assert_int_equal(vmframe_fold(vmframe_sum(0, at + VM_HEADER + 14, 20)), 0xffff);
		assert_int_equal(at[VM_HEADER + 14 + 15], 1 + i % 2);
		assert_int_equal(get16(34), 7000 + 3);
		assert_int_equal(get16(34 + 4), f.len - 14 - 20);
		assert_int_equal(at[VM_HEADER + f.len], 0xee);
	}
}

static void
an_lso_frame_is_right_once_its_checksum_is_finished(void **state)
{
	struct vmframe f = { a, b, 0, 0, 14 + 20 + 20 + 45 * 1448 };
	const struct virtio_net_hdr_v1 *header = (const struct virtio_net_hdr_v1 *)at;
	uint8_t pseudo[12] = { 198, 18, 0, 1, 198, 18, 0, 2, 0, 6 };
	uint8_t *tcp = at + VM_HEADER + 34;
	unsigned tcp_len = 20 + 45 * 1448;
	uint16_t sum;

	for (unsigned i = 0; i < sizeof(at); i++)
		at[i] = (uint8_t)(i * 7);
	vmframe_lso(at, &f, 1448);
	assert_int_equal(header->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(header->gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(header->gso_size, 1448);
	assert_int_equal(header->hdr_len, 54);
	assert_int_equal(header->csum_start, 34);
	assert_int_equal(header->csum_offset, 16);
	assert_int_equal(get16(16), 40 + 45 * 1448);
	assert_int_equal(vmframe_fold(vmframe_sum(0, at + VM_HEADER + 14, 20)), 0xffff);

	/* What the device does (virtio 1.2, 5.1.6.2), then what a receiver of TCP does (RFC 9293, 3.1). */
	sum = (uint16_t)~vmframe_fold(vmframe_sum(0, tcp, tcp_len));
	tcp[16] = (uint8_t)(sum >> 8);
	tcp[17] = (uint8_t)sum;
	pseudo[10] = (uint8_t)(tcp_len >> 8);
	pseudo[11] = (uint8_t)tcp_len;
	assert_int_equal(vmframe_fold(vmframe_sum(vmframe_sum(0, pseudo, 12), tcp, tcp_len)), 0xffff);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sum_is_that_of_rfc_1071),
		cmocka_unit_test(a_udp_frame_goes_its_way),
		cmocka_unit_test(an_lso_frame_is_right_once_its_checksum_is_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
