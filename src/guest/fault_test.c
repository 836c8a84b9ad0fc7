/* fault_test.c - memory that its owner takes away. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest/fault.h"
#include "guest/test_mem.h"

static struct sigaction ours;

/* cmocka takes SIGBUS for each test: it goes back to us. */
static void
take_sigbus(void)
{
	assert_int_equal(sigaction(SIGBUS, &ours, NULL), 0);
}

struct copier {
	struct guest_mem *mem;
	uint64_t to; /* where this one writes */
	_Atomic uint64_t rounds;
	_Atomic bool stop;
};

static void *
copy_on_and_on(void *arg)
{
	struct copier *c = arg;

	while (!atomic_load(&c->stop)) {
		memcpy(c->mem->region[0].va + c->to, c->mem->region[0].va + MIB, MIB);
		atomic_fetch_add(&c->rounds, 1);
	}
	return NULL;
}

static void
wait_for_rounds(struct copier *c, uint64_t n)
{
	uint64_t want = atomic_load(&c->rounds) + n;

	for (int i = 0; i < 10000 && atomic_load(&c->rounds) < want; i++)
		usleep(1000);
	assert_true(atomic_load(&c->rounds) >= want);
}

static void
a_copy_goes_on_while_the_file_shrinks(void **state)
{
	int fd = memory(4 * MIB), other = memory(MIB);
	struct guest_mem *healthy = with(NULL, 0, MIB, 0, 0, other), *mem = with(NULL, 0, 4 * MIB, 0, 0, fd);
	struct copier c[2] = { { .mem = mem, .to = 2 * MIB }, { .mem = mem, .to = 3 * MIB } };
	pthread_t threads[2];

	take_sigbus();
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, copy_on_and_on, &c[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		wait_for_rounds(&c[i], 10);
	assert_false(guest_mem_is_dead(mem));
	assert_int_equal(ftruncate(fd, PAGE), 0);
	for (unsigned i = 0; i < 2; i++)
		wait_for_rounds(&c[i], 10);
	assert_true(guest_mem_is_dead(mem));
	/* It stays so, whatever the front end does now, and is a matter of this memory alone. */
	assert_int_equal(ftruncate(fd, 4 * MIB), 0);
	assert_true(guest_mem_is_dead(mem));
	assert_false(guest_mem_is_dead(healthy));
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&c[i].stop, true);
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(mem->region[0].va[3 * MIB], 0);
	guest_mem_free(mem);
	guest_mem_free(healthy);
	assert_int_equal(mappings(), 0);
	close(fd);
	close(other);
}

/* A system call on such memory says EFAULT and raises nothing: the file's size tells. */
static void
a_file_that_shrank_is_found_untouched(void **state)
{
	int fd = memory(2 * MIB), log = memory(PAGE);
	struct guest_mem *plain = with(NULL, 0, MIB, 0, MIB, fd), *mem = guest_mem_logged(plain, log, 0, PAGE, NULL);

	take_sigbus();
	assert_false(guest_mem_is_dead(NULL));
	assert_false(guest_mem_is_dead(mem));
	assert_int_equal(ftruncate(fd, 2 * MIB - 1), 0);
	assert_true(guest_mem_is_dead(plain));
	assert_true(guest_mem_is_dead(mem));
	assert_int_equal(ftruncate(fd, 3 * MIB), 0); /* longer than needed is well */
	assert_false(guest_mem_is_dead(mem));
	assert_int_equal(ftruncate(log, 0), 0);
	assert_true(guest_mem_is_dead(mem));
	assert_false(guest_mem_is_dead(plain));
	guest_log_write(mem, 0, 1); /* goes nowhere */
	guest_mem_free(plain);
	guest_mem_free(mem);
	close(fd);
	close(log);
}

static _Atomic int foreign;

static void
on_foreign(int number, siginfo_t *info, void *context)
{
	atomic_fetch_add(&foreign, 1);
}

static void
a_foreign_sigbus_is_passed_on(void **state)
{
	siginfo_t info = { .si_signo = SIGBUS, .si_code = SI_QUEUE };
	struct guest_mem *mem;
	int fd;

	/* main set on_foreign up before guest_mem_init. One that is sent has no address, whatever else it carries. */
	take_sigbus();
	atomic_store(&foreign, 0);
	raise(SIGBUS);
	assert_int_equal(atomic_load(&foreign), 1);
	/* Not even when it carries one of ours. */
	fd = memory(PAGE);
	mem = with(NULL, 0, PAGE, 0, 0, fd);
	info.si_addr = mem->region[0].va;
	assert_int_equal(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info), 0);
	assert_int_equal(atomic_load(&foreign), 2);
	assert_false(guest_mem_is_dead(mem));
	guest_mem_free(mem);
	close(fd);
}

/* Without anybody before us it ends the process as it would have: here that of a child. */
static void
an_access_of_somebody_else_still_ends_the_process(void **state)
{
	int fd = memory(PAGE), status;
	pid_t child;
	uint8_t *va = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(va, MAP_FAILED);
	assert_int_equal(ftruncate(fd, 0), 0);
	child = fork();
	if (child == 0) {
		alarm(5);
		execl("/proc/self/exe", "fault_test", "die", NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
	munmap(va, PAGE);
	close(fd);
}

/* The child of the test above. */
static int
die(void)
{
	int fd = memfd_create("fl-mem-test", MFD_CLOEXEC);
	volatile uint8_t *va;

	signal(SIGBUS, SIG_DFL);
	guest_mem_init();
	if (ftruncate(fd, PAGE) < 0)
		return 1;
	va = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (ftruncate(fd, 0) < 0)
		return 1;
	return va[0] == 0 ? 2 : 3;
}

static void
slots_are_used_again(void **state)
{
	static int slots[FAULT_MAPPINGS_MAX];

	for (int i = 0; i < FAULT_MAPPINGS_MAX; i++) {
		slots[i] = fault_add((void *)((uintptr_t)(i + 1) * PAGE), PAGE);
		assert_int_equal(slots[i], i);
	}
	assert_int_equal(fault_add((void *)PAGE, PAGE), -ENOSPC);
	fault_remove(slots[1234]);
	assert_int_equal(fault_add((void *)PAGE, PAGE), slots[1234]);
	assert_false(fault_is_dead(1234));
	for (int i = 0; i < FAULT_MAPPINGS_MAX; i++)
		fault_remove(slots[i]);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_goes_on_while_the_file_shrinks),
		cmocka_unit_test(a_file_that_shrank_is_found_untouched),
		cmocka_unit_test(a_foreign_sigbus_is_passed_on),
		cmocka_unit_test(an_access_of_somebody_else_still_ends_the_process),
		cmocka_unit_test(slots_are_used_again),
	};
	struct sigaction foreigner = { .sa_sigaction = on_foreign, .sa_flags = SA_SIGINFO };

	if (argc == 2 && strcmp(argv[1], "die") == 0)
		return die();
	sigaction(SIGBUS, &foreigner, NULL);
	guest_mem_init();
	guest_mem_init();
	sigaction(SIGBUS, NULL, &ours);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
