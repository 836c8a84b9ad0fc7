/* privilege.c - capabilities, user and system calls of the data plane; see privilege.h. */
#include "ctl/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define USER "fairlead" /* the package makes it */
#define USER_OF_LAST_RESORT "nobody"

/*
 * Calls by which a process leaves its box or changes the host. Everything else that it could misuse needs a capability
 * that it has not got. They fail with EPERM, so a library that tries one finds an errno, not a signal.
 */
static const int denied[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(open_tree),
	SCMP_SYS(move_mount),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(fsconfig),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(syslog),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(personality),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(setuid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setgroups),
	SCMP_SYS(lookup_dcookie),
	SCMP_SYS(vhangup),
};

static bool
uses(const struct config *config, bool (*kind)(enum config_uplink_kind))
{
	for (unsigned i = 0; i < config->n_adapters; i++)
		if (kind(config->adapters[i].kind))
			return true;
	return false;
}

static bool
is_interface(enum config_uplink_kind kind)
{
	return kind == UPLINK_AF_XDP || kind == UPLINK_AF_PACKET;
}

static bool
is_af_xdp(enum config_uplink_kind kind)
{
	return kind == UPLINK_AF_XDP;
}

static bool
is_file(enum config_uplink_kind kind)
{
	return kind == UPLINK_PCAP || kind == UPLINK_MEMIF;
}

static int
drop_capabilities(const struct config *config, struct err *err)
{
	const struct passwd *user = getpwnam(USER);
	int ret;

	if (user == NULL)
		user = getpwnam(USER_OF_LAST_RESORT);
	capng_clear(CAPNG_SELECT_BOTH);
	if (uses(config, is_interface)) /* socket, promiscuous mode */
		capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN, CAP_NET_RAW, -1);
	/* Program and map; buffers beyond the limit of locked memory; libxdp finds its map again by id, which only
	 * CAP_SYS_ADMIN may (kernel/bpf/syscall.c, bpf_map_get_fd_by_id). */
	if (uses(config, is_af_xdp))
		capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_IPC_LOCK, CAP_SYS_ADMIN, -1);
	if (user == NULL || uses(config, is_file))
		ret = capng_apply(CAPNG_SELECT_BOTH);
	else
		ret = capng_change_id((int)user->pw_uid, (int)user->pw_gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	if (ret < 0) {
		err_set(err, -EPERM, "cannot give up privileges (libcap-ng: %d)", ret);
		err_hint(err, "start fairleadd as root");
		return -EPERM;
	}
	return 0;
}

static int
deny_calls(struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int ret = filter != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]) && ret == 0; i++)
		if (denied[i] >= 0) /* a call that this architecture has */
			ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
	if (ret == 0)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	return ret < 0 ? err_set(err, ret, "cannot set the system call filter: %s", strerror(-ret)) : 0;
}

int
privilege_drop(const struct config *config, pid_t keeper, struct err *err)
{
	struct rlimit none = { 0, 0 };
	int ret = drop_capabilities(config, err);

	if (ret < 0)
		return ret;
	/*
	 * A process that changed its user is not dumpable, and /proc/self/fd is root's then; the uplink looks for its sockets
	 * there. No core is written all the same: it would hold what guests sent.
	 */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* Nobody would give back what was taken over. A change of user clears it: prctl(2). */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper)
		return err_set(err, -ESRCH, "the keeper ended while the data plane started");
	return deny_calls(err);
}
