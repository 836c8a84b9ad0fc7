/* test_vfio.c - a function that only remembers; see test_vfio.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "guest/test_vfio.h"
#include "nic/test_eal.h"

struct session_loop *loop;
static char folder[] = "/tmp/fl-vfio-XXXXXX";

static void
tell(struct device *d, const char *event)
{
	size_t n = strlen(d->story);

	snprintf(d->story + n, sizeof(d->story) - n, "%s ", event);
}

/* ---- the function ---- */

static void
region(void *device, unsigned index, struct vfio_region *out)
{
	struct device *d = device;

	if (index == VFIO_REGION_BAR0) {
		*out = (struct vfio_region){
			.size = BAR_SIZE, .writable = true, .fd = d->bar, .n_areas = 1, .area = { { PAGE, 2 * PAGE } }
		};
	} else if (index == 3) {
		out->size = BAR_SIZE;
	} else if (index == VFIO_REGION_CONFIG) {
		out->size = sizeof(d->config);
		out->writable = true;
	}
}

static uint8_t *
place(struct device *d, unsigned index, uint64_t offset)
{
	return index == VFIO_REGION_CONFIG ? d->config + offset : d->page0 + offset;
}

static int
read_some(void *device, unsigned index, uint64_t offset, void *bytes, unsigned len)
{
	struct device *d = device;

	d->reads++;
	if (d->fails == 0)
		memcpy(bytes, place(d, index, offset), len);
	return d->fails;
}

static int
write_some(void *device, unsigned index, uint64_t offset, const void *bytes, unsigned len)
{
	struct device *d = device;

	d->writes++;
	if (d->fails == 0)
		memcpy(place(d, index, offset), bytes, len);
	return d->fails;
}

static void
set_vector(void *device, unsigned vector, int fd)
{
	struct device *d = device;
	char event[32];

	assert_true(vector < VECTORS);
	snprintf(event, sizeof(event), "vector %u %s", vector, fd >= 0 ? "on" : "off");
	tell(d, event);
	if (d->vector[vector] >= 0)
		close(d->vector[vector]);
	d->vector[vector] = fd;
}

static void
vectors_off(void *device)
{
	struct device *d = device;

	d->offs++;
	tell(d, "msix off");
}

static void
reset(void *device)
{
	struct device *d = device;

	d->resets++;
	tell(d, "reset");
}

static void
sync_all(void *device)
{
	((struct device *)device)->syncs++;
}

static void
memory_goes(void *device, const struct guest_mem *next)
{
	struct device *d = device;
	char event[32];

	/* Lanes still have the former one. */
	assert_true(device_memory(d) != NULL && device_memory(d) != next);
	d->kept_regions = next != NULL ? next->n : 0;
	snprintf(event, sizeof(event), "memory %u", d->kept_regions);
	tell(d, event);
}

static void
begun(void *device)
{
	struct device *d = device;

	d->begun++;
	tell(d, "begun");
}

static void
ended(void *device, const char *why)
{
	struct device *d = device;

	d->ended++;
	assert_null(device_memory(d));
	snprintf(d->why, sizeof(d->why), "%s", why != NULL ? why : "");
	tell(d, "ended");
}

static const struct vfio_device_ops ops = {
	.n_vectors = VECTORS,
	.region = region,
	.read = read_some,
	.write = write_some,
	.set_vector = set_vector,
	.vectors_off = vectors_off,
	.reset = reset,
	.sync = sync_all,
	.memory_goes = memory_goes,
	.begun = begun,
	.ended = ended,
};

/* ---- rig ---- */

int
device_start(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	guest_mem_init();
	loop = session_loop_new();
	return loop == NULL || mkdtemp(folder) == NULL ? -1 : test_eal_start(state);
}

int
device_stop(void **state)
{
	session_loop_free(loop);
	return rmdir(folder);
}

static void
poll_loop(void *arg)
{
	session_loop_poll(loop);
}

void
device_open(struct device *d)
{
	static unsigned number;
	struct vfio_user_options o = { .name = "vm1", .ops = &ops, .device = d };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct err err = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memset(d, 0, sizeof(*d));
	d->vmm.stream.sock = d->mem.fd = -1;
	d->vmm.stream.idle = poll_loop;
	for (unsigned i = 0; i < VECTORS; i++)
		d->vector[i] = -1;
	d->bar = memfd_create("fl-vfio-bar", MFD_CLOEXEC);
	assert_int_equal(ftruncate(d->bar, BAR_SIZE), 0);
	snprintf(d->path, sizeof(d->path), "%s/%u", folder, number++);
	memcpy(at.sun_path, d->path, sizeof(d->path));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 16), 0);
	d->v = vfio_user_open(loop, &o, fd, &err);
	if (d->v == NULL)
		fail_msg("%s", err.msg);
}

void
device_close(struct device *d)
{
	vfio_user_close(d->v);
	device_hang_up(d);
	close(d->bar);
	unlink(d->path);
}

void
device_connect(struct device *d)
{
	unsigned want = d->begun + 1;

	assert_int_equal(vfuser_connect(&d->vmm, d->path), 0);
	assert_true(device_until(&d->begun, want));
}

void
device_agree(struct device *d)
{
	device_connect(d);
	assert_int_equal(vfuser_negotiate(&d->vmm, NULL), 0);
}

void
device_share(struct device *d)
{
	device_agree(d);
	assert_int_equal(vuser_mem_open(&d->mem, GUEST_MEMORY, VUSER_GPA, false), 0);
	assert_int_equal(vfuser_share(&d->vmm, &d->mem), 0);
}

void
device_hang_up(struct device *d)
{
	vfuser_close(&d->vmm);
	vuser_mem_close(&d->mem);
}

bool
device_until(const unsigned *seen, unsigned value)
{
	uint64_t end = clock_ns() + 5 * NSEC_PER_S;

	while (*seen < value && clock_ns() < end) {
		struct pollfd p = { .fd = session_loop_fd(loop), .events = POLLIN };

		if (poll(&p, 1, 1) == 1)
			session_loop_poll(loop);
	}
	return *seen >= value;
}

struct vfio_user_info
device_info(const struct device *d)
{
	struct vfio_user_info info;

	vfio_user_info(d->v, &info);
	return info;
}

const struct guest_mem *
device_memory(const struct device *d)
{
	return atomic_load(vfio_user_memory(d->v));
}
