/* interrupt.c - a read of nothing, whose completion signals the eventfd (io_submit(2), IOCB_FLAG_RESFD); see interrupt.h. */
#include "guest/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static aio_context_t context;
static int nothing = -1; /* /dev/null: a read of it is complete at once */

int
interrupt_init(void)
{
	int ret;

	nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing < 0)
		return -errno;
	if (syscall(SYS_io_setup, 1, &context) == 0)
		return 0;
	ret = -errno;
	close(nothing);
	nothing = -1;
	return ret;
}

void
interrupt_fini(void)
{
	if (nothing < 0)
		return;
	syscall(SYS_io_destroy, context);
	context = 0;
	close(nothing);
	nothing = -1;
}

int
interrupt_send(int eventfd)
{
	uint8_t byte;
	struct iocb read = { .aio_lio_opcode = IOCB_CMD_PREAD,
			     .aio_fildes = (uint32_t)nothing,
			     .aio_buf = (uintptr_t)&byte,
			     .aio_nbytes = 1,
			     .aio_flags = IOCB_FLAG_RESFD,
			     .aio_resfd = (uint32_t)eventfd },
		    *all = &read;
	struct io_event done;

	if (syscall(SYS_io_submit, context, 1, &all) != 1)
		return -errno;
	syscall(SYS_io_getevents, context, 1, 1, &done, NULL); /* it is there already: makes room for the next */
	return 0;
}
