/* vfio_user_test.c - what a VMM can say to a function, memory apart. Numbers are those of QEMU's docs/interop/vfio-user.rst. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test_held.h"
#include "guest/test_vfio.h"

#define ACCESS 16 /* bytes of offset, region, count */

static struct device d;

static int
open_device(void **state)
{
	device_open(&d);
	return 0;
}

static int
close_device(void **state)
{
	device_close(&d);
	return 0;
}

/* A whole message, with a payload of len bytes; the answer replaces it. Returns its errno, 0 when it is no error. */
static unsigned
ask(struct vfuser_msg *m, unsigned len, const int *fds, unsigned n_fds)
{
	int ret = vfuser_ask(&d.vmm, m, len, fds, n_fds, 0, NULL);

	if (ret == -EREMOTEIO)
		return d.vmm.error;
	assert_int_equal(ret, 0);
	return 0;
}

/* ---- version ---- */

static void
a_vmm_is_told_what_the_function_takes(void **state)
{
	char data[1020];

	device_connect(&d);
	assert_int_equal(vfuser_negotiate(&d.vmm, data), 0);
	/* What QEMU refuses: more than 16 descriptors, 64 MiB, 65535 maps; or pages below 4096. */
	assert_string_equal(data,
			    "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":4096,\"max_dma_maps\":256,"
			    "\"pgsizes\":4096,\"write_multiple\":false}}");
}

static void
versions_are_agreed_on_or_not(void **state)
{
	static const struct {
		const char *name;
		uint16_t major, minor;
		const char *data;
		unsigned len;           /* of data, with its zero */
		unsigned error, answer; /* bytes after the numbers; at most what was sent */
	} rows[] = {
		{ "0.0 with nothing", 0, 0, "", 0, 0, 0 },
		{ "0.0 with little", 0, 0, "{}", 3, 0, 0 },
		{ "0.0 with room for an empty object", 0, 0, "{\"capabilities\":{}}", 20, 0, 20 },
		{ "0.9", 0, 9, "{\"capabilities\":{}}", 20, 0, 20 },
		{ "1.0", 1, 0, "{\"capabilities\":{}}", 20, EINVAL, 0 },
		{ "65535.65535", 65535, 65535, "", 0, EINVAL, 0 },
		{ "no zero at the end", 0, 0, "{\"capabilities\":{}}", 19, EINVAL, 0 },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct vfuser_msg m = { .command = VFUSER_VERSION };
		unsigned over = d.ended;

		device_connect(&d);
		m.version.major = rows[i].major;
		m.version.minor = rows[i].minor;
		memcpy(m.version.data, rows[i].data, rows[i].len);
		if (ask(&m, 4 + rows[i].len, NULL, 0) != rows[i].error)
			fail_msg("%s: error %u", rows[i].name, d.vmm.error);
		if (rows[i].error != 0) {
			assert_true(device_until(&d.ended, over + 1));
			assert_int_not_equal(d.why[0], '\0');
		} else {
			assert_int_equal(m.version.major, 0);
			assert_int_equal(m.version.minor, 0);
			assert_int_equal(m.size, 16 + 4 + rows[i].answer);
		}
		device_hang_up(&d);
		assert_true(device_until(&d.ended, over + 1));
	}
}

static void
nothing_is_done_before_the_version_is_agreed_on(void **state)
{
	static const uint16_t commands[] = { 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 200 };

	for (unsigned i = 0; i < LEN(commands); i++) {
		struct vfuser_msg m = { .command = commands[i] };
		unsigned over = d.ended;

		device_connect(&d);
		assert_int_equal(ask(&m, 32, NULL, 0), EINVAL);
		assert_true(device_until(&d.ended, over + 1));
		assert_non_null(strstr(d.why, "before the version"));
		device_hang_up(&d);
	}
	assert_int_equal(d.resets + d.reads + d.writes + d.syncs, 0);
}

static void
a_version_is_agreed_on_once(void **state)
{
	device_agree(&d);
	assert_int_equal(vfuser_negotiate(&d.vmm, NULL), -EREMOTEIO);
	assert_int_equal(d.vmm.error, EINVAL);
	assert_int_equal(vfuser_reset(&d.vmm), 0);
}

/* ---- what there is ---- */

static void
a_vmm_finds_the_regions_and_the_vectors(void **state)
{
	static const struct {
		unsigned index;
		uint32_t flags;
		uint64_t size;
	} rows[] = { { 0, 0xf, BAR_SIZE }, { 1, 0, 0 }, { 2, 0, 0 },    { 3, 1, BAR_SIZE }, { 4, 0, 0 },
		     { 5, 0, 0 },          { 6, 0, 0 }, { 7, 3, 4096 }, { 8, 0, 0 } };
	static const unsigned counts[] = { 0, 0, VECTORS, 1, 0 }; /* without the fourth, QEMU warns its user */
	uint32_t flags, n_regions, n_irqs, count;
	struct vfuser_region r;

	device_agree(&d);
	assert_int_equal(vfuser_info(&d.vmm, &flags, &n_regions, &n_irqs), 0);
	assert_int_equal(flags, 3); /* PCI, can be reset */
	assert_int_equal(n_regions, 9);
	assert_int_equal(n_irqs, 5);
	for (unsigned i = 0; i < LEN(rows); i++) {
		assert_int_equal(vfuser_region(&d.vmm, rows[i].index, &r), 0);
		if (r.flags != rows[i].flags || r.size != rows[i].size)
			fail_msg("region %u: flags %x size %lx", rows[i].index, r.flags, r.size);
		assert_int_equal(r.fd >= 0, rows[i].index == 0);
		if (r.fd >= 0)
			close(r.fd);
	}
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(vfuser_irqs(&d.vmm, i, &flags, &count), 0);
		assert_int_equal(flags, counts[i] > 0);
		assert_int_equal(count, counts[i]);
	}
	assert_int_equal(d.syncs, 0);
}

static void
a_mapped_area_is_the_devices_page(void **state)
{
	struct vfuser_region r;
	uint32_t value = 0, *va;

	device_agree(&d);
	assert_int_equal(vfuser_region(&d.vmm, 0, &r), 0);
	assert_int_equal(r.n_areas, 1);
	assert_int_equal(r.area[0].offset, PAGE);
	assert_int_equal(r.area[0].size, 2 * PAGE);
	va = vfuser_map_area(&r, 0);
	assert_non_null(va);
	va[6] = 0x12345678;
	assert_int_equal(pread(d.bar, &value, 4, PAGE + 24), 4);
	assert_int_equal(value, 0x12345678);
	munmap(va, 2 * PAGE);
	close(r.fd);
}

/* QEMU loses an answer that is longer than what it asked for. */
static void
capabilities_come_only_with_room_for_them(void **state)
{
	static const struct {
		uint32_t argsz;
		unsigned sent, error, answer;
	} rows[] = { { 0, 32, EINVAL, 0 }, { 31, 32, EINVAL, 0 }, { 32, 32, 0, 32 },        { 63, 32, 0, 32 },
		     { 64, 32, 0, 64 },    { 64, 64, 0, 64 },     { UINT32_MAX, 32, 0, 64 } };

	device_agree(&d);
	for (unsigned i = 0; i < LEN(rows); i++) {
		struct vfuser_msg m = { .command = VFUSER_GET_REGION_INFO, .region.argsz = rows[i].argsz };

		if (ask(&m, rows[i].sent, NULL, 0) != rows[i].error)
			fail_msg("argsz %u", rows[i].argsz);
		if (rows[i].error != 0)
			continue;
		assert_int_equal(m.size, 16 + rows[i].answer);
		assert_int_equal(m.region.argsz, 64);      /* 32, a capability of 16, one area of 16 */
		assert_int_equal(m.region.cap_offset, 32); /* or QEMU gives up, even after the short answer */
		assert_int_equal(m.region.flags, 0xf);
	}
}

/* ---- access ---- */

static void
registers_are_read_and_written(void **state)
{
	uint8_t all[4096];
	uint64_t value = 0x8877665544332211;

	device_agree(&d);
	for (unsigned len = 1; len <= 8; len *= 2) {
		assert_int_equal(vfuser_write(&d.vmm, 0, 0x100 + 16 * len, &value, len), 0);
		assert_memory_equal(d.page0 + 0x100 + 16 * len, &value, len);
		assert_int_equal(vfuser_read(&d.vmm, 0, 0x100 + 16 * len, all, len), 0);
		assert_memory_equal(all, &value, len);
	}
	for (unsigned i = 0; i < sizeof(d.config); i++)
		d.config[i] = (uint8_t)(i * 7);
	assert_int_equal(vfuser_read(&d.vmm, VFUSER_CONFIG, 0, all, 4096), 0);
	assert_memory_equal(all, d.config, 4096);
	assert_int_equal(vfuser_read(&d.vmm, VFUSER_CONFIG, 0x201, all, 1), 0);
	assert_int_equal(all[0], (uint8_t)(0x201 * 7));
	assert_int_equal(device_info(&d).traps, 10);
	assert_int_equal(d.syncs, 10);
}

static void
a_posted_write_is_not_answered(void **state)
{
	uint32_t value = 1;

	device_agree(&d);
	for (; value <= 100; value++)
		assert_int_equal(vfuser_post(&d.vmm, 0, 0x108, &value, 4), 0);
	/* The next answer is that of the read. */
	assert_int_equal(vfuser_read(&d.vmm, 0, 0x108, &value, 4), 0);
	assert_int_equal(value, 100);
	assert_int_equal(d.writes, 100);
	/* Neither is one that is refused. */
	assert_int_equal(vfuser_post(&d.vmm, 3, 0, &value, 4), 0);
	assert_int_equal(vfuser_read(&d.vmm, 0, 0x108, &value, 4), 0);
	assert_non_null(strstr(device_info(&d).last_error, "region 3"));
}

static void
an_access_outside_of_a_region_is_refused(void **state)
{
	static const struct {
		bool writes;
		uint64_t offset;
		uint32_t region, count;
		unsigned len; /* bytes that a write has */
		unsigned error;
	} rows[] = {
		{ false, 0, 0, 0, 0, EINVAL },
		{ false, 0, 0, 3, 0, EINVAL },
		{ false, 0, 0, 16, 0, EINVAL },
		{ false, 0, 0, 4096, 0, EINVAL },
		{ false, 0, 0, UINT32_MAX, 0, EINVAL },
		{ false, BAR_SIZE - 4, 0, 4, 0, 0 },
		{ false, BAR_SIZE - 3, 0, 4, 0, EINVAL },
		{ false, BAR_SIZE, 0, 1, 0, EINVAL },
		{ false, UINT64_MAX, 0, 1, 0, EINVAL },
		{ false, UINT64_MAX - 3, 0, 8, 0, EINVAL },
		{ false, 0, 1, 1, 0, EINVAL },
		{ false, 0, 8, 4, 0, EINVAL },
		{ false, 0, 9, 4, 0, EINVAL },
		{ false, 0, UINT32_MAX, 4, 0, EINVAL },
		{ false, 0, 7, 4097, 0, EINVAL },
		{ false, 1, 7, 4096, 0, EINVAL },
		{ false, 4095, 7, 1, 0, 0 },
		{ true, 0, 3, 4, 4, EACCES },
		{ true, 0, 0, 4, 3, EINVAL },
		{ true, 0, 0, 4, 5, EINVAL },
		{ true, 0, 0, 0, 1, EINVAL },
		{ true, 0, 0, 4, 0, EINVAL },
		{ true, BAR_SIZE - 4, 0, 8, 8, EINVAL },
		{ true, 0, 7, 4096, 4096, 0 },
		{ true, 0, 7, 4096, 4095, EINVAL },
	};

	device_agree(&d);
	for (unsigned i = 0; i < LEN(rows); i++) {
		struct vfuser_msg m = { .command = rows[i].writes ? VFUSER_REGION_WRITE : VFUSER_REGION_READ };

		m.access.offset = rows[i].offset;
		m.access.region = rows[i].region;
		m.access.count = rows[i].count;
		if (ask(&m, ACCESS + rows[i].len, NULL, 0) != rows[i].error)
			fail_msg("row %u: %u", i, d.vmm.error);
	}
	assert_int_equal(d.reads, 2);
	assert_int_equal(d.writes, 1);
}

static void
what_the_device_refuses_the_vmm_gets(void **state)
{
	uint32_t value = 0;

	device_agree(&d);
	d.fails = -EIO;
	assert_int_equal(vfuser_read(&d.vmm, 0, 0, &value, 4), -EREMOTEIO);
	assert_int_equal(d.vmm.error, EIO);
	d.fails = -EPERM;
	assert_int_equal(vfuser_write(&d.vmm, 0, 0, &value, 4), -EREMOTEIO);
	assert_int_equal(d.vmm.error, EPERM);
	d.fails = 0;
	assert_int_equal(vfuser_read(&d.vmm, 0, 0, &value, 4), 0);
}

/* ---- vectors ---- */

static void
vectors_come_change_and_go(void **state)
{
	int fds[VECTORS];
	uint64_t count;

	for (unsigned i = 0; i < VECTORS; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	device_agree(&d);
	assert_int_equal(vfuser_vectors(&d.vmm, 0, NULL, 1), 0); /* QEMU: MSI-X was switched on */
	assert_int_equal(vfuser_vectors(&d.vmm, 0, fds, VECTORS), 0);
	for (unsigned i = 0; i < VECTORS; i++) {
		assert_int_equal(eventfd_write(d.vector[i], 1 + i), 0);
		assert_int_equal(eventfd_read(fds[i], &count), 0);
		assert_int_equal(count, 1 + i);
	}
	/* Signalling never waits, whatever the VMM's flags were. */
	assert_true(fcntl(d.vector[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(vfuser_vectors(&d.vmm, 2, fds, 1), 0);
	assert_int_equal(vfuser_vectors(&d.vmm, 1, NULL, 2), 0);
	assert_int_equal(d.vector[1], -1);
	assert_int_equal(d.vector[2], -1);
	assert_int_equal(vfuser_vectors_off(&d.vmm), 0);
	assert_string_equal(d.story, "begun vector 0 off vector 0 on vector 1 on vector 2 on vector 2 on vector 1 off "
				     "vector 2 off vector 0 off vector 1 off vector 2 off msix off ");
	for (unsigned i = 0; i < VECTORS; i++)
		close(fds[i]);
}

static void
vectors_that_cannot_be_are_refused_whole(void **state)
{
	static const struct {
		uint32_t argsz, flags, index, start, count;
		unsigned n_fds, len, error;
	} rows[] = {
		{ 20, 0x24, 2, 0, 3, 3, 20, 0 },
		{ 20, 0x24, 2, 0, 3, 2, 20, EINVAL },
		{ 20, 0x24, 2, 0, 2, 3, 20, EINVAL },
		{ 20, 0x24, 2, 1, 3, 3, 20, EINVAL },
		{ 20, 0x24, 2, 3, 1, 1, 20, EINVAL },
		{ 20, 0x24, 2, UINT32_MAX, 2, 2, 20, EINVAL },
		{ 20, 0x24, 2, 1, UINT32_MAX, 1, 20, EINVAL },
		{ 20, 0x24, 2, 0, 0, 0, 20, EINVAL },
		{ 20, 0x24, 2, 0, 1, 1, 24, EINVAL },
		{ 19, 0x24, 2, 0, 1, 1, 20, EINVAL },
		{ 20, 0x24, 0, 0, 1, 1, 20, EINVAL },
		{ 20, 0x24, 1, 0, 1, 1, 20, EINVAL },
		{ 20, 0x24, 3, 0, 1, 1, 20, 0 }, /* heard, and never used */
		{ 20, 0x24, 3, 0, 1, 0, 20, 0 },
		{ 20, 0x24, 3, 0, 2, 2, 20, EINVAL },
		{ 20, 0x24, 3, 1, 1, 1, 20, EINVAL },
		{ 20, 0x24, 4, 0, 1, 0, 20, EINVAL },
		{ 20, 0x24, 5, 0, 1, 1, 20, EINVAL },
		{ 20, 0x24, UINT32_MAX, 0, 1, 1, 20, EINVAL },
		{ 20, 0x21, 2, 0, 0, 1, 20, EINVAL },
		{ 20, 0x21, 2, 0, 1, 0, 20, EINVAL },
		{ 20, 0x21, 2, 1, 0, 0, 20, EINVAL },
		{ 20, 0x21, 5, 0, 0, 0, 20, EINVAL },
		{ 20, 0x21, 0, 0, 0, 0, 20, 0 }, /* what is not there is off */
		{ 20, 0x21, 1, 0, 0, 0, 20, 0 },
		{ 20, 0x22, 2, 0, 3, 0, 23, EINVAL },
		{ 20, 0x09, 2, 0, 1, 0, 20, EINVAL },
		{ 20, 0x0c, 2, 0, 1, 1, 20, EINVAL },
		{ 20, 0x11, 2, 0, 1, 0, 20, EINVAL },
		{ 20, 0x14, 2, 0, 1, 1, 20, EINVAL },
		{ 20, 0x3f, 2, 0, 1, 1, 20, EINVAL },
		{ 20, 0x00, 2, 0, 0, 0, 20, EINVAL },
		{ 20, 0x124, 2, 0, 1, 1, 20, EINVAL },
	};
	int event = eventfd(0, EFD_CLOEXEC), fds[] = { event, event, event };
	char *after;

	device_agree(&d);
	for (unsigned i = 0; i < LEN(rows); i++) {
		struct vfuser_msg m = { .command = VFUSER_SET_IRQS };

		m.set_irqs.argsz = rows[i].argsz;
		m.set_irqs.flags = rows[i].flags;
		m.set_irqs.index = rows[i].index;
		m.set_irqs.start = rows[i].start;
		m.set_irqs.count = rows[i].count;
		if (ask(&m, rows[i].len, fds, rows[i].n_fds) != rows[i].error)
			fail_msg("row %u: %u", i, d.vmm.error);
	}
	after = strstr(d.story, "vector 2 on ");
	assert_string_equal(after, "vector 2 on "); /* nothing was changed after the first row */
	close(event);
}

static void
a_vector_that_is_no_eventfd_changes_none(void **state)
{
	int event = eventfd(0, EFD_CLOEXEC), device = open("/dev/null", O_RDWR | O_CLOEXEC),
	    memory = memfd_create("fl-vfio-test", MFD_CLOEXEC);
	int fds[][2] = { { event, device }, { memory, event }, { device, memory } };

	device_agree(&d);
	for (unsigned i = 0; i < LEN(fds); i++) {
		assert_int_equal(vfuser_vectors(&d.vmm, 0, fds[i], 2), -EREMOTEIO);
		assert_int_equal(d.vmm.error, EBADF);
	}
	assert_int_equal(d.vector[0], -1);
	assert_string_equal(d.story, "begun ");
	close(event);
	close(device);
	close(memory);
}

/* ---- the rest ---- */

static void
a_reset_reaches_the_device(void **state)
{
	device_agree(&d);
	assert_int_equal(vfuser_reset(&d.vmm), 0);
	assert_int_equal(d.resets, 1);
	assert_int_equal(d.syncs, 1);
}

static void
an_unknown_or_misshapen_request_is_refused_and_no_more(void **state)
{
	static const struct {
		uint16_t command;
		unsigned len, n_fds, error;
	} rows[] = {
		{ 0, 0, 0, EOPNOTSUPP },     { 6, 32, 0, EOPNOTSUPP },  { 11, 16, 0, EOPNOTSUPP },
		{ 12, 4096, 0, EOPNOTSUPP }, { 14, 64, 1, EOPNOTSUPP }, { 15, 8, 0, EOPNOTSUPP },
		{ 16, 8, 0, EOPNOTSUPP },    { 17, 8, 0, EOPNOTSUPP },  { 18, 8, 0, EOPNOTSUPP },
		{ 19, 0, 0, EOPNOTSUPP },    { 255, 0, 0, EOPNOTSUPP }, { 65535, 0, 8, EOPNOTSUPP },
		{ 1, 3, 0, EINVAL },         { 2, 31, 0, EINVAL },      { 2, 33, 0, EINVAL },
		{ 3, 23, 0, EINVAL },        { 3, 25, 0, EINVAL },      { 4, 0, 0, EINVAL },
		{ 4, 15, 0, EINVAL },        { 4, 17, 0, EINVAL },      { 5, 31, 0, EINVAL },
		{ 7, 15, 0, EINVAL },        { 7, 17, 0, EINVAL },      { 8, 19, 0, EINVAL },
		{ 9, 15, 0, EINVAL },        { 9, 17, 0, EINVAL },      { 10, 16, 0, EINVAL },
		{ 13, 1, 0, EINVAL },        { 4, 16, 1, EINVAL },      { 13, 0, 8, EINVAL },
		{ 13, 0, 9, EINVAL },        { 2, 32, 2, EINVAL },      { 9, 16, 1, EINVAL },
	};
	int event = eventfd(0, EFD_CLOEXEC), fds[9];
	unsigned before;

	for (unsigned i = 0; i < LEN(fds); i++)
		fds[i] = event;
	device_agree(&d);
	before = test_open_fds();
	for (unsigned i = 0; i < LEN(rows); i++) {
		struct vfuser_msg m = { .command = rows[i].command };

		if (ask(&m, rows[i].len, fds, rows[i].n_fds) != rows[i].error)
			fail_msg("row %u: %u", i, d.vmm.error);
		assert_int_not_equal(device_info(&d).last_error[0], '\0');
	}
	assert_true(test_has_only_fds(before, 2000));
	assert_string_equal(d.story, "begun ");
	close(event);
}

static void
a_question_of_nothing_is_refused(void **state)
{
	struct vfuser_msg m = { .command = VFUSER_GET_INFO, .info.argsz = 15 };

	device_agree(&d);
	assert_int_equal(ask(&m, 16, NULL, 0), EINVAL);
	m = (struct vfuser_msg){ .command = VFUSER_GET_REGION_INFO, .region = { .argsz = 32, .index = 9 } };
	assert_int_equal(ask(&m, 32, NULL, 0), EINVAL);
	m = (struct vfuser_msg){ .command = VFUSER_GET_IRQ_INFO, .irq = { .argsz = 16, .index = 5 } };
	assert_int_equal(ask(&m, 16, NULL, 0), EINVAL);
	m = (struct vfuser_msg){ .command = VFUSER_GET_IRQ_INFO, .irq = { .argsz = 8, .index = 2 } };
	assert_int_equal(ask(&m, 16, NULL, 0), EINVAL);
}

/* Where the next message begins cannot be known. */
static void
a_header_that_is_none_ends_the_connection(void **state)
{
	static const struct {
		uint32_t size, flags;
		const char *why;
	} rows[] = {
		{ 0, 0, "0 bytes" },
		{ 15, 0, "15 bytes" },
		{ 16 + 16 + 4097, 0, "4129 bytes" },
		{ 0x80000000, 0, "2147483648 bytes" },
		{ UINT32_MAX, 0, "4294967295 bytes" },
		{ 16, 1, "no request" },
		{ 16, 2, "no request" },
		{ 16, 0x2f, "no request" },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct vfuser_msg m = { .command = VFUSER_RESET, .flags = rows[i].flags };
		unsigned over = d.ended;

		device_agree(&d);
		m.size = rows[i].size;
		assert_int_equal(vfuser_send_bytes(&d.vmm, &m, 16), 0);
		assert_true(device_until(&d.ended, over + 1));
		if (strstr(d.why, rows[i].why) == NULL)
			fail_msg("row %u: %s", i, d.why);
		assert_string_equal(device_info(&d).last_error, d.why);
		device_hang_up(&d);
	}
	assert_int_equal(d.resets, 0);
}

static void
a_vmm_that_leaves_takes_its_vectors_and_memory_along(void **state)
{
	int event = eventfd(0, EFD_CLOEXEC), before = (int)test_open_fds();
	unsigned mappings = test_mappings();

	device_share(&d);
	assert_int_equal(vfuser_vectors(&d.vmm, 1, &event, 1), 0);
	assert_true(device_info(&d).connected);
	device_hang_up(&d);
	assert_true(device_until(&d.ended, 1));
	assert_string_equal(d.story, "begun vector 1 on vector 0 off vector 1 off vector 2 off memory 0 ended ");
	assert_string_equal(d.why, "");
	assert_false(device_info(&d).connected);
	assert_int_equal(test_mappings(), mappings);
	assert_true(test_has_only_fds((unsigned)before, 2000));
	/* The next one begins anew. */
	device_share(&d);
	assert_int_equal(device_info(&d).connects, 2);
	close(event);
}

static void
the_daemon_can_end_a_connection(void **state)
{
	uint32_t value;

	device_share(&d);
	vfio_user_end(d.v, "the port is down");
	assert_int_equal(d.ended, 1);
	assert_string_equal(d.why, "the port is down");
	assert_int_equal(vfuser_read(&d.vmm, 0, 0, &value, 4), -ECONNRESET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_device, close_device)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_vmm_is_told_what_the_function_takes),
		TEST(versions_are_agreed_on_or_not),
		TEST(nothing_is_done_before_the_version_is_agreed_on),
		TEST(a_version_is_agreed_on_once),
		TEST(a_vmm_finds_the_regions_and_the_vectors),
		TEST(a_mapped_area_is_the_devices_page),
		TEST(capabilities_come_only_with_room_for_them),
		TEST(registers_are_read_and_written),
		TEST(a_posted_write_is_not_answered),
		TEST(an_access_outside_of_a_region_is_refused),
		TEST(what_the_device_refuses_the_vmm_gets),
		TEST(vectors_come_change_and_go),
		TEST(vectors_that_cannot_be_are_refused_whole),
		TEST(a_vector_that_is_no_eventfd_changes_none),
		TEST(a_reset_reaches_the_device),
		TEST(an_unknown_or_misshapen_request_is_refused_and_no_more),
		TEST(a_question_of_nothing_is_refused),
		TEST(a_header_that_is_none_ends_the_connection),
		TEST(a_vmm_that_leaves_takes_its_vectors_and_memory_along),
		TEST(the_daemon_can_end_a_connection),
	};

	return cmocka_run_group_tests(tests, device_start, device_stop);
}
