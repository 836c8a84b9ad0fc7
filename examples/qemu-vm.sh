#!/bin/sh
# Boots a VM on a vhost port of a running daemon; examples/vm-host.yaml has two. Its console is this terminal: Ctrl-A X ends it.
#
# usage: examples/qemu-vm.sh PORT DISK-IMAGE [OPTION OF QEMU ...]
#        examples/qemu-vm.sh PORT KERNEL INITRD [OPTION OF QEMU ...]
#
#   MEMORY=1024       of the VM, MiB
#   APPEND=...        the kernel's command line, beside its console
#   ACCEL=tcg         although there is KVM
#   FAIRLEAD_RPC=...  the daemon's socket, when it is not /run/fairlead/fairlead.sock
set -eu

if [ $# -lt 2 ]; then
	sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
	exit 2
fi
port=$1 first=$2
shift 2
# A kernel with what follows it, or a disk image.
case ${1:--} in
-*) set -- -drive "file=$first,if=virtio" "$@" ;;
*)
	initrd=$1
	shift
	set -- -kernel "$first" -initrd "$initrd" -append "console=ttyS0 ${APPEND:-}" "$@"
	;;
esac

nic=$(fairlead port qemu-args "$port" --memory "${MEMORY:-1024}")
accel=${ACCEL:-kvm}
[ -w /dev/kvm ] || accel=tcg
if [ "$accel" = tcg ]; then
	# Much slower. And without KVM QEMU 7.2 dies when a guest starts a vhost-user NIC that has interrupt vectors.
	nic="$(printf '%s' "$nic" | sed 's/,vectors=[0-9]*//') -global virtio-net-pci.vectors=0"
fi

# eval, because the words of $nic are quoted for a shell.
eval "exec qemu-system-x86_64 -machine q35,accel=$accel -nodefaults -nographic -serial mon:stdio $nic" '"$@"'
