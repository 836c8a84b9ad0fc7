"""Namespaces, daemons and traffic on one machine: what ./run and the system tests share.

Everything that a Lab makes is called by its prefix (which begins with "fl"), lives in network namespaces of its own,
and is gone after close(), or after sweep() when the owner of the Lab did not live to call it. Each command is bounded in time.
"""
import ctypes
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get('FAIRLEAD_BUILD', ROOT / 'build'))  # ./test --sanitize points elsewhere
READY_S = 20  # the daemon's own start is far below a second; a loaded two-core machine is not
STOP_S = 5
PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """One sentence for a person: what failed, and the last words of what failed."""


def call(argv, timeout=10, check=True, **options):
    """Runs a command to its end; returns subprocess.CompletedProcess with text in stdout and stderr."""
    argv = [str(word) for word in argv]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, **options)
    except subprocess.TimeoutExpired:
        raise LabError(f'{" ".join(argv)}: not finished after {timeout} s') from None
    if check and done.returncode != 0:
        raise LabError(f'{" ".join(argv)}: exit status {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}')
    return done


def die_with_parent():
    """Between fork and exec: a child must not outlive us, even after kill -9."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def namespaces(prefix):
    """Names of the machine's network namespaces that begin with prefix."""
    lines = call(['ip', 'netns', 'list']).stdout.splitlines()
    return [line.split()[0] for line in lines if line.startswith(prefix)]


def pids_in(namespace):
    out = call(['ip', 'netns', 'pids', namespace], check=False).stdout
    return [int(pid) for pid in out.split()]


def sweep(names):
    """Ends every process in these namespaces and removes them. Names that do not exist are no error."""
    present = [name for name in names if name in namespaces(name)]
    end = time.monotonic() + STOP_S
    while time.monotonic() < end:
        pids = [pid for name in present for pid in pids_in(name)]
        if not pids:
            break
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    for name in present:
        call(['ip', 'netns', 'del', name], check=False)


class Daemon:
    """A running fairleadd and the CLI that speaks to it."""

    def __init__(self, lab, namespace, config, name, wait=True, options=()):
        self.lab = lab
        self.namespace = namespace
        self.folder = lab.folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rpc = self.folder / 'fairlead.sock'
        self.log = self.folder / 'log'
        self.out = self.folder / 'out'
        self.ended = False  # on purpose
        with open(self.out, 'wb') as out, open(self.log, 'wb') as log:
            self.process = lab.spawn(namespace, [BUILD / 'fairleadd', '--config', config, '--name', name, '--rpc', self.rpc,
                                                 '--foreground', *options], stdout=out, stderr=log)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            if 'ready' in self.out.read_text(errors='replace').splitlines():
                return
            if self.process.poll() is not None:
                raise LabError(f'fairleadd ended with status {self.process.returncode} before it was ready:\n{self.last_words()}')
            time.sleep(0.02)
        raise LabError(f'fairleadd was not ready after {READY_S} s:\n{self.last_words()}')

    def last_words(self, lines=12):
        return '\n'.join(self.log.read_text(errors='replace').splitlines()[-lines:])

    def cli(self, *words, check=True, timeout=10):
        """fairlead WORDS; returns CompletedProcess."""
        return call([BUILD / 'fairlead', '--rpc', self.rpc, *words], timeout=timeout, check=check)

    def show(self, *words):
        """fairlead WORDS --json, as Python objects."""
        done = self.cli(*words, '--json')
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise LabError(f'fairlead {" ".join(map(str, words))} --json printed no JSON: {done.stdout[:200]!r}') from None

    def stop(self):
        """SIGTERM; returns the exit status, and None when it had to be killed."""
        self.ended = True
        return stop(self.process)


def stop(process, timeout=STOP_S):
    """SIGTERM, then SIGKILL. Returns the exit status; None when SIGKILL was needed."""
    if process.poll() is not None:
        return process.returncode
    process.terminate()
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


class Lab:
    def __init__(self, prefix, folder):
        """prefix: of the namespaces' names. folder: for sockets and logs; removed by close()."""
        self.prefix = prefix
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.namespaces = []
        self.processes = []

    def netns(self, short):
        """Makes a namespace, its loopback up; returns its full name."""
        name = self.prefix + short
        call(['ip', 'netns', 'add', name])
        self.namespaces.append(name)
        call(['ip', '-n', name, 'link', 'set', 'lo', 'up'])
        return name

    def wire(self, host, interface, peer, peer_interface, address=None, mtu=None):
        """A veth pair between two namespaces, made inside them, both ends up.

        What a veth peer sends reaches AF_XDP as it left its socket: with a checksum that is still to be finished and segments
        that are still to be cut. A real wire never carries such frames, so the peer finishes both itself.
        """
        call(['ip', '-n', host, 'link', 'add', interface, 'type', 'veth', 'peer', 'name', peer_interface, 'netns', peer])
        call(['ip', 'netns', 'exec', peer, 'ethtool', '-K', peer_interface, 'tx', 'off', 'tso', 'off', 'gso', 'off'])
        for name, end in ((host, interface), (peer, peer_interface)):
            if mtu:
                call(['ip', '-n', name, 'link', 'set', end, 'mtu', mtu])
            call(['ip', '-n', name, 'link', 'set', end, 'up'])
        if address:
            call(['ip', '-n', peer, 'address', 'add', address, 'dev', peer_interface])

    def spawn(self, namespace, argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options):
        """Starts a command in a namespace; it ends with us. Returns subprocess.Popen."""
        argv = ['ip', 'netns', 'exec', namespace, *map(str, argv)]
        process = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True,
                                   preexec_fn=die_with_parent, **options)
        self.processes.append(process)
        return process

    def run(self, namespace, argv, timeout=10, check=True):
        return call(['ip', 'netns', 'exec', namespace, *argv], timeout=timeout, check=check, preexec_fn=die_with_parent)

    def daemon(self, namespace, config, name='fairlead', **options):
        return Daemon(self, namespace, config, name, **options)

    def close(self):
        for process in reversed(self.processes):
            stop(process)
        sweep(self.namespaces)
        shutil.rmtree(self.folder, ignore_errors=True)


def parse_ping(text):
    """(sent, received) from what ping printed."""
    for line in text.splitlines():
        words = line.split()
        if 'transmitted,' in words:
            return int(words[0]), int(words[words.index('transmitted,') + 1])
    raise LabError(f'ping printed no summary: {text.strip()[-300:]}')


def enter(fd):
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), 'setns')


def socket_in(namespace, *args):
    """A socket that belongs to another namespace; the calling thread stays where it is."""
    own = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
    other = os.open(f'/run/netns/{namespace}', os.O_RDONLY)
    try:
        enter(other)
        try:
            return socket.socket(*args)
        finally:
            enter(own)
    finally:
        os.close(own)
        os.close(other)


def internet_checksum(data):
    """RFC 1071, of an even number of bytes."""
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


class Pinger:
    """ICMP echo (RFC 792) from a namespace to an address; the other side's kernel answers.

    Of our own because ping ends twice the longest round trip after its last request, whatever its options say: on a machine that
    is busy with other things it calls lost what was only late.
    """
    REQUEST, REPLY = 8, 0
    SOL_RAW, ICMP_FILTER = 255, 1  # linux/icmp.h: a bit for each type that is not wanted

    def __init__(self, namespace, address, ident):
        self.ident = ident
        self.missing = set()
        self.socket = socket_in(namespace, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.socket.setsockopt(self.SOL_RAW, self.ICMP_FILTER, struct.pack('=I', 0xffffffff & ~(1 << self.REPLY)))
        self.socket.setblocking(False)
        self.socket.connect((address, 0))

    def send(self, sequence):
        packet = bytearray(struct.pack('!BBHHH', self.REQUEST, 0, 0, self.ident, sequence) + bytes(range(56)))
        packet[2:4] = internet_checksum(packet).to_bytes(2, 'big')
        self.missing.add(sequence)
        try:
            self.socket.send(packet)
        except OSError:
            pass  # no neighbour, no route: it is missing, and stays so

    def receive(self):
        try:
            packet = self.socket.recv(2048)
        except OSError:
            return  # an error of an earlier request
        header = (packet[0] & 15) * 4
        kind, _, _, ident, sequence = struct.unpack_from('!BBHHH', packet, header)
        if kind == self.REPLY and ident == self.ident:
            self.missing.discard(sequence)


def ping_all(lab, pairs, count=5, interval=0.2, wait=4):
    """Pings all (namespace, address) pairs at once, and waits up to `wait` seconds for the last answers. Returns {pair: lost}.

    wait is long because late is not lost: the kernel's own work (it takes namespaces apart) keeps a CPU, and with it a worker that is
    pinned to it, for up to two seconds.
    """
    pingers = {pair: Pinger(*pair, ident) for ident, pair in enumerate(pairs, 1)}
    with selectors.DefaultSelector() as selector:
        for pinger in pingers.values():
            selector.register(pinger.socket, selectors.EVENT_READ, pinger)
        start = time.monotonic()
        sent = 0
        while sent < count or (any(p.missing for p in pingers.values()) and time.monotonic() < start + wait):
            if sent < count and time.monotonic() >= start:
                for pinger in pingers.values():
                    pinger.send(sent)
                sent += 1
                start = time.monotonic() + (interval if sent < count else 0)
            for key, _ in selector.select(max(0, start - time.monotonic()) if sent < count else 0.01):
                key.data.receive()
    for pinger in pingers.values():
        pinger.socket.close()
    return {pair: len(pinger.missing) for pair, pinger in pingers.items()}


class Rpc:
    """One connection to a daemon; a call costs a write and a read, no process."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.file = self.socket.makefile('rb')
        self.id = 0

    def call(self, method, **params):
        self.id += 1
        request = {'jsonrpc': '2.0', 'id': self.id, 'method': method, 'params': params}
        self.socket.sendall(json.dumps(request).encode() + b'\n')
        answer = json.loads(self.file.readline() or b'{"error": {"message": "the daemon closed the connection"}}')
        if 'error' in answer:
            raise LabError(f'{method}: {answer["error"]["message"]}')
        return answer['result']

    def close(self):
        self.file.close()
        self.socket.close()


class Iperf:
    """TCP streams from one namespace to several servers at once, as iperf3 measures them."""
    WARM_S = 1  # not counted: until the streams have found their rate, a queue that they all begin on overflows
    PORTS = range(20480, 26880, 64)  # of the streams of one start: consecutive ones have every pattern of low bits equally often

    def __init__(self, lab, client):
        self.lab = lab
        self.client = client
        self.serving = set()
        self.started = 0

    def serve(self, namespace, address):
        """A server, once for each address, which must be there."""
        if address in self.serving:
            return
        self.lab.spawn(namespace, ['iperf3', '--server', '--json', '--bind', address])
        end = time.monotonic() + 5
        while f'{address}:5201' not in self.lab.run(namespace, ['ss', '-Hltn']).stdout:
            if time.monotonic() > end:
                raise LabError(f'iperf3 did not listen on {address} in {namespace}')
            time.sleep(0.05)
        self.serving.add(address)

    def start(self, address, streams, seconds):
        """Ports are ours, so that flows spread over queues in the same way each time: by chance, 16 leave one of 4 empty in 4 of 100."""
        port = self.PORTS[self.started % len(self.PORTS)]  # another each time: the last ones still wait to be free
        self.started += 1
        # to a file: a report of many seconds is larger than a pipe, and nobody reads while the traffic runs
        with open(self.lab.folder / f'iperf-{address}.json', 'wb') as report:
            return self.lab.spawn(self.client, ['iperf3', '--client', address, '--time', seconds, '--omit', self.WARM_S, '--cport', port,
                                                '--parallel', streams, '--json', '--get-server-output'],
                                  stdout=report, stderr=subprocess.STDOUT)

    def seconds_of(self, address):
        """Bits that arrived in each second that counts."""
        text = (self.lab.folder / f'iperf-{address}.json').read_text()
        try:
            report = json.loads(text)
        except ValueError:
            raise LabError(f'iperf3 to {address} gave no report: {text.strip()[-300:]}') from None
        if 'error' in report:
            raise LabError(f'iperf3 to {address}: {report["error"]}')
        sums = [row['sum'] for row in report['server_output_json']['intervals']]
        return [row['bytes'] * 8 / (row['end'] - row['start']) for row in sums if not row['omitted']]

    def measure(self, streams, seconds, times, meanwhile=lambda number: None, pause=0.25):
        """Runs {address: number of streams}, and measures that many times, one after the other, for that many whole seconds each.

        Calls meanwhile(number of the measurement, or None while the streams begin) every pause seconds. Returns for each measurement
        {address: bits a second that arrived}.
        """
        begin = time.monotonic()
        end = begin + self.WARM_S + seconds * times + 15
        running = [self.start(address, n, seconds * times) for address, n in streams.items()]
        while any(process.poll() is None for process in running):
            now = time.monotonic()
            if now > end:
                raise LabError(f'iperf3 did not end within {end - begin:.0f} s')
            time.sleep(pause)
            if all(process.poll() is None for process in running):
                number = int((now - begin - self.WARM_S) / seconds)
                meanwhile(min(number, times - 1) if now - begin >= self.WARM_S else None)
        arrived = {address: self.seconds_of(address) for address in streams}
        return [{address: mean(each[n * seconds:(n + 1) * seconds] or [0]) for address, each in arrived.items()} for n in range(times)]
