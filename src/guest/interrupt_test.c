/* interrupt_test.c - a guest is interrupted whatever its front end does with the eventfd. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guest/interrupt.h"

static uint64_t
take(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) < 0 ? 0 : count;
}

static void
each_interrupt_counts(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_int_equal(interrupt_init(), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(interrupt_send(fd), 0);
	assert_int_equal(take(fd), 1000);
	interrupt_fini();
	close(fd);
}

static void *
send_some(void *arg)
{
	int fd = *(int *)arg;

	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(interrupt_send(fd), 0);
	interrupt_thread_fini();
	return NULL;
}

static void
threads_send_side_by_side(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_t thread[4];

	assert_int_equal(interrupt_init(), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, send_some, &fd), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(take(fd), 4000);
	interrupt_fini();
	close(fd);
}

/* eventfd(2): a write that would take the counter above 2^64 - 2 blocks, and this one is in blocking mode. */
static void
a_full_counter_makes_nobody_wait(void **state)
{
	uint64_t full = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_int_equal(interrupt_init(), 0);
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	alarm(10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(interrupt_send(fd), 0);
	alarm(0);
	assert_true(take(fd) >= full);
	interrupt_fini();
	close(fd);
}

/* As where somebody has taken all that fs.aio-max-nr allows: io_setup fails from here on in this thread. */
static void
take_all_contexts(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	assert_non_null(filter);
	assert_int_equal(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAGAIN), SCMP_SYS(io_setup), 0), 0);
	assert_int_equal(seccomp_load(filter), 0);
	seccomp_release(filter);
}

static void *
send_without_a_context(void *arg)
{
	int *fd = arg;

	take_all_contexts();
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(interrupt_send(fd[0]), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(interrupt_send(fd[1]), 0); /* blocking, and full */
	return NULL;
}

static void
threads_without_a_context_do_not_wait_either(void **state)
{
	int fd[] = { eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), eventfd(0, EFD_CLOEXEC) };
	uint64_t full = UINT64_MAX - 1;
	pthread_t thread[4];

	assert_int_equal(interrupt_init(), 0);
	assert_int_equal(write(fd[1], &full, sizeof(full)), sizeof(full));
	alarm(10);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, send_without_a_context, fd), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	alarm(0);
	assert_int_equal(take(fd[0]), 4000);
	interrupt_fini();
	close(fd[0]);
	close(fd[1]);
}

static void
other_descriptors_are_no_eventfds(void **state)
{
	int ends[2];

	assert_int_equal(interrupt_init(), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(interrupt_send(ends[1]), -EINVAL);
	assert_int_equal(interrupt_send(-1), -EBADF);
	assert_int_equal(interrupt_send(999), -EBADF);
	close(ends[0]);
	close(ends[1]);
	interrupt_fini();
	interrupt_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_interrupt_counts),
		cmocka_unit_test(threads_send_side_by_side),
		cmocka_unit_test(a_full_counter_makes_nobody_wait),
		cmocka_unit_test(threads_without_a_context_do_not_wait_either),
		cmocka_unit_test(other_descriptors_are_no_eventfds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
