"""Frames by the thousand, each accounted for: what a switch must do with a frame, and whether it did.

Model says, from IEEE 802.1Q and the documented reasons, what becomes of a frame; Exchange sends frames, and finds at every port the
very bytes, in their order, that the model lets it have, and in the books the drops that it names.
"""
import errno
import os
import re
import select
import signal
import socket
import time
from collections import Counter

from lib import PACKET_AUXDATA, SOL_PACKET, Rpc, call, mac, mac_bytes, parse_ping, socket_in

SO_RCVBUFFORCE = 33  # asm-generic/socket.h
PACKET_IGNORE_OUTGOING = 23  # linux/if_packet.h
VLAN_VALID, TPID_VALID = 0x10, 0x40  # TP_STATUS_*, linux/if_packet.h
VLAN, SVLAN = b'\x81\x00', b'\x88\xa8'
NOBODY = mac_bytes('0a:5e:5a:a5:3c:76')  # a station that no port has: its frames are flooded
WIRE_SOURCE = mac_bytes('02:f1:00:00:01:00')
SEND_BATCH = 100  # below what a veth holds for XDP (256) and a TAP for us


class Port:
    """What the model knows of a port; the wire is a trunk of everything."""

    def __init__(self, name, mac=None, mtu=1500, vlan=None, spoof_check=True):
        self.name, self.mac, self.mtu, self.spoof_check = name, mac, mtu, spoof_check and mac is not None
        vlan = vlan or {'mode': 'untagged'}
        self.trunk = vlan['mode'] == 'trunk'
        self.own = vlan.get('id', vlan.get('native', 0))
        self.allowed = set(vlan.get('ids', ())) | ({self.own} if self.trunk else set())

    def ingress(self, vid):
        """The frame's VLAN, or None when the port may not speak there."""
        if self.trunk:
            vid = vid or self.own
            return vid if vid in self.allowed else None
        return self.own if vid == 0 else None

    def egress(self, vid):
        """The tag's VID, 0 for no tag, None when the port is not in that VLAN."""
        if self.trunk:
            return None if vid not in self.allowed else 0 if vid == self.own else vid
        return 0 if vid == self.own else None


def wire_port(mtu=1500):
    return Port('wire', mtu=mtu, vlan={'mode': 'trunk', 'ids': range(4095)})


class Model:
    def __init__(self, *ports):
        self.ports = {port.name: port for port in ports}

    def judge(self, sender, frame):
        """({port: bytes that it gets}, [(port, reason)])"""
        if len(frame) < 14 or (frame[12:14] == VLAN and len(frame) < 18):
            return {}, [(sender.name, 'runt')]
        tci, plain = None, frame
        if frame[12:14] == VLAN:
            tci, plain = int.from_bytes(frame[14:16], 'big'), frame[:12] + frame[16:]
        inner = plain[12:14] == VLAN
        target, source = plain[:6], plain[6:12]
        vid = 0 if tci is None else tci & 0xfff
        if vid == 4095:
            return {}, [(sender.name, 'vlan_denied')]
        if source[0] & 1 or source == bytes(6):
            return {}, [(sender.name, 'bad_source')]
        if sender.spoof_check and source != sender.mac:
            return {}, [(sender.name, 'spoofed')]
        in_vlan = sender.ingress(vid)
        if in_vlan is None or (inner and vid == 0):
            return {}, [(sender.name, 'vlan_denied')]
        if target[:5] == b'\x01\x80\xc2\0\0' and target[5] < 16:
            return {}, [(sender.name, 'link_local')]
        known = next((port for port in self.ports.values() if port.mac == target and port.egress(in_vlan) is not None), None)
        if known is sender:
            return {}, [(sender.name, 'same_port')]
        return self.deliver(sender, [known] if known else self.ports.values(), plain, in_vlan, tci)

    def deliver(self, sender, receivers, plain, vid, tci):
        got, drops, copies = {}, [], 0
        for port in receivers:
            out = port.egress(vid)
            if port is sender or out is None or (port.trunk and out == 0 and plain[12:14] == VLAN):
                continue
            copies += 1
            if len(plain) > port.mtu + 14:
                drops.append((port.name, 'too_big'))
            elif out:
                kept = (0 if tci is None else tci) & 0xe000 | out
                got[port.name] = plain[:12] + VLAN + kept.to_bytes(2, 'big') + plain[12:]
            else:
                got[port.name] = plain
        return (got, drops) if copies else ({}, [(sender.name, 'no_receiver')])


def is_heard(frame):
    """A kernel that receives takes a tag out before any socket sees the frame, and drops one that is too short for it (skb_vlan_untag)."""
    return len(frame) >= 20 or frame[12:14] not in (VLAN, SVLAN)


class Ear:
    """Every frame that an interface of a namespace receives, whole."""

    def __init__(self, namespace, interface):
        self.socket = socket_in(namespace, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        self.socket.bind((interface, 3))
        self.socket.setblocking(False)
        self.room = bytearray(1 << 17)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def hear(self):
        """The next frame, or None when there is none."""
        try:
            n, extra, _, _ = self.socket.recvmsg_into([self.room], 128)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.ENETDOWN:  # said once, then what came before and afterwards
                return self.hear()
            raise
        data = bytes(self.room[:n])
        for level, kind, value in extra:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and value[0] & VLAN_VALID:
                tci, tpid = (int.from_bytes(value[at:at + 2], 'little') for at in (16, 18))
                tpid = tpid if value[0] & TPID_VALID else 0x8100
                data = data[:12] + tpid.to_bytes(2, 'big') + tci.to_bytes(2, 'big') + data[12:]
        return data

    def take(self, enough, seconds):
        """Frames until there are enough of them, or seconds passed without one."""
        found = []
        while len(found) < enough:
            frame = self.hear()
            if frame is not None:
                found.append(frame)
            elif not select.select([self.socket], [], [], seconds)[0]:
                break
        return found

    def take_until(self, last, seconds=10):
        """Frames before the one that is last; it must come."""
        found = []
        while (frame := next(iter(self.take(1, seconds)), None)) != last:
            assert frame is not None, f'{len(found)} frames, and then nothing for {seconds} s'
            found.append(frame)
        return found


class Books:
    """The daemon's books over one connection."""

    def __init__(self, host):
        self.rpc = Rpc(host.daemon.rpc)

    def close(self):
        self.rpc.close()

    def ask(self, method, **params):
        answer = self.rpc.call(method, **params)
        assert 'error' not in answer, answer
        return answer['result']

    def drops(self):
        return Counter({(row['port'], row['reason']): row['count'] for row in self.ask('drops')})

    def offered(self, port):
        return self.ask('stats.show', port=port)['offered']


class Exchange:
    """
    Frames from one port, and what all others hear. in_order False: frames for several stations, which come in by queues of their own
    from a wire in mode vmq, may overtake each other.
    """

    def __init__(self, host, model, sender, deaf=(), in_order=True):
        self.sender, self.model, self.in_order = sender, model, in_order
        self.books = Books(host)
        places = {name: ((host.dc, 'fldc0') if name == 'wire' else (host.vms[name], 'eth0')) for name in model.ports}
        self.ears = {name: Ear(*places[name]) for name in places if name != sender and name not in deaf}
        self.out = Ear(*places[sender])
        self.before = self.books.drops()
        self.offered = self.books.offered(sender)
        self.drops = Counter()
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for ear in (*self.ears.values(), self.out):
            ear.close()
        self.books.close()

    def send(self, frames):
        """Sends them in small batches, and compares each with what it must become."""
        for first in range(0, len(frames), SEND_BATCH):
            self.batch(frames[first:first + SEND_BATCH])

    def batch(self, frames):
        expected = {name: [] for name in self.ears}
        for frame in frames:
            got, drops = self.model.judge(self.model.ports[self.sender], frame)
            self.drops.update(drops)
            for name, data in got.items():
                if name in expected and is_heard(data):
                    expected[name].append(data)
            self.out.socket.send(frame)
        self.sent += len(frames)
        self.wait_offered()
        for name, ear in self.ears.items():
            got = ear.take(len(expected[name]), 3)
            as_is = list if self.in_order else sorted
            compare(f'from {self.sender} to {name}', as_is(got), as_is(expected[name]))

    def wait_offered(self):
        end = time.monotonic() + 5
        while (reached := self.books.offered(self.sender) - self.offered) != self.sent:
            assert time.monotonic() < end, f'{self.sent} frames were sent from {self.sender}, {reached} reached the daemon'

    def check(self):
        """Nothing more is heard, and the drops are the ones foreseen."""
        time.sleep(0.05)
        for name, ear in self.ears.items():
            compare(f'after all, from {self.sender} to {name}', ear.take(1, 0), [])
        found = self.books.drops() - self.before
        assert found == self.drops, f'drops: {dict(found)}, foreseen: {dict(self.drops)}'
        return self.drops


def compare(what, got, want):
    if got == want:
        return
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    show = [f'{len(x[at])} bytes {x[at][:64].hex()}' if at < len(x) else 'nothing' for x in (got, want)]
    raise AssertionError(f'{what}: {len(got)} frames instead of {len(want)}; frame {at} is {show[0]} instead of {show[1]}')


# ---- the host that these frames are sent through ----

ASIDE = {'mode': 'access', 'id': 99}
VLANS = {3: {'mode': 'access', 'id': 10}, 4: {'mode': 'trunk', 'ids': [10, 20, 30], 'native': 20}, 8: ASIDE, 9: ASIDE}
NUMBERS = (1, 2, 3, 4, 5, 6, 8, 9)
BYSTANDERS = ('vm8', 'vm9')
MTUS = {5: 9216, 6: 9216}


def data_plane(daemon):
    return [int(pid) for pid in call(['ps', '-o', 'pid=', '--ppid', daemon.process.pid]).stdout.split()]


def footprint(host):
    """
    (descriptors, threads, memory maps, bytes) of the data plane, which is still the one that was started; a sanitizer keeps freed memory:
    0 for both.
    """
    assert data_plane(host.daemon) == host.pids
    pid, = host.pids
    with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/statm') as statm:
        lines = maps.read().splitlines()
        pages = int(statm.read().split()[1])
    descriptors, threads = (len(os.listdir(f'/proc/{pid}/{what}')) for what in ('fd', 'task'))
    if any('libasan' in line or 'libtsan' in line for line in lines):
        return descriptors, threads, 0, 0
    return descriptors, threads, len(lines), pages * os.sysconf('SC_PAGE_SIZE')


def check_flat(before, after):
    """No descriptor or thread more, no maps but a few that come and go with an allocator's arenas, and less than 2 MB."""
    flat = after[0] <= before[0] and after[1] <= before[1] and after[2] <= before[2] + 8 and after[3] - before[3] < 2 << 20
    assert flat, f'(descriptors, threads, maps, bytes): {before}, then {after}'


def make_host(lab, uplink='af_xdp', mtu=None):
    """vm1, vm2 untagged, vm3 in VLAN 10, vm4 a trunk, vm5 and vm6 with large frames; vm8 and vm9 are bystanders in a VLAN of their own."""
    host = lab.host()
    if mtu:
        lab.run(host.namespace, ['ip', 'link', 'set', 'flwire0', 'mtu', mtu])
        lab.run(host.dc, ['ip', 'link', 'set', 'fldc0', 'mtu', mtu])
    ports = [host.vm(f'vm{n}', n, spoof_check=n != 1, mtu=MTUS.get(n, 1500), txqueuelen=256 if n == 2 else 20000,
                     queues=4 if n == 2 else 1, vlan=VLANS.get(n, {'mode': 'untagged'}),
                     **({} if n in (8, 9) else {'address': []})) for n in NUMBERS]
    adapters = [{'name': 'wire', 'uplink': f'{uplink}:flwire0', 'mode': 'vmq', 'queues': 4}]
    host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': ports}], adapters))
    host.pids = data_plane(host.daemon)
    return host


def model(wire_mtu=1500):
    stations = [Port(f'vm{n}', mac_bytes(mac(n)), MTUS.get(n, 1500), VLANS.get(n), n != 1) for n in NUMBERS]
    return Model(*stations, wire_port(wire_mtu))


def addresses(sender):
    return NOBODY + (WIRE_SOURCE if sender == 'wire' else mac_bytes(mac(int(sender[2]))))


class Pings:
    """Pings between two bystanders, one each few milliseconds: none may be lost, whatever the others do. worst_ms: the slowest answer."""

    def __init__(self, host, source='vm8', target='vm9', pause=0.004):
        for a, b in ((source, target), (target, source)):
            host.lab.run(host.vms[a], ['ip', 'neigh', 'replace', f'10.77.0.{b[2:]}', 'lladdr', mac(int(b[2:])), 'dev', 'eth0', 'nud',
                                       'permanent'])
        self.late = 2 / pause
        self.log = host.lab.folder / f'pings-{source}'
        with open(self.log, 'wb') as out:
            self.process = host.lab.spawn(host.vms[source], ['ping', '-n', '-i', pause, f'10.77.0.{target[2:]}'], stdout=out)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        time.sleep(0.2)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(5)
        text = self.log.read_text()
        answers = re.findall(r'icmp_seq=([0-9]+) ttl=[0-9]+ time=([0-9.]+)', text)
        numbers = [int(number) for number, _ in answers]
        sent, _ = parse_ping(text)
        self.worst_ms = max((float(ms) for _, ms in answers), default=None)
        if kind is None:
            # those of the last moments may be on their way when ping is told to end; a lost one leaves a gap
            assert sorted(numbers) == list(range(1, len(numbers) + 1)) and sent - len(numbers) <= self.late, \
                f'bystanders: {sent} pings sent, {len(numbers)} answered'
