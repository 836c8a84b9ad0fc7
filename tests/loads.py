"""Loads that do not follow what becomes of them: frames at a rate of their own, many flows of them, and where a hash puts each."""
import errno
import socket
import threading
import time

from lab import internet_checksum
from lib import mac_bytes, socket_in

# The verification key of Microsoft's RSS documentation, and fairlead's default.
KEY = bytes.fromhex('6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa')
FAR_MAC = '02:f1:00:00:01:00'  # a station beyond the wire
NOWHERE = '198.18.0.1'  # RFC 2544, C.2.2: nobody's address here; a kernel that is not its owner says nothing
TICK_S = 0.001
TOO_LATE_S = 0.05  # who could not run for so long does not make up for it with a burst that no ring holds


def toeplitz(data, key=KEY):
    """RSS's hash: the key's 32 bits at each bit of data that is set, one upon the other."""
    window, shift, result = int.from_bytes(key, 'big'), len(key) * 8 - 32, 0
    for byte in data:
        for bit in range(7, -1, -1):
            if byte >> bit & 1:
                result ^= window >> shift & 0xffffffff
            shift -= 1
    return result


def tuple_hash(flow, key=KEY):
    """Of (source, source port, destination, destination port): IPv4 addresses, then ports, in the order of the wire."""
    source, source_port, target, target_port = flow
    return toeplitz(socket.inet_aton(source) + socket.inet_aton(target) + source_port.to_bytes(2, 'big') + target_port.to_bytes(2, 'big'), key)


def flow(number):
    """The number-th of the flows that udp() can send."""
    return f'198.18.{number >> 8 & 255}.{number & 255}', 10000 + number, NOWHERE, 5001


def udp(target, flow, source=FAR_MAC, size=60):
    """A frame of size bytes, UDP without a checksum (RFC 768 allows that), from a station source to a station target."""
    address, port, to_address, to_port = flow
    header = bytearray(bytes((0x45, 0)) + (size - 14).to_bytes(2, 'big') + bytes((0, 0, 0x40, 0, 64, 17, 0, 0)) +
                       socket.inet_aton(address) + socket.inet_aton(to_address))
    header[10:12] = internet_checksum(header).to_bytes(2, 'big')
    ports = port.to_bytes(2, 'big') + to_port.to_bytes(2, 'big') + (size - 34).to_bytes(2, 'big') + b'\0\0'
    return (mac_bytes(target) + mac_bytes(source) + b'\x08\x00' + header + ports).ljust(size, b'\0')


def packet_socket(namespace, interface):
    out = socket_in(namespace, socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.bind((interface, 0))
    return out


def send_flows(namespace, interface, frames, pause_s=0.0):
    """Sends each frame once, in small groups: below what the media between hold."""
    with packet_socket(namespace, interface) as out:
        for number, data in enumerate(frames):
            out.send(data)
            if number % 32 == 31:
                time.sleep(pause_s)


class Flood(threading.Thread):
    """Frames in turn, so many a second, until the with block ends. What a ring does not take is lost: that is its point."""

    def __init__(self, sources, rate):
        """sources: [(namespace, interface, [frames])], each gets the same share of rate, which can be changed while it runs."""
        super().__init__(daemon=True)
        self.sockets = [(packet_socket(namespace, interface), frames) for namespace, interface, frames in sources]
        self.rate = rate
        self.sent = 0
        self.ended = False

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.join()
        for out, _ in self.sockets:
            out.close()

    def run(self):
        due, last = 0.0, time.monotonic()
        while not self.ended:
            now = time.monotonic()
            due += min(now - last, TOO_LATE_S) * self.rate
            last = now
            while due >= 1:
                out, frames = self.sockets[self.sent % len(self.sockets)]
                self.send(out, frames[self.sent // len(self.sockets) % len(frames)])
                due -= 1
            time.sleep(TICK_S)

    def send(self, out, data):
        try:
            out.send(data)
        except OSError as why:
            if why.errno not in (errno.ENOBUFS, errno.ENETDOWN):
                raise
        self.sent += 1


class Look:
    """What queues and processors did between two moments."""

    def __init__(self, host, flood=None):
        self.host, self.flood = host, flood
        self.began = self.read()

    def read(self):
        daemon = self.host.daemon
        queues, processors = daemon.show('queue', 'list'), daemon.show('processor', 'list')
        return {'at': time.monotonic(), 'sent': self.flood.sent if self.flood else 0,
                'queues': {q['id']: q for q in queues}, 'processors': {p['id']: p for p in processors}}

    def grown(self, what, key):
        """{id: growth} of a counter of all queues or processors, without those where nothing happened."""
        now = self.read()
        grown = {id: row[key] - (self.began[what][id][key] if id in self.began[what] else 0) for id, row in now[what].items()}
        return {id: n for id, n in grown.items() if n}

    def ports(self):
        """{port: frames that were taken from its queues}; None: of the adapter's own."""
        now, found = self.read(), {}
        for id, row in now['queues'].items():
            n = row['packets'] - (self.began['queues'][id]['packets'] if id in self.began['queues'] else 0)
            if n:
                found[row['port']] = found.get(row['port'], 0) + n
        return found


class Rates:
    """A flood looked at for some seconds: how many frames a second were sent and taken, and how busy each processor was."""

    def __init__(self, host, flood, seconds=1.2, settle_s=0.6):
        time.sleep(settle_s)  # rings fill, and percents are of the last half second
        look, busy, looks = Look(host, flood), {}, 4
        for _ in range(looks):
            time.sleep(seconds / looks)
            for p in host.daemon.show('processor', 'list'):
                busy[p['id']] = busy.get(p['id'], 0) + p['busy_percent'] / looks
        now = look.read()
        took = now['at'] - look.began['at']
        self.busy = busy
        self.sent = (now['sent'] - look.began['sent']) / took
        self.taken = {id: (p['packets'] - look.began['processors'][id]['packets']) / took for id, p in now['processors'].items()}
        self.rate = sum(self.taken.values())

    def working(self):
        """Processors that took any frame."""
        return sorted(id for id, n in self.taken.items() if n)

    def full(self, percent=80):
        return sorted(id for id, n in self.busy.items() if n >= percent)

    def __str__(self):
        busy = ' '.join(f'{id}:{percent:.0f}' for id, percent in sorted(self.busy.items()))
        return f'sent {self.sent:,.0f}/s, taken {self.rate:,.0f}/s, busy {busy}'


def attempt(times, act):
    """act(), again when what it found was not so: the machine may have been busy with other things. Never more than so often."""
    for left in range(times - 1, -1, -1):
        try:
            return act()
        except AssertionError as why:
            if not left:
                raise
            print(f'once more: {str(why).splitlines()[0]}')
            time.sleep(1)
