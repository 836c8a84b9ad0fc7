/* eal.c - DPDK's environment; see eal.h. */
#include "ctl/eal.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <bpf/libbpf.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <xdp/libxdp.h>

/*
 * Ordinary memory is reserved at the start and touched on use: rings, and 8191 buffers of 2.3 KB for each adapter. Room for
 * three more adapters than are configured, so that one can be added without a restart.
 */
#define BASE_MB 64
#define ADAPTER_MB 32
#define SPARE_ADAPTERS 3
/*
 * Two sockets with 1000 RPC clients each, and 1024 ports with 16 queue pairs: a TAP has a descriptor for each, a guest's NIC two
 * eventfds for each ring, so 65536, and two sockets.
 */
#define FILES_MAX 73728

/* libxdp tells at each start that there is no bpffs and what it does instead. Errors come back as errno. */
static int
bpf_quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static int
xdp_quiet(enum libxdp_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

/* As far as we may: without CAP_SYS_RESOURCE the hard limit is the end. */
static void
raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= FILES_MAX)
		return;
	files.rlim_cur = FILES_MAX < files.rlim_max ? FILES_MAX : files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int
eal_start(bool hugepages, unsigned n_adapters, struct err *err)
{
	char lcores[32], megabytes[16], program[] = "fairleadd", *argv[14];
	cpu_set_t cpus;
	int argc = 0, ret;

	raise_files();
	libbpf_set_print(bpf_quiet);
	libxdp_set_print(xdp_quiet);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &cpus)) {
			snprintf(lcores, sizeof(lcores), "0@%d", cpu);
			break;
		}
	}
	snprintf(megabytes, sizeof(megabytes), "%u", BASE_MB + (n_adapters + SPARE_ADAPTERS) * ADAPTER_MB);
	argv[argc++] = program;
	argv[argc++] = "--lcores";
	argv[argc++] = lcores;
	argv[argc++] = "--no-pci";
	argv[argc++] = "--no-telemetry";
	argv[argc++] = "--no-shconf";
	argv[argc++] = "--log-level=*:error";
	argv[argc++] = "--log-level=lib.eal:critical"; /* it complains of the folder that it cannot have, below */
	argv[argc++] = "--log-level=pmd.net.af_xdp:critical"; /* or it complains of each interface that is deleted */
	argv[argc++] = "-m";
	argv[argc++] = megabytes;
	if (hugepages)
		argv[argc++] = "--in-memory";
	else
		argv[argc++] = "--no-huge";
	argv[argc] = NULL;
	/* Without --no-shconf's files EAL still makes a folder for them, and leaves it: it gets none (eal_filesystem.c). */
	setenv("RUNTIME_DIRECTORY", "/proc/none", 1);
	ret = rte_eal_init(argc, argv);
	unsetenv("RUNTIME_DIRECTORY");
	/* EAL pins its caller; the control thread has no CPU of its own. */
	sched_setaffinity(0, sizeof(cpus), &cpus);
	if (ret < 0) {
		err_set(err, -rte_errno, "DPDK cannot start: %s", rte_strerror(rte_errno));
		if (hugepages)
			err_hint(err, "reserve hugepages (sysctl vm.nr_hugepages=256), or leave --hugepages out");
		return -rte_errno;
	}
	return 0;
}
