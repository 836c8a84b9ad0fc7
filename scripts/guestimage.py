"""What a guest boots: Debian's own kernels, and an initramfs with an agent that runs commands.

Both are made once and kept in CACHE. Kernels come through apt from the mirror that the machine is configured with, so apt's signatures
and hashes hold for them; nothing of them is part of this tree. The kernel is unpacked here, because a guest without KVM takes three
seconds to unpack itself, and is booted by its PVH entry (the Xen note PHYS32_ENTRY, which CONFIG_PVH=y of both kernels gives it).
"""
import fcntl
import hashlib
import json
import lzma
import os
import re
import shutil
import stat
import struct
import subprocess
import tempfile
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path

from lab import LabError, call

CACHE = Path(os.environ.get('FAIRLEAD_CACHE', '/var/cache/fairlead'))
KERNELS = {'6.1': 'bookworm', '6.12': 'trixie'}  # the release of Debian that has it
KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
FETCH_S, UNPACK_S = 300, 120
MODULES = ['virtio_pci', 'virtio_net', '8021q', 'ixgbevf']  # their dependencies come with them
AT_HAND = ['bonding']  # in /lib/modules like those, and not loaded
# Beside busybox, whose ip and ping know less. Its shell would still prefer its own, hence dash, and bash for people. The timeout of
# coreutils ends a whole process group.
TOOLS = ['ip', 'tc', 'ss', 'ethtool', 'ping', 'iperf3', 'tcpdump', 'timeout', 'bash', 'dash']

Image = namedtuple('Image', 'kernel initrd')  # paths

INIT = '''#!/bin/sh
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules); do insmod /lib/modules/$module; done
ip link set lo up
hostname guest
exec init
'''
INITTAB = '''::respawn:/bin/agent
ttyS0::respawn:/bin/console
::ctrlaltdel:/sbin/reboot -f
'''
# A shell on the console for who asked for one (guest-lab shell); the guest ends with it.
CONSOLE = '''#!/bin/sh
grep -qw fairlead.shell /proc/cmdline || exec sleep 1000000
stty rows "$(sed -n 's/.*fairlead.rows=\\([0-9]*\\).*/\\1/p' /proc/cmdline)" cols "$(sed -n 's/.*fairlead.cols=\\([0-9]*\\).*/\\1/p' /proc/cmdline)"
cd /
bash -l
poweroff -f
'''
# One request a line, "ID SECONDS COMMAND" with the command in base64; one answer a line, "ID STATUS OUTPUT BYTES": whatever a command
# prints, it cannot be taken for an answer. Output is cut at 128 KiB; BYTES says how many there were. Input comes from nowhere, and
# what a command leaves running in the background goes on.
AGENT = '''#!/bin/sh
exec <>/dev/ttyS1 >&0 2>/dev/console
stty raw -echo 115200
cd /
echo ready
while read -r id seconds command; do
	echo "$command" | base64 -d >/run/command
	timeout -k 1 "$seconds" sh /run/command >/run/output 2>&1 </dev/null
	status=$?
	bytes=$(stat -c %s /run/output)
	echo "$id $status x$(head -c 131072 /run/output | base64 -w 0) $bytes"
	rm -f /run/output
done
'''


@contextmanager
def cache():
    """The cache, ours alone; who comes meanwhile waits for what we make."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / 'lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for rest in CACHE.glob('making.*'):  # of one that was killed
            shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
        yield


@contextmanager
def made_whole(path):
    """A new folder that becomes path when all in it was made, and is nothing when not."""
    work = Path(tempfile.mkdtemp(prefix='making.', dir=CACHE))
    try:
        yield work
        work.chmod(0o755)
        work.rename(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def image(kernel):
    """The Image of '6.1' or '6.12', made when it is not there yet (the first time fetches about 110 MB)."""
    if kernel not in KERNELS:
        raise LabError(f'there is no kernel "{kernel}"; there are: {", ".join(KERNELS)}')
    with cache():
        folder = CACHE / f'kernel-{kernel}'
        if not (folder / 'vmlinux').exists():
            fetch_kernel(KERNELS[kernel], folder)
        initrd = CACHE / f'initrd-{kernel}-{recipe()}'
        if not initrd.exists():
            for old in CACHE.glob(f'initrd-{kernel}-*'):
                old.unlink()
            pack_initrd(folder, initrd)
        return Image(folder / 'vmlinux', initrd)


# ---- QEMU ----

QEMU_RELEASES = ['trixie', 'trixie-backports']  # the package from the last one, what it needs from where it is
QEMU_NOT_KEPT = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info', 'usr/lib/firmware']


def newer_qemu():
    """The QEMU of Debian 13's backports, in a folder where it runs by its own loader: made when it is not there yet (145 MB)."""
    folder = CACHE / f'qemu-{QEMU_RELEASES[-1]}'
    with cache():
        if not folder.exists():
            with made_whole(folder) as work:
                fetch_qemu(work)
    return folder


def fetch_qemu(work):
    """The package with all that it needs, down to the C library, unpacked and not installed."""
    apt = work / 'apt'
    options = [*apt_of(QEMU_RELEASES, apt), f'--target-release={QEMU_RELEASES[-1]}']
    call(['apt-get', '-q', '-y', *options, '--no-install-recommends', '--download-only', 'install', 'qemu-system-x86'], timeout=FETCH_S)
    for package in sorted((apt / 'archives').glob('*.deb')):
        call(['dpkg-deb', '-x', package, work], timeout=UNPACK_S)
    for path in ['apt', *QEMU_NOT_KEPT]:
        shutil.rmtree(work / path, ignore_errors=True)


# ---- the kernel ----

def mirror():
    """Where the machine has its own release from."""
    lines = call(['apt-get', 'indextargets', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Created-By: Packages']).stdout
    for uri, release, component in (line.split() for line in lines.splitlines()):
        if release in (*KERNELS.values(), 'stable', 'oldstable') and component == 'main':
            return uri
    raise LabError("apt knows no mirror of Debian's main archive (apt-get indextargets lists those it knows)")


def apt_of(releases, apt):
    """Options that make apt see other releases, and nothing that is installed: its state is the new folder apt."""
    (apt / 'lists/partial').mkdir(parents=True)
    (apt / 'archives/partial').mkdir(parents=True)
    (apt / 'sources.list').write_text(''.join(f'deb [signed-by={KEYRING}] {mirror()} {release} main\n' for release in releases))
    options = [f'-oDir::State::Lists={apt}/lists', f'-oDir::Cache={apt}', f'-oDir::Etc::SourceList={apt}/sources.list',
               '-oDir::Etc::SourceParts=/dev/null', '-oDir::State::status=/dev/null', '-oAcquire::Languages=none',
               '-oAcquire::Retries=3', '-oAPT::Architecture=amd64', '-oAPT::Architectures=amd64', '-oAPT::Sandbox::User=root']
    call(['apt-get', '-q', *options, '--error-on=any', 'update'], timeout=FETCH_S)
    return options


def fetch_kernel(release, folder):
    """Fetches the newest kernel package of a release; what is kept is the kernel and its modules."""
    with made_whole(folder) as work:
        apt = work / 'apt'
        options = apt_of([release], apt)
        depends = call(['apt-cache', *options, 'depends', '--important', 'linux-image-amd64'], timeout=60).stdout
        package = re.search(r'Depends: (linux-image-\S+)', depends)
        if not package:
            raise LabError(f'linux-image-amd64 of {release} depends on no kernel: {depends.strip()[-300:]}')
        call(['apt-get', '-q', *options, 'download', package.group(1)], timeout=FETCH_S, cwd=apt)
        call(['dpkg-deb', '-x', next(apt.glob('linux-image-*.deb')), work / 'root'], timeout=UNPACK_S)
        shutil.rmtree(apt)
        keep_kernel(work)


def keep_kernel(work):
    """From the unpacked package in work/root: work/vmlinux, work/version, and work/lib/modules with its dependencies."""
    root = work / 'root'
    packed = next((root / 'boot').glob('vmlinuz-*'))
    version = packed.name.removeprefix('vmlinuz-')
    modules = next(folder for folder in (root / 'lib/modules', root / 'usr/lib/modules') if folder.exists())
    (work / 'vmlinux').write_bytes(unpack_kernel(packed.read_bytes()))
    (work / 'version').write_text(version)
    (work / 'lib').mkdir()
    modules.rename(work / 'lib/modules')
    (work / 'usr').symlink_to('.')  # a kmod may look in usr/lib
    shutil.rmtree(root)
    call(['depmod', '-b', work, version], timeout=UNPACK_S)


def unpack_kernel(boot_image):
    """The ELF file in a bzImage. Its header says where (Linux, Documentation/arch/x86/boot.rst): setup_sects at 0x1f1,
    payload_offset and payload_length at 0x248; the last four bytes of the payload are the unpacked size."""
    sectors = boot_image[0x1f1] or 4
    offset, length = struct.unpack_from('<II', boot_image, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = boot_image[start:start + length - 4]
    if payload.startswith(b'\xfd7zXZ'):
        kernel = lzma.decompress(payload)
    elif payload.startswith(b'\x28\xb5\x2f\xfd'):
        kernel = subprocess.run(['zstd', '-dcq'], input=payload, stdout=subprocess.PIPE, check=True, timeout=UNPACK_S).stdout
    else:
        raise LabError(f'the kernel is packed in a way that is not known here; it begins with {payload[:6]!r}')
    if not kernel.startswith(b'\x7fELF'):
        raise LabError('what was unpacked from the kernel is no ELF file')
    return kernel


# ---- the initramfs ----

def recipe():
    """Changes when what goes into an initramfs changes: this file, or a tool of the host."""
    text = Path(__file__).read_bytes()
    times = [[str(path), path.stat().st_mtime_ns] for path in tools().values()]
    return hashlib.sha256(text + json.dumps(times).encode()).hexdigest()[:12]


def tools():
    """{name: path on the host}; busybox among them."""
    path = os.environ.get('PATH', '') + ':/usr/sbin:/sbin:/usr/bin:/bin'
    found = {name: shutil.which(name, path=path) for name in ['busybox', *TOOLS]}
    missing = [name for name, where in found.items() if where is None]
    if missing:
        raise LabError(f'{", ".join(missing)}: not installed; scripts/deps --guest installs what guests need')
    return {name: Path(where) for name, where in found.items()}


def libraries(program):
    """What a program is linked with, the loader too; nothing for a static one."""
    done = call(['ldd', program], check=False)
    return [Path(path) for path in re.findall(r'(/\S+) \(0x', done.stdout)]


def modules(folder, wanted):
    """Files of these modules and all that they need, in the order in which they are to be loaded."""
    version = (folder / 'version').read_text()
    order = {}
    for name in wanted:
        shown = call(['modprobe', '-S', version, '-d', folder, '--show-depends', name]).stdout
        order |= dict.fromkeys(line.split()[1] for line in shown.splitlines() if line.startswith('insmod '))
    return [Path(path) for path in order]


def module_name(path):
    return path.name.removesuffix('.xz')


def module_bytes(path):
    return lzma.decompress(path.read_bytes()) if path.suffix == '.xz' else path.read_bytes()


def pack_initrd(folder, initrd):
    """Not compressed: unpacking it would take a guest without KVM longer than reading it takes QEMU."""
    archive = Cpio()
    for name in ('bin', 'sbin', 'proc', 'sys', 'dev', 'tmp', 'run', 'etc'):
        archive.folder(name)
    programs = tools()
    for applet in call([programs['busybox'], '--list']).stdout.split():
        archive.link(f'bin/{applet}', '/bin/busybox')
    for name, path in programs.items():
        archive.file(f'bin/{name}', path.read_bytes())
        for library in libraries(path):
            archive.file(str(library).lstrip('/'), library.read_bytes())
    archive.link('bin/sh', 'dash')
    for path in modules(folder, MODULES + AT_HAND):
        archive.file(f'lib/modules/{module_name(path)}', module_bytes(path))
    archive.file('modules', '\n'.join(module_name(path) for path in modules(folder, MODULES)).encode())
    for name, text in (('init', INIT), ('bin/agent', AGENT), ('bin/console', CONSOLE), ('etc/inittab', INITTAB),
                       ('etc/passwd', 'root::0:0:root:/:/bin/sh\n')):
        archive.file(name, text.encode())
    making = initrd.with_name(f'making.{initrd.name}')
    making.write_bytes(archive.bytes())
    making.rename(initrd)


class Cpio:
    """An initramfs archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst: "newc")."""

    def __init__(self):
        self.entries = {}  # name: (mode, content); a later one of the same name takes its place

    def folder(self, name):
        self.entries[name] = stat.S_IFDIR | 0o755, b''

    def link(self, name, target):
        self.entries[name] = stat.S_IFLNK | 0o777, target.encode()

    def file(self, name, content):
        for parent in reversed(Path(name).parents[:-1]):
            self.entries.setdefault(str(parent), (stat.S_IFDIR | 0o755, b''))
        self.entries[name] = stat.S_IFREG | 0o755, content

    def bytes(self):
        parts = [self.entry(inode, name, *what) for inode, (name, what) in enumerate(self.entries.items(), 1)]
        return b''.join(parts) + self.entry(0, 'TRAILER!!!', 0, b'')

    @staticmethod
    def entry(inode, name, mode, content):
        fields = inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0
        head = b'070701' + b''.join(b'%08x' % field for field in fields) + name.encode() + b'\0'
        return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
