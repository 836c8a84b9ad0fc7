/* fault_pieces_test.c - memory that its owner takes away, where there may not be as much of our own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>

#include "guest/test_mem.h"

static struct sigaction ours;

#define GIB (1024 * MIB)

/* Bytes of private memory that this process has. */
static rlim_t
private_memory(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[128];

	assert_non_null(f);
	while (kib == 0 && fgets(line, sizeof(line), f) != NULL)
		sscanf(line, "VmData: %lu", &kib);
	fclose(f);
	return (rlim_t)kib << 10;
}

/* The kernel refuses 1 GiB of zeros: then it is done piece by piece. */
static void
zeros_come_in_pieces_where_memory_is_short(void **state)
{
	static const struct {
		uint64_t offset, len; /* a mapping begins and ends anywhere */
	} rows[] = { { 0, GIB }, { PAGE, GIB - PAGE }, { 3 * PAGE, 600 * MIB + PAGE }, { 63 * MIB + PAGE, PAGE } };
	struct rlimit was, few;

	/* cmocka has taken SIGBUS for the test. */
	assert_int_equal(sigaction(SIGBUS, &ours, NULL), 0);
	getrlimit(RLIMIT_DATA, &was);
	for (size_t i = 0; i < LEN(rows); i++) {
		int fd = memory(GIB);
		struct guest_mem *mem = with(NULL, 0, rows[i].len, 0, rows[i].offset, fd);
		uint64_t sum = 0;

		few = was;
		few.rlim_cur = private_memory() + 512 * MIB;
		if (rows[i].len > 512 * MIB)
			setrlimit(RLIMIT_DATA, &few);
		assert_int_equal(ftruncate(fd, 0), 0);
		mem->region[0].va[0] = 7;
		mem->region[0].va[rows[i].len - 1] = 9;
		setrlimit(RLIMIT_DATA, &was);
		for (uint64_t at = 0; at < rows[i].len; at += MIB - PAGE)
			sum += mem->region[0].va[at];
		assert_true(guest_mem_is_dead(mem));
		assert_true(sum == 7 || sum == 0); /* what was written went when the rest was replaced, or not */
		guest_mem_free(mem);
		assert_int_equal(mappings(), 0);
		close(fd);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeros_come_in_pieces_where_memory_is_short),
	};

	guest_mem_init();
	sigaction(SIGBUS, NULL, &ours);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
