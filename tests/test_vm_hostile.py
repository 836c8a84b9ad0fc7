"""Front ends that do everything wrong with messages, descriptors, memory and connections, on ports of a daemon with other guests.

Around each test the neighbours exchange frames, none of which may be lost; afterwards the books balance, the data plane is still the
one that was started, with as many descriptors and threads and as much memory as before, and its log is short.
"""
import contextlib
import ctypes
import errno
import os
import socket
import struct
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest

import vhostclient as vhost
from lab import libc
from lib import frame, mac, mac_bytes
from neighbours import bad_mac, books, comes, device, host, lab, last_error, neighbours, others_are_answered, send, to, traffic, unharmed, wire  # noqa: F401
from vhostclient import Child, HungUp, Memory, Wire

FAR = mac_bytes(mac(0x77))  # a station that nobody has


# ---- messages ----

def test_half_a_message_that_stays_is_cut_off_and_delays_nobody(host):
    message = Wire.message(vhost.SET_FEATURES, bytes(8))
    parts = {'bad0': message[:1], 'bad1': message[:12], 'bad2': message[:19], 'bad3': b''}
    with ExitStack() as stack:
        peers = {name: stack.enter_context(wire(host, name)) for name in parts}
        for name, part in parts.items():
            if part:
                peers[name].send_raw(part)
        for byte in message[:5]:
            peers['bad3'].send_raw(bytes([byte]))
            assert others_are_answered(host, 15)
        for name, peer in peers.items():
            assert peer.is_cut_off(), f'{name} is still connected'
        for name in peers:
            assert last_error(host, name) == 'the rest of a message did not come within a second'


def memory_tables():
    """(what, table, which of two files come with it, error or None)"""
    memory, other = Memory(1 << 20), Memory(1 << 20, gpa=vhost.GPA + (1 << 30))
    one = memory.region()
    eight = b''.join(memory.region(gpa=n << 30, size=4096, offset=n << 12) for n in range(8))
    yield 'no region', 0, b'', [], None
    yield 'eight regions', 8, eight, [memory] * 8, None
    yield 'nine regions', 9, eight, [memory] * 8, 'table of 9 memory regions; 8 at most'
    yield '2^32 - 1 regions', 0xffffffff, eight, [memory] * 8, 'table of 4294967295 memory regions'
    yield 'more regions than bytes', 2, one, [memory] * 2, 'table of 2 memory regions in 40 bytes'
    yield 'one file missing', 2, one + other.region(), [memory], 'came with 1 descriptors instead of 2'
    yield 'one file too many', 1, one, [memory] * 2, 'came with 2 descriptors instead of 1'
    yield 'a hundred files too many', 1, one, [memory] * 101, 'came with 8 and more descriptors instead of 1'
    yield 'the same region twice', 2, one + one, [memory] * 2, 'overlaps'
    yield 'regions that share a byte', 2, one + memory.region(gpa=vhost.GPA + (1 << 20) - 1), [memory] * 2, 'overlaps'
    yield 'a region around another', 2, memory.region(gpa=vhost.GPA + 4096, size=4096) + one, [memory] * 2, 'overlaps'
    yield 'a region that ends with the address space', 1, memory.region(gpa=-(1 << 20)), [memory], None
    yield 'a region that wraps in the guest', 1, memory.region(gpa=-4096), [memory], 'is empty or wraps'
    yield 'a region that wraps in the front end', 1, memory.region(user=-4096), [memory], 'is empty or wraps'
    yield 'a region that wraps in the file', 1, memory.region(offset=-4096), [memory], 'wrap'
    yield 'a region beyond the file', 1, memory.region(size=(1 << 20) + 1), [memory], 'memory file has 1048576 bytes, 1048577 are needed'
    yield 'a region behind the file', 1, memory.region(offset=1 << 40), [memory], 'memory file has 1048576 bytes'
    yield 'the whole address space', 1, memory.region(gpa=0, user=0, size=-1), [memory], 'memory file has 1048576 bytes'
    yield 'an empty region', 1, memory.region(size=0), [memory], 'is empty or wraps'


def test_memory_tables_that_cannot_be(host):
    for what, count, regions, files, error in memory_tables():
        with wire(host, 'bad0') as peer:
            peer.send(vhost.SET_PROTOCOL_FEATURES, struct.pack('<Q', vhost.REPLY_ACK))
            try:
                done = peer.tell(vhost.SET_MEM_TABLE, struct.pack('<II', count, 0) + regions, [file.fd for file in files])
            except HungUp:
                done = False
            assert done is (error is None), what
            if error:
                assert comes(lambda: error in (last_error(host, 'bad0') or ''), pause=0.005), f'{what}: {last_error(host, "bad0")}'


# ---- descriptors ----

@contextmanager
def strange_files(host):
    """{kind: descriptor} of all that guest memory and an eventfd are not."""
    with ExitStack() as stack:
        opened = {}

        def add(kind, fd):
            opened[kind] = fd
            stack.callback(os.close, fd)
        folder = host.lab.folder / 'strange'
        folder.mkdir(exist_ok=True)
        (folder / 'file').write_bytes(bytes(1 << 20))
        disk = f'/var/tmp/{host.lab.prefix}-memory'
        add('file on a disk', os.open(disk, os.O_RDWR | os.O_CREAT, 0o600))
        os.truncate(disk, 1 << 20)
        os.unlink(disk)
        add('/dev/zero', os.open('/dev/zero', os.O_RDWR))
        add('/proc/self/maps', os.open('/proc/self/maps', os.O_RDONLY))
        add('folder on tmpfs', os.open(folder, os.O_RDONLY))
        add('path', os.open(folder / 'file', os.O_PATH))
        add('file that may only be read', os.open(folder / 'file', os.O_RDONLY))
        add('sealed memfd', os.memfd_create('sealed', os.MFD_ALLOW_SEALING))
        os.ftruncate(opened['sealed memfd'], 1 << 20)
        libc.fcntl(opened['sealed memfd'], 1033, 0x8)  # F_ADD_SEALS, F_SEAL_WRITE: linux/fcntl.h
        for end, fd in zip(('pipe to read', 'pipe to write'), os.pipe()):
            add(end, fd)
        for n, end in enumerate(socket.socketpair()):
            add(f'socket {n}', end.detach())
        add('epoll', libc.epoll_create1(0))
        add('timer', libc.timerfd_create(1, 0))
        add('/dev/null', os.open('/dev/null', os.O_RDWR))
        yield opened


def test_descriptors_of_the_wrong_kind_are_refused_everywhere(host):
    """Each kind where memory, the log, a kick, a call and an error descriptor belong: each ends the connection with a reason."""
    memory = Memory(1 << 20)
    event, memfd = os.eventfd(0), memory.fd
    with strange_files(host) as kinds:
        for kind, fd in [*kinds.items(), ('eventfd', event), ('memfd', memfd)]:
            wrong = {}
            if fd != memfd:
                wrong['memory'] = vhost.SET_MEM_TABLE, struct.pack('<II', 1, 0) + memory.region()
                wrong['slot'] = vhost.ADD_MEM_REG, bytes(8) + memory.region()
                wrong['log'] = vhost.SET_LOG_BASE, struct.pack('<QQ', 4096, 0)
            if fd != event:
                for name, request in (('kick', vhost.SET_VRING_KICK), ('call', vhost.SET_VRING_CALL), ('error', vhost.SET_VRING_ERR)):
                    wrong[name] = request, struct.pack('<Q', 1)
            for place, (request, payload) in wrong.items():
                with wire(host, 'bad0') as peer:
                    peer.send(request, payload, [fd])
                    assert peer.is_cut_off(), f'{kind} as {place} was taken'
    os.close(event)
    memory.close()


def test_descriptors_that_nobody_asked_for_are_closed(host):
    """As many as the kernel lets through (SCM_MAX_FD), with every request that we know and some that we do not, and in the midst of one."""
    event = os.eventfd(0)
    for request in range(44):
        with wire(host, 'bad0') as peer:
            try:
                for byte in Wire.message(request, bytes(8) if request in (2, 16, 19, 20, 39) else b''):
                    peer.send_raw(bytes([byte]), [event] * 253)
            except HungUp:
                pass  # it was refused before the last ones
    os.close(event)


def linger_fd():
    """A TCP socket with unsent bytes whose last close waits an hour for them (SO_LINGER), and what must stay open until then."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        out = socket.create_connection(server.getsockname())
        into, _ = server.accept()
    out.setblocking(False)
    try:
        while True:
            out.send(bytes(1 << 16))
    except BlockingIOError:
        pass
    out.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 3600))
    return out, into


def test_a_descriptor_that_takes_an_hour_to_close_holds_up_nobody(host):
    """With a message, unread behind one that is refused, on connections that are turned away, and to both sockets of the RPC."""
    with ExitStack() as stack:
        def give(peer):
            out, into = linger_fd()
            stack.enter_context(into)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it is turned away already
                peer.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack('i', out.fileno()))])
            # the daemon's is the last one, or ours is, where it was faster
            threading.Thread(target=out.close, daemon=True).start()
        first = stack.enter_context(wire(host, 'bad0'))
        for _ in range(20):
            give(stack.enter_context(wire(host, 'bad0')).socket)
        give(first.socket)
        assert others_are_answered(host)
        first.send_raw(bytes(64))
        give(first.socket)
        for name in ('fairlead.sock', 'fairlead-ro.sock'):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(host.daemon.folder / name))
                give(client)
                give(client)
        assert others_are_answered(host)
        with wire(host, 'bad0') as again:
            again.ask_u64(vhost.GET_FEATURES)


class SilentFile(threading.Thread):
    """A file whose file system (linux/fuse.h) answers until it has been opened, and then nobody: not fstat, not statfs, not close."""
    INIT, GETATTR, OPEN = 26, 3, 14

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = str(path)
        path.touch()
        self.device = os.open('/dev/fuse', os.O_RDWR)
        options = f'fd={self.device},rootmode=100644,user_id=0,group_id=0,allow_other'
        if libc.mount(b'silent', self.path.encode(), b'fuse', 0, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), 'mount of a FUSE file system')
        self.start()
        self.fd = os.open(self.path, os.O_RDWR)
        self.join()

    def run(self):
        opened = False
        while not opened:
            request = os.read(self.device, 1 << 17)
            _, opcode, unique = struct.unpack_from('<IIQ', request)
            opened = opcode == self.OPEN
            body = {self.INIT: struct.pack('<IIIIHHIIHHI28x', 7, 31, 0, 0, 1, 1, 4096, 1, 1, 0, 0),
                    self.GETATTR: struct.pack('<QII6Q10I', 0, 0, 0, 1, 1 << 20, 2048, 0, 0, 0, 0, 0, 0, 0o100644, 1, 0, 0, 0, 4096, 0),
                    self.OPEN: struct.pack('<QII', 1, 0, 0)}.get(opcode)
            os.write(self.device, struct.pack('<IiQ', 16 + len(body or b''), 0 if body else -errno.ENOSYS, unique) + (body or b''))

    def end(self):
        """Whoever waits is told that nobody is there."""
        libc.umount2(self.path.encode(), 2)  # MNT_DETACH
        os.close(self.device)
        with contextlib.suppress(OSError):  # the answer to this close
            os.close(self.fd)


def test_a_file_whose_file_system_never_answers_holds_up_nobody(host):
    """As guest memory, as a log, where eventfds belong, and where nothing does; from one port after the other, since each may wait for it."""
    memory = Memory(4096)
    file = SilentFile(host.lab.folder / 'silent')
    try:
        for name, request, payload in (('bad0', vhost.SET_MEM_TABLE, struct.pack('<II', 1, 0) + memory.region()),
                                       ('bad1', vhost.SET_LOG_BASE, struct.pack('<QQ', 4096, 0)),
                                       ('bad2', vhost.SET_VRING_CALL, struct.pack('<Q', 0)), ('bad3', vhost.GET_FEATURES, b'')):
            with wire(host, name) as peer:
                peer.send(request, payload, [file.fd])
                assert request == vhost.GET_FEATURES or peer.is_cut_off(2)
            assert others_are_answered(host)
    finally:
        file.end()
    memory.close()


def test_an_eventfd_that_blocks_holds_up_nobody(host, books):
    """The guest takes O_NONBLOCK off the eventfd that it shares with us, and fills it: whoever sends to it goes on."""
    with device(host, 'bad0') as guest, device(host, 'peer') as peer:
        for ring in guest.rings[:2]:
            for fd in (ring.call, ring.kick):
                os.set_blocking(fd, True)
                os.eventfd_write(fd, 0xfffffffffffffffe)
        peer.fill([frame(bad_mac('bad0'), mac(2), b'to one who is full')])
        guest.fill([to(mac(2), 'bad0', b'and back')])
        before = peer.rx.used_idx
        assert send(peer, 200)
        guest.tx.idx = 100  # it cannot kick any more: the safety timer finds it
        assert comes(lambda: peer.rx.used_idx - before == 100 and guest.rx.used_idx == 200)
        assert others_are_answered(host)


# ---- memory that goes away ----

@pytest.mark.parametrize('receiver', ['peer', 'tap', 'wire'])
def test_a_senders_memory_shrinks_under_traffic(host, receiver):
    target = {'peer': mac_bytes(mac(2)), 'tap': mac_bytes(mac(1)), 'wire': FAR}[receiver]
    with device(host, 'peer') as peer, traffic(listeners=[peer]):
        for number in range(3):
            with device(host, 'bad1', target + mac_bytes(bad_mac('bad1')) + b'\x88\xb5' + bytes(1400)) as guest:
                with traffic(guest):
                    time.sleep(0.01 * number)
                    guest.memory.shrink()
                    assert guest.is_cut_off()
                assert comes(lambda: last_error(host, 'bad1') == 'memory shrank')


def test_a_receivers_memory_shrinks_under_traffic(host):
    """Half of it goes, then all; then it grows again, which brings nothing back."""
    with device(host, 'bad0', to(bad_mac('bad1'), 'bad0', bytes(1400))) as sender, traffic(sender):
        for number in range(3):
            with device(host, 'bad1', to(mac(2), 'bad1')) as guest, traffic(guest):
                time.sleep(0.01 * number)
                guest.memory.shrink(guest.memory.size // 2 // 4096 * 4096)
                guest.memory.shrink()
                guest.memory.shrink(guest.memory.size)
                guest.memory.shrink(0 if number % 2 else 4096)
                assert guest.is_cut_off()
                assert last_error(host, 'bad1') == 'memory shrank'


def test_a_dirty_log_that_shrinks_under_traffic(host):
    with device(host, 'bad0', to(bad_mac('bad1'), 'bad0')) as sender, traffic(sender), device(host, 'bad1', to(mac(2), 'bad1')) as guest:
        log = Memory((vhost.GPA + guest.memory.size) // 4096 // 8 // 4096 * 4096 + 4096)
        guest.ask(vhost.SET_LOG_BASE, struct.pack('<QQ', log.size, 0), [log.fd])
        assert guest.tell(vhost.SET_FEATURES, struct.pack('<Q', guest.features | vhost.LOG_ALL))
        assert host.port('bad1')['guest']['dirty_log']
        with traffic(guest):
            log.shrink()
            assert guest.is_cut_off()
        assert last_error(host, 'bad1') == 'memory shrank'
        log.close()


# ---- connections ----

def test_a_thousand_connections_a_second(host):
    seconds, began = 2, time.monotonic()
    before = host.port('bad0')['guest']['front_ends']

    def connect():
        for _ in range(10):
            wire(host, 'bad0').close()
        time.sleep(0.01)
    with Child(connect):
        while time.monotonic() - began < seconds:
            assert others_are_answered(host)
        took = time.monotonic() - began
    count = host.port('bad0')['guest']['front_ends'] - before
    print(f'{count / took:.0f} front ends a second')
    assert count > 100 * took


def test_front_ends_that_are_killed_in_a_burst(host, books):
    """A hundred times, with four queue pairs; who sends to it meanwhile goes on, and the next one finds a port as new."""
    with device(host, 'peer', frame(bad_mac('bad2'), mac(2), bytes(200))) as peer, traffic(peer):

        def live():
            guest = device(host, 'bad2', to(mac(2), 'bad2', bytes(300)), pairs=4, size=128)
            while True:
                for ring in guest.rings:
                    ring.pump()
        offered = books.offered('bad2')
        for number in range(100):
            with Child(live, nice=-1):
                assert comes(lambda: books.offered('bad2') != offered, pause=0.001), 'its frames do not come'
                time.sleep(0.0005 * (number % 8))
            offered = books.offered('bad2')
    with device(host, 'bad2', to(mac(2), 'bad2')) as guest:
        assert send(guest, 1000)
