"""Guests: QEMU without KVM, a Debian kernel, NICs by vhost-user, and an agent that runs commands in it.

A Guest belongs to a Lab (lab.py), which ends it. It ends with the thread that started it, too, even when that is killed: start guests
from the main thread. Every wait is bounded.
"""
import base64
import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import namedtuple

import guestimage
from lab import PR_SET_PDEATHSIG, LabError, call, libc

BOOT_S = 120  # alone on a machine 3 to 4 s; on one with a load of ten for its two cores up to a minute
ANSWER_S = 20  # how much later than its own time limit an answer may be
MEMORY_MIB = 192  # of which the kernel, its initramfs and the agent leave 90
COMMAND_BYTES = 32768  # what the guest's terminal holds until the agent reads it
# What the last two switch off takes a third of a boot without KVM. The clock's watchdog would take a busy host for a broken clock.
KERNEL_OPTIONS = 'console=ttyS0 quiet panic=-1 tsc=reliable nokaslr mitigations=off'

Result = namedtuple('Result', 'status output')  # exit status (124 or 137: ran out of time); standard output and error, as text


def qemu():
    program = shutil.which('qemu-system-x86_64')
    if program is None:
        raise LabError('qemu-system-x86_64: not installed; scripts/deps --guest installs what guests need')
    return program


QEMU_ANY = 0, 0
# QEMU 7.2 (Debian 12) without KVM dies by SIGSEGV when the guest's driver starts a vhost-user NIC with MSI-X: it sets up KVM's interrupt
# routes that are not there. Newer ones (seen in the source of 8.0) leave them alone.
QEMU_MSI_X = 8, 0
QEMU_RECONNECT_MS = 9, 2  # the first that knows it in place of reconnect, which 11 has no more
QEMU_VFIO_USER = 10, 1  # the first with vfio-user-pci


QEMU_NEWER = 11, 0  # guestimage.newer_qemu()'s, or later


@functools.cache
def installed():
    """The version of the QEMU that is installed: (7, 2)."""
    return tuple(map(int, re.search(r'version (\d+)\.(\d+)', call([qemu(), '--version']).stdout).groups()))


def qemu_words(version=QEMU_ANY):
    """How the command line of a QEMU of that version or newer begins, and which it is. Where the installed one is older, that of Debian 13's
    backports is run from its folder by its own loader, with its own libraries, modules and firmware."""
    if installed() >= version:
        return [qemu()], installed()
    root = guestimage.newer_qemu()
    libraries = root / 'usr/lib/x86_64-linux-gnu'
    return ['env', f'QEMU_MODULE_DIR={libraries}/qemu', str(libraries / 'ld-linux-x86-64.so.2'), '--library-path', str(libraries),
            str(root / 'usr/bin/qemu-system-x86_64'), '-L', str(root / 'usr/share/seabios'), '-L', str(root / 'usr/share/qemu')], QEMU_NEWER


def quoted(value):
    """A value inside one of QEMU's lists of options."""
    return str(value).replace(',', ',,')


class Nic:
    """A virtio-net NIC whose other end is a vhost-user socket."""

    qemu = QEMU_ANY

    def __init__(self, path, mac, queues=1, server=False, **properties):
        """path: of the socket. server: QEMU listens there, and waits for the other end before the guest starts; else it connects, and
        again each second when the other end went. properties: of QEMU's device, as host_mtu, rx_queue_size, guest_tso4."""
        self.path = path
        self.mac = mac
        self.queues = queues
        self.server = server
        self.properties = properties

    def arguments(self, number, version):
        """Options for a QEMU of that version; number tells the guest's NICs apart."""
        again = 'reconnect-ms=1000' if version >= QEMU_RECONNECT_MS else 'reconnect=1'
        device = {'netdev': f'n{number}', 'mac': self.mac,
                  'mq': 'on' if self.queues > 1 else 'off',
                  # an interrupt for each ring, for the control queue and for changes of configuration; or one by a wire for all
                  'vectors': 2 * self.queues + 2 if version >= QEMU_MSI_X else 0,
                  'romfile': '',  # or the firmware would look for a system to boot from the network
                  **self.properties}
        return ['-chardev', f'socket,id=c{number},path={quoted(self.path)},{"server=on,wait=off" if self.server else again}',
                '-netdev', f'vhost-user,id=n{number},chardev=c{number},queues={self.queues}',
                '-device', ','.join(['virtio-net-pci', *(f'{key}={quoted(value)}' for key, value in device.items())])]


class Vf:
    """A virtual function whose other end is a vfio-user socket; the other end knows its address."""

    qemu = QEMU_VFIO_USER

    def __init__(self, path, **properties):
        """path: of the socket, where the other end listens. properties: of QEMU's device."""
        self.path = path
        self.properties = properties

    def arguments(self, number, version):
        """Options for a QEMU of that version; behind a root port, without which a guest sees neither PCIe nor the extended configuration space."""
        device = {'driver': 'vfio-user-pci', 'bus': f'r{number}', 'socket': {'type': 'unix', 'path': str(self.path)}, **self.properties}
        return ['-device', f'pcie-root-port,id=r{number},chassis={number + 1}', '-device', json.dumps(device)]


def machine(kernel, nics=(), cpus=1, memory_mib=MEMORY_MIB, options='', msi_x=False):
    """QEMU's command line without its serial ports. Its memory is a file that vhost-user can share. options: of the kernel, more.
    msi_x: NICs have an interrupt for each ring on any machine."""
    image = guestimage.image(kernel)
    program, version = qemu_words(max([QEMU_MSI_X if msi_x else QEMU_ANY, *(nic.qemu for nic in nics)]))
    words = [*program, '-M', 'q35,memory-backend=memory', '-object', f'memory-backend-memfd,id=memory,size={memory_mib}M,share=on',
             '-m', f'{memory_mib}M', '-smp', str(cpus), '-accel', 'tcg', '-cpu', 'max', '-nodefaults', '-display', 'none',
             '-kernel', str(image.kernel), '-initrd', str(image.initrd), '-append', f'{KERNEL_OPTIONS} {options}'.strip()]
    for number, nic in enumerate(nics):
        words += nic.arguments(number, version)
    return words


def die_with_us():
    """Between fork and exec. Not SIGTERM: QEMU would wait for the other end of a socket before it heeds it."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Guest:
    """NICs are eth0, eth1, ... in the order of the list."""

    def __init__(self, lab, name, kernel='6.1', nics=(), cpus=1, memory_mib=MEMORY_MIB, msi_x=False):
        self.lab = lab
        self.name = name
        self.kernel = kernel
        self.argv = machine(kernel, nics, cpus, memory_mib, msi_x=msi_x)
        self.console_path = lab.folder / f'{name}.console'
        self.stderr_path = lab.folder / f'{name}.qemu'
        self.process = None
        self.agent = None  # our end of its second serial port
        self.pending = b''
        self.requests = 0

    def start(self):
        """Turns it on; wait_ready() returns when it can be used. Also after kill()."""
        self.agent, theirs = socket.socketpair()
        self.pending = b''
        serial = ['-chardev', f'file,id=console,path={quoted(self.console_path)},append=on', '-serial', 'chardev:console',
                  '-chardev', f'socket,id=agent,fd={theirs.fileno()}', '-serial', 'chardev:agent']
        with theirs, open(self.stderr_path, 'ab') as stderr:
            self.process = subprocess.Popen([*self.argv, *serial], stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                                            pass_fds=[theirs.fileno()], start_new_session=True, preexec_fn=die_with_us)
        self.lab.processes.append(self.process)

    def wait_ready(self, seconds=BOOT_S):
        end = time.monotonic() + seconds
        while self.line(end, 'was not ready', seconds) != 'ready':
            pass
        return self

    def run(self, command, seconds=30, check=True):
        """Runs a shell command in the guest; returns its Result. With check, a status other than 0 raises LabError.

        After that many seconds it is ended, with all that it started and did not leave in the background.
        """
        request = base64.b64encode(command.encode())
        if len(request) > COMMAND_BYTES:
            raise LabError(f'guest {self.name}: a command of {len(command)} characters is too long')
        self.requests += 1
        number = str(self.requests)
        self.send(f'{number} {seconds} '.encode() + request + b'\n')
        end = time.monotonic() + seconds + ANSWER_S
        while True:
            words = self.line(end, f'did not answer to "{command}"', seconds + ANSWER_S).split(' ')
            if words == ['ready']:
                raise self.trouble(f'started anew while it ran "{command}"')
            if words[0] == number:
                break
        output = base64.b64decode(words[2][1:])
        if len(output) < int(words[3]):
            raise LabError(f'guest {self.name}: {command}: printed {words[3]} bytes; {len(output)} at most')
        result = Result(int(words[1]), output.decode(errors='replace'))
        if check and result.status != 0:
            raise LabError(f'guest {self.name}: {command}: exit status {result.status}: {result.output.strip()[-600:]}')
        return result

    def reboot(self, seconds=BOOT_S):
        """As the guest's own reboot does it, without ending anything in it first; returns when it is ready again."""
        self.send(b'reboot 5 ' + base64.b64encode(b'reboot -f') + b'\n')
        return self.wait_ready(seconds)

    def kill(self):
        """kill -9 of QEMU."""
        self.process.kill()
        self.process.wait()
        self.agent.close()

    def send(self, data):
        try:
            self.agent.settimeout(ANSWER_S)
            self.agent.sendall(data)
        except OSError:
            raise self.trouble('takes no commands') from None

    def line(self, end, what, seconds):
        """The agent's next line. what: what the guest did not do when none came within seconds."""
        while b'\n' not in self.pending:
            left = end - time.monotonic()
            if left <= 0:
                raise self.trouble(f'{what} within {seconds} s')
            self.agent.settimeout(left)
            try:
                data = self.agent.recv(1 << 16)
            except TimeoutError:
                continue
            except ConnectionResetError:
                data = b''
            if not data:
                raise self.trouble(f'{what}: QEMU ended with status {self.process.wait(ANSWER_S)}')
            self.pending += data
        line, self.pending = self.pending.split(b'\n', 1)
        return line.decode(errors='replace').strip('\r\0')

    def trouble(self, what):
        return LabError(f'guest {self.name} {what}\n{self.last_words()}')

    def last_words(self, lines=25):
        """The end of what QEMU and the guest's console said."""
        said = [path.read_text(errors='replace').splitlines() for path in (self.stderr_path, self.console_path) if path.exists()]
        return '\n'.join(line for text in said for line in text[-lines:])


def start(*guests):
    """Boots them at the same time; returns when all are ready."""
    for guest in guests:
        guest.start()
    for guest in guests:
        guest.wait_ready()


def shell(kernel, nics, cpus, memory_mib, msi_x):
    """Becomes a guest with a shell on this terminal; does not return."""
    size = shutil.get_terminal_size()
    words = machine(kernel, nics, cpus, memory_mib, f'fairlead.shell fairlead.rows={size.lines} fairlead.cols={size.columns}', msi_x)
    os.execvp(words[0], [*words, '-serial', 'mon:stdio', '-serial', 'null'])
