"""What the system tests use beyond scripts/lab.py: hosts made of namespaces, frames by hand, bytes with a hash, the books."""
import hashlib
import json
import os
import re
import shutil
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'scripts'))
from lab import BUILD, ROOT, Iperf, Lab, LabError, call, namespaces, parse_ping, pids_in, ping_all, socket_in, stop, sweep  # noqa: E402,F401

FOLDER = Path('/run/fairlead-tests')
EXAMPLE = ROOT / 'examples/converged-host.yaml'
BROADCAST = 'ff:ff:ff:ff:ff:ff'
SOL_PACKET, PACKET_AUXDATA = 263, 8  # linux/socket.h, linux/if_packet.h
TEST_TYPE = 0x88b5  # IEEE 802-2014, 9.2.3: EtherType for local experiments
STALE = re.compile(r'fl([0-9a-f]+)x[0-9]+[a-z]')


def sweep_stale():
    """Removes what test runs that no longer exist have left."""
    for name in namespaces('fl'):
        match = STALE.match(name)
        if match and not os.path.exists(f'/proc/{int(match.group(1), 16)}'):
            sweep([name])
    for folder in FOLDER.iterdir():
        match = STALE.match(f'{folder.name}a')
        if match and not os.path.exists(f'/proc/{int(match.group(1), 16)}'):
            shutil.rmtree(folder, ignore_errors=True)


# ---- frames by hand ----

def mac_bytes(text):
    return bytes.fromhex(text.replace(':', ''))


def frame(destination, source, payload=b'', vlan=None, ethertype=TEST_TYPE):
    """An Ethernet frame of at least 60 bytes (64 with its checksum, which the wire adds)."""
    tag = b'' if vlan is None else b'\x81\x00' + vlan.to_bytes(2, 'big')
    return (mac_bytes(destination) + mac_bytes(source) + tag + ethertype.to_bytes(2, 'big') + payload).ljust(60, b'\0')


class Frames:
    """Whole frames out of and into an interface of a namespace."""

    def __init__(self, namespace, interface):
        self.socket = socket_in(namespace, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)  # the kernel takes a VLAN tag out of the frame
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind((interface, 3))

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *frames):
        for data in frames:
            self.socket.send(data)

    def received(self, marker, seconds, enough=None):
        """(tag or None, frame without tag) of the frames that came in and contain marker; stops early at `enough` of them."""
        found = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and (enough is None or len(found) < enough):
            self.socket.settimeout(left)
            try:
                data, extra, _, address = self.socket.recvmsg(70000, 256)
            except TimeoutError:
                break
            if address[2] != socket.PACKET_OUTGOING and marker in data:
                found.append((tag_of(extra, data), data))
        return found


def tag_of(extra, data):
    """The VLAN tag (TCI) that came with a frame: as auxiliary data, or still in the frame."""
    for level, kind, value in extra:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, tci = int.from_bytes(value[0:4], sys.byteorder), int.from_bytes(value[16:18], sys.byteorder)
            if status & 0x10:  # TP_STATUS_VLAN_VALID
                return tci
    if data[12:14] == b'\x81\x00':
        return int.from_bytes(data[14:16], 'big')
    return None


# ---- TCP with a hash ----

def blocks(size, seed):
    """size bytes that do not repeat within reach of a lost or doubled segment."""
    count = 0
    while size > 0:
        block = hashlib.sha256(f'{seed} {count}'.encode()).digest() * 2048
        yield block[:size]
        size -= len(block)
        count += 1


class TcpSink(threading.Thread):
    def __init__(self, namespace, address, port):
        super().__init__(daemon=True)
        self.listener = socket_in(namespace, socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(1)
        self.listener.settimeout(20)
        self.digest = hashlib.sha256()
        self.size = 0
        self.start()

    def run(self):
        with self.listener:
            connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(20)
            while data := connection.recv(1 << 16):
                self.digest.update(data)
                self.size += len(data)


def tcp_transfer(source, target, address, size, port=7001):
    """Sends size bytes from namespace source to address in namespace target. Returns (bytes, hash) sent and received."""
    sink = TcpSink(target, address, port)
    digest = hashlib.sha256()
    with socket_in(source, socket.AF_INET, socket.SOCK_STREAM) as out:
        out.settimeout(20)
        out.connect((address, port))
        for block in blocks(size, f'{source} {target}'):
            digest.update(block)
            out.sendall(block)
    sink.join(20)
    return (size, digest.hexdigest()), (sink.size, sink.digest.hexdigest())


# ---- RPC by hand ----

class Rpc:
    """Raw bytes to the daemon's socket, and lines back."""

    def __init__(self, path, seconds=5):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))  # without a time limit: with one, a full backlog is an error and not a wait
        self.socket.settimeout(seconds)
        self.pending = b''

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line as Python objects; None when the daemon has hung up."""
        while b'\n' not in self.pending:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.pending += data
        line, self.pending = self.pending.split(b'\n', 1)
        return json.loads(line)

    def call(self, method, **params):
        request = {'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': params}
        self.send(json.dumps(request).encode() + b'\n')
        return self.line()


# ---- hosts ----

class Host:
    """A daemon in a namespace of its own, VMs in theirs, and what is needed to reach them."""

    def __init__(self, lab, name='host', wire=True):
        self.lab = lab
        self.name = name
        self.namespace = lab.netns(name)
        self.vms = {}
        self.daemon = None
        self.config_path = lab.folder / f'{name}.yaml'
        self.dc = None
        if wire:
            self.dc = lab.netns(f'{name}dc')
            lab.wire(self.namespace, 'flwire0', self.dc, 'fldc0', '10.77.0.100/24')

    def vm(self, name, number, **more):
        """Makes a namespace; returns its port for the configuration: address 10.77.0.<number>, MAC 02:f1:00:00:00:<number>."""
        self.vms[name] = self.lab.netns(self.name + name)
        return {'name': name, 'nic': 'tap', 'netns': self.vms[name], 'interface': 'eth0', 'address': f'10.77.0.{number}/24',
                'mac': mac(number), **more}

    def config(self, switches, adapters=None, **more):
        """The configuration as text. Without adapters: the wire."""
        if adapters is None:
            adapters = [{'name': 'wire', 'uplink': 'af_xdp:flwire0', 'mode': 'vmq', 'queues': 8}] if self.dc else []
        return json.dumps({'version': 1, 'processors': {'count': 2}, 'adapters': adapters, 'switches': switches, **more})

    def write(self, text):
        self.config_path.write_text(text)
        return self.config_path

    def start(self, text, **options):
        self.daemon = self.lab.daemon(self.namespace, self.write(text), name=self.name, **options)
        self.lab.daemons.append(self.daemon)
        return self.daemon

    def frames(self, name):
        """Frames of a VM, of the datacentre ("dc") or of the host itself."""
        if name == 'dc':
            return Frames(self.dc, 'fldc0')
        return Frames(self.vms[name], 'eth0')

    def drops(self, port):
        return {row['reason']: row['count'] for row in self.daemon.show('drops', port) if row['count']}

    def dropped(self, port, reason, count):
        """Whether a port's counter for a reason comes to stand at count."""
        return wait_for(lambda: self.drops(port).get(reason, 0) >= count) and self.drops(port)[reason] == count

    def hear(self, expected, marker, act, dropped=None):
        """Does act(), and returns the tags of the frames with marker that each place of expected, {place: tags}, then received.

        Waits for those that are expected, and for the counter dropped=(port, reason, count), before it listens for those that are
        not: on a busy machine a frame may take its time.
        """
        ears = {name: self.frames(name) for name in expected}
        try:
            act()
            heard = {name: ear.received(marker, 5, len(expected[name])) for name, ear in ears.items()}
            assert dropped is None or self.dropped(*dropped), f'{self.drops(dropped[0])}, not {dropped}'
            return {name: [tag for tag, _ in heard[name] + ear.received(marker, 0.2)] for name, ear in ears.items()}
        finally:
            for ear in ears.values():
                ear.close()

    def fdb(self, switch='ext'):
        return {(row['mac'], row['vlan']): row['port'] for row in self.daemon.show('switch', 'show', switch)['fdb']}

    def port(self, name):
        return self.daemon.show('port', 'show', name)


def mac(number):
    return f'02:f1:00:00:00:{number:02x}'


class TestLab(Lab):
    """A Lab whose namespaces are silent: no IPv6 of their own, so that every frame is one that a test sent or asked for."""
    __test__ = False  # not a test, whatever pytest thinks of its name
    count = 0

    def __init__(self):
        TestLab.count += 1
        prefix = f'fl{os.getpid():x}x{TestLab.count}'
        super().__init__(prefix, FOLDER / prefix)
        self.daemons = []
        self.guests = []

    def netns(self, short):
        name = super().netns(short)
        self.run(name, ['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1'])
        return name

    def host(self, name='host', **options):
        return Host(self, name, **options)

    def converged_host(self):
        """examples/converged-host.yaml with the namespaces of this lab; returns a Host that runs."""
        host = self.host()
        text = EXAMPLE.read_text()
        for number in (1, 2, 3):
            host.vms[f'vm{number}'] = self.netns(f'vm{number}')
            text = text.replace(f'netns: flvm{number}', f'netns: {host.vms[f"vm{number}"]}')
        host.start(text)
        return host

    def ping(self, namespace, address, count=3, interval=0.1, wait=4):
        """How many of count pings were lost."""
        return ping_all(self, [(namespace, address)], count, interval, wait)[(namespace, address)]

    def cannot_ping(self, namespace, address):
        return self.ping(namespace, address, count=2, wait=0.7) == 2

    def check_books(self):
        """Every daemon that still runs must account for every frame; a frame on its way gets two seconds to arrive."""
        for daemon in self.daemons:
            if daemon.ended:
                continue
            assert daemon.process.poll() is None, f'fairleadd ended by itself with status {daemon.process.returncode}'
            wrong = unbalanced(daemon)
            assert not wrong, f'the books do not balance: {wrong}'

    def stop_daemons(self):
        """Each must end with status 0 when it is told to."""
        statuses = [daemon.stop() for daemon in self.daemons if not daemon.ended]
        assert not any(status is None or status for status in statuses), f'exit statuses of the daemons (None: killed): {statuses}'


def imbalance(book):
    return book['offered'] + book['copies'] - book['delivered'] - book['dropped'] - book['held']


def unbalanced(daemon, seconds=2):
    """Books in which frames are missing or too many; empty when all is accounted for and nothing is held."""
    end = time.monotonic() + seconds
    while True:
        books = daemon.show('stats', 'show')
        wrong = [book for book in (books, *books['ports']) if imbalance(book) or book['held'] or not book['balanced']]
        if not wrong or time.monotonic() > end:
            return [{key: value for key, value in book.items() if key != 'ports'} for book in wrong]
        time.sleep(0.1)


def wait_for(condition, seconds=3, pause=0.05):
    """The first true value of condition(); the last one when it never came true."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(pause)
    return value
