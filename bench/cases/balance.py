"""Dynamic VMQ: all load begins on one processor, and the time until it is spread; and whether anything moves after that.

Four emulated processors, eight VM queues, all standing on the base processor. A stream of UDP for each begins at once, from the wire, at
the rate that takes 50 % of the four processors when two queues are pinned to each: it is looked for first, because what a processor carries
depends on the machine. The balancer's own events say when queues moved: the load is spread with the last of the first ones, which the
processors' loads have to confirm afterwards; what moves later counts as unrest. Then the same at three times that rate, which no placement
carries: all processors are full, and nothing is to move either.
"""
import json
import sys
import time
from datetime import datetime
from statistics import mean

from rig import Bench, LabError, Row, Rpc, spread, stop, write_config

HELP = 'dynamic VMQ: ms from the start of a skewed load until it is spread, and moves in the seconds after, on a host that carries it and on a full one'
GOAL_MS = 200
ROUNDS, FULL_ROUNDS = 5, 2
PROCESSORS, SPEED_PERCENT = 4, 10
VMS = 8
# Percent of all processors, in the rounds; points. The same work takes up to 1.7 times as much on the core that the load tools use, too.
CARRIED, NEAR = 50, 5
FULL_FACTOR = 3  # of that rate
TRIAL_PPS, TRIALS = 3000, 8  # the first guess
REST_S = 3  # after a move by hand a queue rests for 1 s, and after 2 s with little to do the balancer is quick again (plan/balance.h)
SETTLED_S = 2.5  # two rests of a queue: what is still uneven has been evened out, and loads are looked at
GAP_S = 0.2  # between two moves of the first ones at most: ten samples
WINDOW_S = 0.6  # of processor loads: processor.list takes windows of 150 ms and more
CALM_S = 10  # after that, in the last round and on a full host; 2 in the others
HIGH, WITHIN = 90, 10  # percent, points
# Open vSwitch's pmd-auto-lb: a load above its threshold for a minute, looked at every 10 s, before queues move (its documentation, topics/dpdk/pmd).
OVS_MS = 60_000

CONFIG = """\
version: 1
processors: {{count: {count}, speed_percent: {speed}}}
adapters:
  - {{name: wire, uplink: "af_xdp:flwire0", mode: vmq, queues: {vms}, dynamic: on, base_processor: 0, speed: 10G}}
switches:
  - name: ext
    kind: external
    uplink: wire
    ports:
{ports}
"""
PORT = '      - {{name: vm{i}, nic: tap, netns: {netns}, interface: eth0, address: 10.78.0.{host}/24, mac: "02:f1:00:00:00:0{host}"}}'

# Sends to all addresses in turn at so many packets a second each; says when it began.
SENDER = """
import socket, sys, time
pps, seconds = float(sys.argv[1]), float(sys.argv[2])
to = [(address, 9) for address in sys.argv[3:]]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent, began = 0, time.monotonic()
print(time.clock_gettime_ns(time.CLOCK_REALTIME), flush=True)
while (passed := time.monotonic() - began) < seconds:
    for _ in range(int(passed * pps) - sent):
        for one in to:
            s.sendto(bytes(64), one)
        sent += 1
    time.sleep(0.001)
"""
# Takes what comes, and reads nothing: an open port answers no ICMP.
RECEIVER = 'import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 9)); time.sleep(3600)'


class Load:
    def __init__(self, lab, namespace, pps, seconds, addresses):
        self.out = lab.folder / 'sender'
        with open(self.out, 'wb') as out:
            self.process = lab.spawn(namespace, [sys.executable, '-c', SENDER, pps, seconds, *addresses], stdout=out)
        end = time.monotonic() + 5
        while not self.out.read_text().endswith('\n'):
            if time.monotonic() > end:
                raise LabError('the sender does not start')
            time.sleep(0.001)
        self.began = int(self.out.read_text()) / 1e9

    def end(self):
        stop(self.process)


def vm_queues(rpc):
    return [q for q in rpc.call('queue.list') if (q['port'] or '').startswith('vm')]


def busy(rpc):
    """Percent of each processor over the next WINDOW_S. Waiting is the load tools': they share the machine's cores."""
    rpc.call('processor.list')
    time.sleep(WINDOW_S)
    return [p['busy_percent'] for p in rpc.call('processor.list')]


def place(rpc, pinned, processor_of):
    """The i-th VM queue on processor processor_of(i), rested."""
    for i, q in enumerate(vm_queues(rpc)):
        rpc.call('queue.move', queue=q['id'], processor=processor_of(i))
        rpc.call('queue.pin' if pinned else 'queue.unpin', queue=q['id'])
    time.sleep(REST_S)


def addresses():
    return [f'10.78.0.{i + 1}' for i in range(VMS)]


def find_rate(lab, rpc, dc):
    """Packets a second for each queue that take CARRIED percent of all processors, and how much they take."""
    pps = TRIAL_PPS
    place(rpc, True, lambda i: i % PROCESSORS)
    for _ in range(TRIALS):
        load = Load(lab, dc, pps, 10, addresses())
        time.sleep(0.3)
        used = mean(busy(rpc))
        load.end()
        if used < 2:
            raise LabError(f'{pps} packets a second for each queue leave the processors idle: they do not arrive')
        if abs(used - CARRIED) <= NEAR:
            return pps, used
        pps = round(pps * min(CARRIED / used, 2))
    raise LabError(f'no rate takes {CARRIED} percent of the processors: {pps} packets a second for each queue took {used:.0f} at last')


def moves_since(rpc, serial):
    """When queues were moved by the balancer, s of the epoch."""
    events = rpc.call('vmq.watch', since=serial)
    return [datetime.fromisoformat(e['at'].rstrip('Z') + '+00:00').timestamp() for e in events if e['from'] != e['to'] and e['why'] != 'by-hand']


def one_round(lab, rpc, dc, pps, calm_s):
    """Returns (ms until the last of the first moves, first moves, moves to even out, loads then, moves after)."""
    place(rpc, False, lambda _: 0)
    serial = max((e['serial'] for e in rpc.call('vmq.watch')), default=0)
    load = Load(lab, dc, pps, SETTLED_S + calm_s + 10, addresses())
    time.sleep(SETTLED_S)
    loads = busy(rpc)
    time.sleep(calm_s)
    moves = [at - load.began for at in moves_since(rpc, serial)]
    load.end()
    if not moves:
        raise LabError(f'no queue was moved; processors have {loads} percent to do')
    first = 1 + next((i for i, (a, b) in enumerate(zip(moves, moves[1:])) if b - a > GAP_S), len(moves) - 1)
    after = sum(at > SETTLED_S for at in moves[first:])
    return 1000 * moves[first - 1], first, len(moves) - first - after, loads, after


def is_balanced(loads):
    return max(loads) <= HIGH or max(loads) - min(loads) <= WITHIN


def measure(_seconds):
    with Bench('balance') as lab:
        host, dc = lab.netns('host'), lab.netns('dc')
        vms = [lab.netns(f'vm{i}') for i in range(VMS)]
        lab.wire(host, 'flwire0', dc, 'fldc0', '10.78.0.100/24')
        ports = '\n'.join(PORT.format(i=i, netns=netns, host=i + 1) for i, netns in enumerate(vms))
        daemon = lab.daemon(host, write_config(lab, CONFIG.format(count=PROCESSORS, speed=SPEED_PERCENT, vms=VMS, ports=ports)))
        rpc = Rpc(daemon.rpc)
        for i, netns in enumerate(vms):
            lab.spawn(netns, [sys.executable, '-c', RECEIVER])
            lab.run(dc, ['ping', '-n', '-q', '-c', 2, '-i', 0.2, '-W', 1, f'10.78.0.{i + 1}'])
        pps, carried = find_rate(lab, rpc, dc)
        rounds = [one_round(lab, rpc, dc, pps, CALM_S if i == ROUNDS - 1 else 2) for i in range(ROUNDS)]
        full = [one_round(lab, rpc, dc, FULL_FACTOR * pps, CALM_S) for _ in range(FULL_ROUNDS)]
        rpc.close()
    return [carried_row(rounds, pps, carried), full_row(full, FULL_FACTOR * pps)]


def carried_row(rounds, pps, carried):
    times, first, even, loads, after = zip(*rounds)
    found = spread(times)
    late = sum(not is_balanced(one) for one in loads)
    note = (f'{VMS} queues on {PROCESSORS} emulated processors, {pps} packets/s each, which take {carried:.0f} % of all; first moves {json.dumps(first)}, '
            f'to even out {json.dumps(even)}, after {SETTLED_S} s {json.dumps(after)} (rate figure: their sum); loads then {json.dumps(loads)}, {late} of {ROUNDS} '
            'not balanced; the peer: its documented minimum')
    row = Row('balance', **found, unit='ms', peer='ovs-dpdk', peer_value=OVS_MS, ratio=found['value'], goal=GOAL_MS, rate_ratio=sum(after), rate_goal=0,
              note=note).judge()
    row.met = row.met and late == 0
    return row


def full_row(rounds, pps):
    times, first, even, loads, after = zip(*rounds)
    note = (f'the same at {pps} packets/s each, more than the processors carry: {SETTLED_S} to {SETTLED_S + CALM_S} s after the start; spread after '
            f'{json.dumps([round(ms) for ms in times])} ms, first moves {json.dumps(first)}, to even out {json.dumps(even)}; loads then {json.dumps(loads)}')
    return Row('balance-full', **spread(after), unit='moves', ratio=sum(after), goal=0, note=note).judge()
