/*
 * vfio_user_fuzz.c - any messages, with descriptors of any kind, to real sessions of two functions, while their guests' memory is read
 * as lanes do, and shrinks.
 *
 * Input: actions, one after the other. Byte 0 says which (bits 0 to 2) and for which function (bit 3); what follows is in act_*.
 * What must hold: no report of a sanitizer, no access outside of a region, no descriptor and no mapping left at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/qsbr.h"
#include "guest/vfio_user.h"
#include "guest/vfio_user_proto.h"
#include "tests/fuzz/fuzz.h"

#define FUNCTIONS 2
#define VECTORS 3
#define MEMORY (1u << 20)
#define PAGE 4096u
#define BAR_SIZE 0x4000u
#define GPA 0x100000000ull

enum kind { KIND_MEMORY, KIND_EVENT, KIND_DEVICE, KIND_SOCKET, KIND_SHORT, KIND_OTHER_MEMORY, KIND_BAR, KINDS };

static struct function {
	struct vfio_user *v;
	int theirs; /* our end of the connection */
	int vector[VECTORS];
	bool connected;
} functions[FUNCTIONS];

static struct session_loop *loop;
static int fds[KINDS];

/* ---- the function ---- */

static uint64_t
size_of(unsigned index)
{
	return index == VFIO_REGION_BAR0 || index == 3 ? BAR_SIZE : index == VFIO_REGION_CONFIG ? 4096 : 0;
}

static void
region(void *device, unsigned index, struct vfio_region *out)
{
	must(index < VFIO_REGIONS);
	out->size = size_of(index);
	out->writable = index != 3;
	if (index == VFIO_REGION_BAR0) {
		out->fd = fds[KIND_BAR];
		out->n_areas = 1;
		out->area[0] = (struct vfio_area){ PAGE, 2 * PAGE };
	}
}

static void
check(unsigned index, uint64_t offset, unsigned len)
{
	must(index < VFIO_REGIONS && offset <= size_of(index) && len <= size_of(index) - offset);
	must(len == 1 || len == 2 || len == 4 || len == 8 || (index == VFIO_REGION_CONFIG && len > 0));
}

static int
read_some(void *device, unsigned index, uint64_t offset, void *bytes, unsigned len)
{
	check(index, offset, len);
	memset(bytes, 0x5a, len);
	return offset % 8 == 6 ? -EIO : 0;
}

static int
write_some(void *device, unsigned index, uint64_t offset, const void *bytes, unsigned len)
{
	static uint8_t seen[4096];

	check(index, offset, len);
	memcpy(seen, bytes, len);
	return seen[0] == 0xee ? -EIO : 0;
}

static void
set_vector(void *device, unsigned vector, int fd)
{
	struct function *f = device;

	must(vector < VECTORS);
	if (f->vector[vector] >= 0)
		close(f->vector[vector]);
	f->vector[vector] = fd;
}

static void
nothing(void *device)
{
}

static void
memory_goes(void *device, const struct guest_mem *former)
{
	const struct function *f = device;

	must(atomic_load(vfio_user_memory(f->v)) != NULL);
}

static void
begun(void *device)
{
	struct function *f = device;

	must(!f->connected);
	f->connected = true;
}

static void
ended(void *device, const char *why)
{
	struct function *f = device;

	must(f->connected && atomic_load(vfio_user_memory(f->v)) == NULL);
	for (unsigned i = 0; i < VECTORS; i++)
		must(f->vector[i] < 0);
	f->connected = false;
}

static const struct vfio_device_ops ops = {
	VECTORS, region, read_some, write_some, set_vector, nothing, nothing, nothing, memory_goes, begun, ended,
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int ends[2];

	log_set_level(LOG_LEVEL_ERROR);
	guest_mem_init();
	must(qsbr_init() == 0 && (loop = session_loop_new()) != NULL);
	fds[KIND_MEMORY] = memfd_create("fl-fuzz", MFD_CLOEXEC);
	fds[KIND_EVENT] = eventfd(0, EFD_CLOEXEC);
	fds[KIND_DEVICE] = open("/dev/null", O_RDWR | O_CLOEXEC);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	fds[KIND_SOCKET] = ends[0];
	fds[KIND_SHORT] = memfd_create("fl-fuzz", MFD_CLOEXEC);
	fds[KIND_OTHER_MEMORY] = memfd_create("fl-fuzz", MFD_CLOEXEC);
	fds[KIND_BAR] = memfd_create("fl-fuzz", MFD_CLOEXEC);
	must(ftruncate(fds[KIND_SHORT], 100) == 0 && ftruncate(fds[KIND_OTHER_MEMORY], MEMORY) == 0 &&
	     ftruncate(fds[KIND_BAR], BAR_SIZE) == 0);
	return 0;
}

/* ---- actions ---- */

static void
transmit(const struct function *f, const void *bytes, size_t len, uint32_t kinds, unsigned n)
{
	int some[FUZZ_FDS_MAX];

	for (unsigned i = 0; i < n; i++)
		some[i] = fds[(kinds >> i / 2 * 3 & 7) % KINDS];
	fuzz_send(f->theirs, bytes, len, some, n);
}

/* Any message: command, flags, kinds and number of descriptors, length, payload; all of it may lie. */
static void
act_message(const struct function *f, struct input *in)
{
	uint8_t bytes[VFIO_USER_HEADER_LEN + 300] = { 0 };
	struct vfio_user_header h = { .id = 1, .command = (uint16_t)next(in, 1), .flags = (uint32_t)next(in, 1) };
	uint32_t kinds = (uint32_t)next(in, 2);
	unsigned n = (unsigned)next(in, 1) % 17;
	uint16_t len = (uint16_t)next(in, 2);
	unsigned have = len < 300 ? len : 300;

	h.size = len == UINT16_MAX ? UINT32_MAX : VFIO_USER_HEADER_LEN + (uint32_t)len;
	memcpy(bytes, &h, sizeof(h));
	for (unsigned i = 0; i < have; i++)
		bytes[VFIO_USER_HEADER_LEN + i] = (uint8_t)next(in, 1);
	transmit(f, bytes, VFIO_USER_HEADER_LEN + have, kinds, n);
}

static void
say(const struct function *f, uint16_t command, uint32_t flags, const void *payload, size_t len, uint32_t kinds,
    unsigned n)
{
	uint8_t bytes[256];
	struct vfio_user_header h = { 1, command, VFIO_USER_HEADER_LEN + (uint32_t)len, flags, 0 };

	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + sizeof(h), payload, len);
	transmit(f, bytes, sizeof(h) + len, kinds, n);
}

/* A good request with some of it chosen, so that inputs get far. */
static void
act_good(const struct function *f, struct input *in)
{
	static const char hello[4 + 128] = "\0\0\0\0{\"capabilities\":{}}";
	unsigned step = (unsigned)next(in, 1), where = step / 16;
	struct vfio_user_dma_map map = { sizeof(map), 3, (uint64_t)where * PAGE, GPA + (uint64_t)where * 4 * PAGE,
					 PAGE * (1 + next(in, 1) % 16) };
	struct vfio_user_dma_unmap unmap = { sizeof(unmap), 0, map.iova, map.size };
	struct vfio_user_set_irqs irqs = { sizeof(irqs), 0x24, 2, where % 4, (uint32_t)(map.size / PAGE) % 4 };
	struct vfio_user_region_info info = { .argsz = where * 16, .index = where % 10 };
	struct vfio_user_access access = { where * 0x400 + map.size / PAGE, where % 10, 4 };
	uint8_t write[sizeof(access) + 4];

	switch (step % 16) {
	case 0:
	case 1:
		say(f, VFIO_USER_VERSION, 0, hello, sizeof(hello), 0, 0);
		break;
	case 2:
	case 3:
		say(f, VFIO_USER_DMA_MAP, 0, &map, sizeof(map), KIND_MEMORY, 1);
		break;
	case 4:
		say(f, VFIO_USER_DMA_MAP, 0, &map, sizeof(map), KIND_BAR, 1);
		break;
	case 5:
		say(f, VFIO_USER_DMA_MAP, 0, &map, sizeof(map), 0, 0);
		break;
	case 6:
		say(f, VFIO_USER_DMA_UNMAP, 0, &unmap, sizeof(unmap), 0, 0);
		break;
	case 7:
		unmap = (struct vfio_user_dma_unmap){ sizeof(unmap), VFIO_USER_UNMAP_ALL, 0, 0 };
		say(f, VFIO_USER_DMA_UNMAP, 0, &unmap, sizeof(unmap), 0, 0);
		break;
	case 8:
		say(f, VFIO_USER_DEVICE_SET_IRQS, 0, &irqs, sizeof(irqs), 0x249, irqs.count);
		break;
	case 9:
		irqs = (struct vfio_user_set_irqs){ sizeof(irqs), 0x21, 2, 0, 0 };
		say(f, VFIO_USER_DEVICE_SET_IRQS, 0, &irqs, sizeof(irqs), 0, 0);
		break;
	case 10:
		say(f, VFIO_USER_DEVICE_GET_REGION_INFO, 0, &info, sizeof(info), 0, 0);
		break;
	case 11:
		say(f, VFIO_USER_REGION_READ, 0, &access, sizeof(access), 0, 0);
		break;
	case 12:
	case 13:
		memcpy(write, &access, sizeof(access));
		memset(write + sizeof(access), (int)where, 4);
		say(f, VFIO_USER_REGION_WRITE, step % 16 == 12 ? VFIO_USER_NO_REPLY : 0, write, sizeof(write), 0, 0);
		break;
	default:
		say(f, VFIO_USER_DEVICE_RESET, 0, &access, 0, 0, 0);
	}
}

/* Bytes of no message at all. */
static void
act_raw(const struct function *f, struct input *in)
{
	struct input raw = next_part(in, next(in, 1));

	if (raw.left > 0)
		transmit(f, raw.at, raw.left, 0, 0);
}

/* As a lane does: the ends of each region, by the published map alone. */
static void
act_lane(const struct function *f)
{
	const struct guest_mem *mem = atomic_load(vfio_user_memory(f->v));
	unsigned hint = 0;

	for (unsigned i = 0; mem != NULL && i < mem->n; i++) {
		const struct guest_region *r = &mem->region[i];
		uint8_t *va;

		must(r->len > 0 && (i == 0 || mem->region[i - 1].gpa + mem->region[i - 1].len <= r->gpa));
		must(guest_span(mem, &hint, r->gpa, r->len, &va) == r->len);
		(void)*(volatile uint8_t *)va;
		if (!r->read_only)
			*(volatile uint8_t *)(va + r->len - 1) = 1;
	}
}

static void
connect_to(struct function *f)
{
	int ends = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + 8);

	snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "fz%05d%u", (int)(getpid() % 100000),
		 (unsigned)(f - functions));
	if (f->theirs >= 0)
		close(f->theirs);
	f->theirs = ends;
	must(ends >= 0 && connect(ends, (struct sockaddr *)&at, len) == 0);
	for (unsigned i = 0; i < 10000 && !f->connected; i++)
		session_loop_poll(loop);
	must(f->connected);
}

static void
act(struct function *f, unsigned action, struct input *in)
{
	switch (action) {
	case 0:
	case 1:
		act_message(f, in);
		break;
	case 2:
	case 3:
	case 4:
		act_good(f, in);
		break;
	case 5:
		act_raw(f, in);
		break;
	case 6:
		act_lane(f);
		break;
	default:
		if (next(in, 1) % 8 == 0)
			must(ftruncate(fds[KIND_MEMORY], (off_t)(next(in, 2) * 16)) == 0);
		else
			vfio_user_tend(f->v);
	}
}

/* ---- one input ---- */

static void
settle(void)
{
	uint8_t answers[8192];

	session_loop_poll(loop);
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		while (recv(functions[i].theirs, answers, sizeof(answers), MSG_DONTWAIT) > 0)
			;
		if (!functions[i].connected)
			connect_to(&functions[i]);
	}
}

static void
open_functions(void)
{
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		struct function *f = &functions[i];
		struct vfio_user_options o = { "vm", &ops, f };
		struct sockaddr_un at = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		/* An abstract name: no file is left. */
		snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "fz%05d%u", (int)(getpid() % 100000), i);
		must(fd >= 0 && bind(fd, (struct sockaddr *)&at,
				     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + 8)) == 0);
		must(listen(fd, 4) == 0);
		*f = (struct function){ .theirs = -1, .vector = { -1, -1, -1 } };
		must((f->v = vfio_user_open(loop, &o, fd, NULL)) != NULL);
		connect_to(f);
	}
}

static void
close_functions(void)
{
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		vfio_user_close(functions[i].v);
		must(!functions[i].connected);
		close(functions[i].theirs);
	}
	qsbr_reclaim();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	int free_before = fuzz_free_fd(fds[KIND_DEVICE]);

	must(ftruncate(fds[KIND_MEMORY], 0) == 0 && ftruncate(fds[KIND_MEMORY], MEMORY) == 0); /* zeros */
	open_functions();
	while (in.left > 0) {
		uint8_t first = (uint8_t)next(&in, 1);

		act(&functions[first >> 3 & 1], first & 7, &in);
		settle();
	}
	close_functions();
	must(fuzz_comes_free(fds[KIND_DEVICE], free_before));
	return 0;
}
