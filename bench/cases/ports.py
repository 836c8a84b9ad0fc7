"""64-byte frames between two guests on a switch with 1024 ports and 10,000 known stations, beside a switch with these two ports."""
import socket

from rig import ROUNDS, Bench, Row, spread
from vmlab import Fairlead, contenders

HELP = '64-byte frames between two guests beside 1022 other ports and 10,000 stations; the same with two ports'
GOAL = 1.1  # times the cycles
PORTS = 1024
STATIONS = 10000
FDB = 65536  # a port may have a quarter
WORDS = ['--size', 64, '--ring', 256, '--in-flight', 256]


def crowd(namespace):
    """All other ports: guests that are not there, and one whose stations are many."""
    lines = [f'      - {{name: v{i}, nic: vhost, socket: v{i}.sock, mac: "02:f1:01:00:{i >> 8:02x}:{i & 255:02x}"}}' for i in range(PORTS - 3)]
    lines.append(f'      - {{name: crowd, nic: tap, netns: {namespace}, interface: eth0, spoof_check: off}}')
    return '\n'.join(lines) + '\n'


def make_known(lab, namespace):
    """One frame from each station, to nobody: only the switch hears it."""
    from lab import socket_in
    with socket_in(namespace, socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(('eth0', 0))
        for number in range(STATIONS):
            wire.send(bytes.fromhex('02f1ff0000ff') + bytes.fromhex('02f102') + number.to_bytes(3, 'big') + b'\x88\xb5' + bytes(46))


def measure(seconds):
    each = max(1, round(seconds / ROUNDS))
    with Bench('ports-1024') as lab:
        namespace = lab.netns('crowd')
        with contenders(lab, lambda lab: Fairlead(lab, 'many', fdb_entries=FDB, more=crowd(namespace)),
                        lambda lab: Fairlead(lab, 'two', prefix='t')) as (many, two):
            with many.awake():
                make_known(lab, namespace)
            for _ in range(ROUNDS):
                for one in (many, two):
                    with one.awake():
                        one.note(*one.packets('vmbounce', *WORDS, seconds=each))
    return [Row('ports-1024', **spread(many.values), unit='Mpps', busy_cycles=many.busy(), busy_unit='cycles/packet', peer='two ports',
                peer_value=two.value(), peer_busy_cycles=two.busy(), ratio=many.busy() / two.busy(), goal=GOAL,
                note=f'{PORTS} ports, {STATIONS} learned stations').judge()]
