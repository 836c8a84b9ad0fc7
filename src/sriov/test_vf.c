/* test_vf.c - a virtual function without a virtual machine; see test_vf.h. */
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
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "guest/interrupt.h"
#include "pkt/build.h"
#include "sriov/test_vf.h"

static struct session_loop *loop;
static char folder[] = "/tmp/fl-vf-XXXXXX";

int
vm_start(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	guest_mem_init();
	if (test_eal_start(state) < 0 || interrupt_init() < 0 || mkdtemp(folder) == NULL)
		return -1;
	test_processors_open(1, 0);
	loop = session_loop_new();
	return loop == NULL ? -1 : 0;
}

int
vm_stop(void **state)
{
	session_loop_free(loop);
	test_processors_close();
	interrupt_fini();
	return rmdir(folder);
}

static void
poll_loop(void *arg)
{
	session_loop_poll(loop);
}

static void
filters_changed(void *arg)
{
	((struct vm *)arg)->filters++;
}

static void
receives(void *arg, bool on, bool withdrawn)
{
	struct vm *vm = arg;
	size_t n = strlen(vm->story);

	snprintf(vm->story + n, sizeof(vm->story) - n, "%s ", on ? "on" : withdrawn ? "withdrawn" : "off");
}

static unsigned
refuse(struct lane *lane, struct ingress *in, struct burst *burst)
{
	fail_msg("the test takes frames by itself");
	return 0;
}

void
vm_prepare(struct vm *vm, enum vf_model model)
{
	memset((void *)vm, 0, sizeof(*vm));
	vm->mem.fd = vm->driver.vmm.stream.sock = vm->driver.bar.fd = -1;
	for (unsigned i = 0; i < IXVF_VECTORS; i++)
		vm->driver.vector[i] = -1;
	vm->driver.vmm.stream.idle = poll_loop;
	vm->ingress.input = refuse;
	vm->options = (struct vf_options){
		.name = "vm1",
		.model = model,
		.policy = { .mac = { { 2, 0xf1, 0, 0, 0, 1 } }, .link = true, .link_mbps = 10000, .mtu = 9000 },
		.queues = vm->queue,
		.ingress = &vm->ingress,
		.filters_changed = filters_changed,
		.receives = receives,
		.arg = vm
	};
	vm->driver_is = (struct ixvf_options){ .n_pairs = model >= VF_X550_HV ? 1 : 2,
					       .rx_size = VM_RING,
					       .tx_size = VM_RING,
					       .rx_room = 2048,
					       .hyper_v = model >= VF_X550_HV };
}

void
vm_open(struct vm *vm)
{
	static unsigned number;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct err err = { 0 };

	snprintf(vm->path, sizeof(vm->path), "%s/%u", folder, number++);
	memcpy(at.sun_path, vm->path, sizeof(vm->path));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 16), 0);
	vm->driver_is.path = vm->path;
	assert_int_equal(vport_init(&vm->vport, "vm1"), 0);
	for (unsigned i = 0; i < VF_PAIRS; i++) {
		vm->queue[i] = queue_new(&vm->vport, i);
		assert_non_null(vm->queue[i]);
		assert_int_equal(queue_move(vm->queue[i], 0), 0);
	}
	assert_int_equal(lane_init(&vm->lane, 0), 0);
	vm->vf = vf_open(loop, &vm->options, fd, &err);
	if (vm->vf == NULL)
		fail_msg("%s", err.msg);
}

void
vm_close(struct vm *vm)
{
	vf_close(vm->vf);
	ixvf_close(&vm->driver);
	if (vm->mem.fd >= 0)
		vuser_mem_close(&vm->mem);
	for (unsigned i = 0; i < VF_PAIRS; i++)
		queue_free(vm->queue[i]);
	qsbr_reclaim();
	lane_fini(&vm->lane);
	vport_fini(&vm->vport);
	unlink(vm->path);
}

void
vm_probe(struct vm *vm)
{
	if (vm->mem.fd < 0)
		assert_int_equal(vuser_mem_open(&vm->mem, VM_MEMORY, VUSER_GPA, false), 0);
	assert_int_equal(ixvf_attach(&vm->driver, &vm->driver_is, &vm->mem), 0);
	assert_int_equal(ixvf_begin(&vm->driver), 0);
}

void
vm_begin(struct vm *vm)
{
	uint16_t command = 0x0006; /* memory, bus master */

	assert_int_equal(vfuser_write(&vm->driver.vmm, VFUSER_CONFIG, 0x04, &command, sizeof(command)), 0);
	assert_int_equal(ixvf_begin(&vm->driver), 0);
}

void
vm_up(struct vm *vm)
{
	assert_int_equal(ixvf_up(&vm->driver), 0);
}

void
vm_down(struct vm *vm)
{
	assert_int_equal(ixvf_down(&vm->driver), 0);
}

void
vm_until_gone(struct vm *vm)
{
	uint64_t end = clock_ns() + 5 * NSEC_PER_S;

	while (vm_info(vm).session.connected && clock_ns() < end) {
		struct pollfd p = { .fd = session_loop_fd(loop), .events = POLLIN };

		if (poll(&p, 1, 1) == 1)
			session_loop_poll(loop);
	}
	assert_false(vm_info(vm).session.connected);
}

void
vm_leave(struct vm *vm)
{
	ixvf_close(&vm->driver);
	vm_until_gone(vm);
}

void
vm_post(struct vm *vm, unsigned pair, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		void *at = vuser_mem_carve(&vm->mem, 2048, 64);
		uint64_t token = (uintptr_t)at;

		assert_non_null(at);
		assert_int_equal(ix_rx_put(&vm->driver.rx[pair], &token, 1), 1);
	}
	ix_rx_flush(&vm->driver.rx[pair]);
	ixvf_read(&vm->driver,
		  IX_STATUS); /* a doorbell by message is posted: it has come when the next one is answered */
}

uint8_t
vm_put(struct vm *vm, const uint8_t frame[VM_FRAME])
{
	struct iovec seg = { (void *)(uintptr_t)frame, VM_FRAME };
	struct pkt pkt = { .segs = &seg, .n_segs = 1 }, *pkts = &pkt;
	struct sink *sink = vf_sink(vm->vf);
	enum drop_reason why;
	uint8_t verdict = 0;
	int tag = PKT_TAG_NONE;

	pkt_view(&pkt, frame, VM_FRAME);
	assert_int_equal(pkt_parse(&pkt, &why), 0);
	sink->ops->put(sink, &vm->lane, &pkts, &tag, 1, &verdict);
	return verdict;
}

unsigned
vm_receive(struct vm *vm, unsigned pair, uint8_t frame[2048])
{
	struct ix_rx_done done;

	if (ix_rx_take(&vm->driver.rx[pair], &done, 1) != 1)
		return 0;
	memcpy(frame, (const void *)(uintptr_t)done.token, done.len);
	return done.len;
}

void
vm_send(struct vm *vm, unsigned pair, unsigned n, const uint8_t frame[VM_FRAME])
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *at = vuser_mem_carve(&vm->mem, VM_FRAME, 64);
		uint64_t token = (uintptr_t)at;

		assert_non_null(at);
		memcpy(at, frame, VM_FRAME);
		assert_int_equal(ix_tx_put(&vm->driver.tx[pair], &token, 1, VM_FRAME), 1);
	}
	ix_tx_flush(&vm->driver.tx[pair]);
	ixvf_read(&vm->driver, IX_STATUS);
}

unsigned
vm_take(struct vm *vm, unsigned pair, uint8_t frame[VM_FRAME])
{
	struct source *s = atomic_load(&vm->queue[pair]->source[QUEUE_FROM_SENDER]);
	unsigned n = s->ops->take(s, &vm->lane);

	if (n == 0)
		return 0;
	assert_int_equal(vm->lane.burst.pkt[0].len, VM_FRAME);
	memcpy(frame, vm->lane.burst.pkt[0].hdr, VM_FRAME);
	s->ops->give(s, &vm->lane);
	return n;
}

struct vf_info
vm_info(const struct vm *vm)
{
	struct vf_info info;

	vf_info(vm->vf, &info);
	return info;
}

struct vf_filters
vm_filters(const struct vm *vm)
{
	struct vf_filters filters;

	vf_filters(vm->vf, &filters);
	return filters;
}
