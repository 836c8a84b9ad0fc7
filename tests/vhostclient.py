"""A vhost-user front end in Python, well-behaved or not: messages with descriptors, guest memory in a memfd, split rings in it.

From QEMU's docs/interop/vhost-user.rst and virtio 1.2, 2.7 and 5.1; it shares nothing with the daemon. Rings are driven without a
look at single packets: descriptor i is buffer i, entry i of the available ring is i, so a whole ring is published by one store to
its index, and a process in Python keeps up with a worker.
"""
import array
import ctypes
import faulthandler
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback

from lab import libc

GET_FEATURES, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE, SET_LOG_BASE, SET_LOG_FD, SET_VRING_NUM, SET_VRING_ADDR, \
    SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, \
    GET_QUEUE_NUM, SET_VRING_ENABLE, SEND_RARP, NET_SET_MTU = range(1, 21)
RESET_DEVICE, GET_MAX_MEM_SLOTS, ADD_MEM_REG, REM_MEM_REG, SET_STATUS, GET_STATUS = 34, 36, 37, 38, 39, 40
VERSION, REPLY, NEED_REPLY = 1, 4, 8
NO_FD = 1 << 8

CSUM, GUEST_CSUM, HOST_TSO4, HOST_TSO6, MRG_RXBUF, LOG_ALL, INDIRECT, PROTOCOL, VERSION_1 = (1 << n for n in (0, 1, 11, 12, 15, 26, 28, 30, 32))
PLAIN = MRG_RXBUF | INDIRECT | PROTOCOL | VERSION_1 | CSUM | HOST_TSO4 | HOST_TSO6
MQ, LOG_SHMFD, RARP, REPLY_ACK, NET_MTU, RESET, MEM_SLOTS, STATUS = (1 << n for n in (0, 1, 2, 3, 4, 13, 15, 16))

NEXT, WRITE, TABLE = 1, 2, 4  # flags of a descriptor; TABLE: indirect
HEADER = 12  # bytes of the virtio-net header
GPA, USER = 1 << 32, 0x7e0000000000  # where memory begins in the guest, and in the front end: like no address of ours


class HungUp(Exception):
    """The daemon ended the connection."""


class Memory:
    """len bytes of a file that the front end shares; a memfd unless told otherwise. Carved from the start on."""

    def __init__(self, size, gpa=GPA, user=USER, fd=None, flags=0):
        self.size, self.gpa, self.user, self.used = size, gpa, user, 0
        self.fd = os.memfd_create('guest', os.MFD_CLOEXEC | flags) if fd is None else fd
        if fd is None:
            os.ftruncate(self.fd, size)
        self.map = mmap.mmap(self.fd, size)

    def carve(self, size, align=4096):
        """Offset of size bytes that nobody else has."""
        at = -(-self.used // align) * align
        assert at + size <= self.size, 'guest memory is too small'
        self.used = at + size
        return at

    def region(self, **changes):
        """As SET_MEM_TABLE tells it; changes: of the four fields."""
        fields = {'gpa': self.gpa, 'size': self.size, 'user': self.user, 'offset': 0} | changes
        return struct.pack('<4Q', *(fields[name] & (1 << 64) - 1 for name in ('gpa', 'size', 'user', 'offset')))

    def shrink(self, size=0):
        os.ftruncate(self.fd, size)

    def close(self):
        os.close(self.fd)  # the mapping goes with the last ring on it


class Ring:
    """A split virtqueue. written: its buffers are for the device to write (a receive ring)."""

    def __init__(self, memory, size, written, room=2048):
        self.memory, self.size, self.room = memory, size, room
        self.desc = memory.carve(16 * size)
        self.avail = memory.carve(6 + 2 * size)
        self.used = memory.carve(6 + 8 * size)
        self.buffers = memory.carve(room * size)
        # one store, one load each; struct writes zeros first
        self.avail_word, self.used_word = (ctypes.c_uint16.from_buffer(memory.map, at + 2) for at in (self.avail, self.used))
        self.kick, self.call = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC), os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        for n in range(size):
            self.describe(n, self.address(n), room, WRITE if written else 0)
        memory.map[self.avail + 4:self.avail + 4 + 2 * size] = struct.pack(f'<{size}H', *range(size))

    def address(self, n):
        """Guest physical, of buffer n."""
        return self.memory.gpa + self.at(n)

    def at(self, n):
        return self.buffers + self.room * n

    def describe(self, n, address, size, flags=0, following=0):
        struct.pack_into('<QIHH', self.memory.map, self.desc + 16 * n, address & (1 << 64) - 1, size, flags, following)

    def head(self, entry, head):
        """Writes an entry of the available ring."""
        struct.pack_into('<H', self.memory.map, self.avail + 4 + 2 * (entry % self.size), head)

    @property
    def idx(self):
        return self.avail_word.value

    @idx.setter
    def idx(self, value):
        self.avail_word.value = value & 0xffff

    @property
    def used_idx(self):
        return self.used_word.value

    def used_entry(self, n):
        """(head, bytes written)"""
        return struct.unpack_from('<II', self.memory.map, self.used + 4 + 8 * (n % self.size))

    def fill(self, frames, header=bytes(HEADER)):
        """Frames for a transmit ring, over and over again until each buffer has one."""
        for n in range(self.size):
            data = header + frames[n % len(frames)]
            self.memory.map[self.at(n):self.at(n) + len(data)] = data
            self.describe(n, self.address(n), len(data))

    def pump(self):
        """Makes everything available again that the device has used. Returns how many."""
        target = self.used_idx + self.size & 0xffff
        n = target - self.idx & 0xffff
        if n:
            self.idx = target
            self.notify()
        return n

    def publish(self, n):
        self.idx = self.idx + n
        self.notify()

    def notify(self):
        if not self.memory.map[self.used] & 1:  # VIRTQ_USED_F_NO_NOTIFY
            try:
                os.eventfd_write(self.kick, 1)
            except BlockingIOError:
                pass

    def reset(self):
        """As a driver does that sets it up again, from index 0 on."""
        self.idx = 0
        struct.pack_into('<HH', self.memory.map, self.used, 0, 0)

    def close(self):
        os.close(self.kick)
        os.close(self.call)


class Wire:
    """A connection to a port's socket."""

    def __init__(self, path, seconds=20):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        end = time.monotonic() + seconds
        while True:
            try:
                return self.socket.connect(self.path)
            except BlockingIOError:  # its queue is full
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def message(request, payload=b'', flags=VERSION, size=None):
        return struct.pack('<III', request, flags, len(payload) if size is None else size) + payload

    def send_raw(self, data, fds=()):
        """Raises HungUp where nobody is left to read it."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        try:
            self.socket.sendmsg([data], rights)
        except (BrokenPipeError, ConnectionResetError):
            raise HungUp from None

    def send(self, request, payload=b'', fds=(), flags=VERSION):
        self.send_raw(self.message(request, payload, flags), fds)

    def read(self, n):
        data = b''
        while len(data) < n:
            try:
                more = self.socket.recv(n - len(data))
            except ConnectionResetError:
                more = b''
            if not more:
                raise HungUp
            data += more
        return data

    def receive(self):
        """(request, payload) of the next answer."""
        request, _, size = struct.unpack('<III', self.read(12))
        return request, self.read(size)

    def ask(self, request, payload=b'', fds=()):
        """The answer's payload."""
        self.send(request, payload, fds)
        answered, payload = self.receive()
        assert answered == request, f'{answered} answered {request}'
        return payload

    def ask_u64(self, request):
        return struct.unpack('<Q', self.ask(request))[0]

    def tell(self, request, payload=b'', fds=()):
        """Whether it was done; needs REPLY_ACK. Raises HungUp when the daemon had enough."""
        self.send(request, payload, fds, VERSION | NEED_REPLY)
        return struct.unpack('<Q', self.receive()[1])[0] == 0

    def is_cut_off(self, seconds=15):
        """Whether the daemon hangs up within that time; what it sends before is thrown away."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                try:
                    if not self.socket.recv(1 << 16):
                        return True
                except ConnectionResetError:
                    return True
        return False


class Device(Wire):
    """
    A virtio-net device whose guest is the test: rings[2i] receives, rings[2i + 1] transmits. frames: what lies in the transmit rings; post:
    whether there are receive buffers.
    """

    def __init__(self, path, frames=(), pairs=1, size=256, features=PLAIN, room=2048, post=True):
        super().__init__(path)
        self.memory = Memory(pairs * size * (2 * room + 64) + (pairs * 16 << 12))
        self.rings = [Ring(self.memory, size, n % 2 == 0, room) for n in range(2 * pairs)]
        self.features = features
        if frames:
            self.fill(frames)
        self.begin()
        if post:
            for ring in self.rings[::2]:
                ring.pump()

    @property
    def rx(self):
        return self.rings[0]

    @property
    def tx(self):
        return self.rings[1]

    def fill(self, frames):
        for ring in self.rings[1::2]:
            ring.fill(frames)

    def begin(self):
        """From features to running queues."""
        self.negotiate()
        self.share()
        for n in range(len(self.rings)):
            self.start(n, self.rings[n].used_idx)

    def negotiate(self):
        offered = self.ask_u64(GET_FEATURES)
        self.send(SET_OWNER)
        self.send(SET_PROTOCOL_FEATURES, struct.pack('<Q', self.ask_u64(GET_PROTOCOL_FEATURES)))
        assert self.tell(SET_FEATURES, struct.pack('<Q', offered & self.features))

    def share(self):
        assert self.tell(SET_MEM_TABLE, struct.pack('<II', 1, 0) + self.memory.region(), [self.memory.fd])

    def addresses(self, n, flags=0, log=0, **changes):
        """What SET_VRING_ADDR says of ring n."""
        ring, user = self.rings[n], self.memory.user
        fields = {'desc': user + ring.desc, 'used': user + ring.used, 'avail': user + ring.avail} | changes
        return struct.pack('<IIQQQQ', n, flags, fields['desc'], fields['used'], fields['avail'], log)

    def start(self, n, base=0, enable=True):
        for request, payload, fds in self.setup(n, base):
            assert self.tell(request, payload, fds), f'request {request} of queue {n} was refused'
        if enable:
            assert self.tell(SET_VRING_ENABLE, struct.pack('<II', n, 1))

    def setup(self, n, base=0):
        ring = self.rings[n]
        return [(SET_VRING_NUM, struct.pack('<II', n, ring.size), []),
                (SET_VRING_BASE, struct.pack('<II', n, base), []),
                (SET_VRING_ADDR, self.addresses(n), []),
                (SET_VRING_CALL, struct.pack('<Q', n), [ring.call]),
                (SET_VRING_KICK, struct.pack('<Q', n), [ring.kick])]

    def stop(self, n):
        """Where ring n stopped."""
        return struct.unpack('<II', self.ask(GET_VRING_BASE, struct.pack('<II', n, 0)))[1]

    def again(self):
        """Connects anew with the same rings, as QEMU does when the daemon comes back."""
        self.socket.close()
        super().__init__(self.path)
        self.begin()

    def release(self):
        for ring in self.rings:
            ring.close()
        self.memory.close()

    def close(self):
        super().close()
        self.release()


class Child:
    """work() in a process of its own, again and again until the end; it ends with us, and is killed in the middle of what it does."""

    def __init__(self, work, nice=0):
        self.pid = os.fork()
        if self.pid == 0:
            libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            faulthandler.disable()
            signal.signal(signal.SIGBUS, signal.SIG_DFL)  # it may be its own memory that goes away
            os.nice(nice)
            try:
                while True:
                    work()
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(1)

    def kill(self):
        """It must not have ended before, unless it lost its memory."""
        if not self.pid:
            return
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        assert os.WIFSIGNALED(status), 'a process that attacks ended by itself'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
