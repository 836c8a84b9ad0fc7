/*
 * uplink_xdp.c - the claim on an interface's XDP hook; see uplink_xdp.h.
 *
 * The claim is a bound abstract Unix socket: those belong to a network namespace, as the interface does, and end with
 * whoever holds them. While nobody holds it, a program that a user with our uid loaded under the driver's name is left
 * over: libxdp attaches without a bpf link, so the kernel keeps it when its owner is killed.
 */
#include "nic/uplink_xdp.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define DRIVERS_PROGRAM "xsk_def_prog" /* libxdp's default program for AF_XDP sockets, lib/libxdp/xsk_def_xdp_prog.c */

static int
claim(const char *adapter, const char *interface, unsigned ifindex, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n, ret = 0;

	if (fd < 0)
		return err_set(err, -errno, "adapter '%s': %s", adapter, strerror(errno));
	n = snprintf(&address.sun_path[1], sizeof(address.sun_path) - 1, "fairlead/uplink/%u", ifindex);
	if (bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0)
		return fd;
	ret = err_set(err, -EBUSY, "adapter '%s': interface '%s' is busy: another fairleadd uses it", adapter,
		      interface);
	err_hint(err, "end that one first, or choose another interface");
	close(fd);
	return ret;
}

static bool
is_left_over(uint32_t id, char name[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	name[0] = '\0';
	if (fd < 0)
		return false;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0)
		memcpy(name, info.name, BPF_OBJ_NAME_LEN);
	close(fd);
	return strcmp(name, DRIVERS_PROGRAM) == 0 && info.created_by_uid == geteuid();
}

int
uplink_xdp_claim(const char *adapter, const char *interface, struct err *err)
{
	unsigned ifindex = if_nametoindex(interface);
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id = 0;
	int fd, ret;

	if (ifindex == 0)
		return err_set(err, -ENODEV, "adapter '%s': there is no interface '%s'", adapter, interface);
	fd = claim(adapter, interface, ifindex, err);
	if (fd < 0)
		return fd;
	ret = bpf_xdp_query_id((int)ifindex, 0, &id);
	if (ret < 0 || id == 0) /* a kernel that cannot be asked says so when the driver attaches */
		return fd;
	if (is_left_over(id, name) && bpf_xdp_detach((int)ifindex, 0, NULL) == 0)
		return fd;
	close(fd);
	ret = err_set(err, -EBUSY, "adapter '%s': interface '%s' is busy: XDP program '%s' (id %u) is attached to it",
		      adapter, interface, name, id);
	err_hint(err, "end who uses it; if nobody does: ip link set dev %s xdp off", interface);
	return ret;
}
