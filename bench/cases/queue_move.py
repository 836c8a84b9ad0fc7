"""1000 moves of a queue between two processors while it is under full load, and the same load without moves beside it.

bench/seqload.c keeps a fixed number of numbered packets under way, fewer than the queues before and after the switch hold: what is
missing was lost by the switch. In the run without moves, as many RPC calls are made that change nothing, at the same pace.
"""
import json
import struct
import time

from rig import Bench, LabError, Row, Rpc, cpus, percentile, stop, write_config

HELP = '1000 moves of a queue under full load: packets lost and reordered, and the pause'
MOVES = 1000
PACE_S = 0.001  # between a move's end and the next one: the load is at its full rate again
AFTER_NS = 1_000_000  # a pause that begins so soon after a move is the move's
PAUSE_GOAL_US = 50
GAP_US = 10  # seqload's GAP_NS: shorter pauses are not told apart
LOAD_S = 60  # ended earlier, when all moves are made

CONFIG = """\
version: 1
processors: {{count: 2, cpus: [{first}, {second}]}}
adapters:
  - {{name: wire, uplink: "af_xdp:flwire0", mode: vmq, queues: 8, speed: 10G}}
switches:
  - name: ext
    kind: external
    uplink: wire
    ports:
      - {{name: a, nic: tap, netns: {a}, interface: eth0, address: 10.78.0.1/24, mac: "02:f1:00:00:00:01", txqueuelen: 1024}}
      - {{name: b, nic: tap, netns: {b}, interface: eth0, address: 10.78.0.2/24, mac: "02:f1:00:00:00:02"}}
"""


class Load:
    """seqload between two namespaces, from start to its report."""

    def __init__(self, lab, source, target, address):
        self.gaps_path = lab.folder / 'gaps'
        self.out_path = lab.folder / 'seqload.out'
        with open(self.out_path, 'wb') as out:
            self.process = lab.spawn(source, [lab.program('seqload'), '--from', source, '--to', target, '--address', address,
                                              '--seconds', LOAD_S, '--gaps', self.gaps_path], stdout=out, stderr=out)
        time.sleep(0.5)  # the window is full, caches are warm

    def end(self):
        """Returns seqload's report and its gaps as (begin, length) in ns."""
        if self.process.poll() is not None:
            raise LabError(f'seqload ended before the moves did: {self.out_path.read_text().strip()[-300:]}')
        stop(self.process)
        try:
            report = json.loads(self.out_path.read_text())
        except ValueError:
            raise LabError(f'seqload gave no report: {self.out_path.read_text().strip()[-300:]}') from None
        return report, list(struct.iter_unpack('=QQ', self.gaps_path.read_bytes()))


def queue_of(rpc, port):
    found = [q for q in rpc.call('queue.list') if q['port'] == port]
    if len(found) != 1:
        raise LabError(f'port {port} has {len(found)} queues; one was expected')
    return found[0]


def call_often(rpc, queue, moving):
    """Moves the queue back and forth MOVES times, or only asks for it as often. Returns the calls' (begin, end), ns."""
    calls = []
    processor = queue['processor']
    for _ in range(MOVES):
        began = time.clock_gettime_ns(time.CLOCK_REALTIME)
        if moving:
            processor = 1 - processor
            rpc.call('queue.move', queue=queue['id'], processor=processor)
        else:
            rpc.call('queue.show', queue=queue['id'])
        calls.append((began, time.clock_gettime_ns(time.CLOCK_REALTIME)))
        time.sleep(PACE_S)
    return calls


def pauses(calls, gaps):
    """The longest gap, us, that meets each call; GAP_US when there is none that seqload kept."""
    found, first = [], 0
    for began, ended in calls:
        while first < len(gaps) and sum(gaps[first]) < began:
            first += 1
        longest, at = GAP_US * 1000, first
        while at < len(gaps) and gaps[at][0] < ended + AFTER_NS:
            longest = max(longest, gaps[at][1])
            at += 1
        found.append(longest / 1000)
    return found


def media_lost(lab, ends):
    """Packets that the kernel's own queues dropped: a TAP's read side, a receiver's backlog."""
    total = 0
    for namespace, interface in ends:
        link = json.loads(lab.run(namespace, ['ip', '-s', '-j', 'link', 'show', interface]).stdout)[0]['stats64']
        total += link['tx']['dropped'] + link['rx']['dropped']
    return total


def run(lab, rpc, ends, address, queue, moving):
    """Returns (report, pauses in us, packets lost by the media)."""
    before = media_lost(lab, ends)
    load = Load(lab, ends[0][0], ends[1][0], address)
    calls = call_often(rpc, queue, moving)
    report, gaps = load.end()
    if moving and (moved := rpc.call('queue.show', queue=queue['id'])['moved'] - queue['moved']) != MOVES:
        raise LabError(f'the queue was moved {moved} times, not {MOVES}')
    return report, pauses(calls, gaps), media_lost(lab, ends) - before


def row(case, still, moved):
    report, pause, media = moved
    spoilt = max(0, report['lost'] - media) + report['reordered'] + report['duplicates']
    mean_us = 1e6 * report['seconds'] / max(1, report['received'])
    # Sender and receiver need a core each: only beyond that does every worker have its own.
    own_core = len(cpus()) >= 4
    note = (f'{report["lost"]} lost ({media} of them by the kernel\'s queues), {report["reordered"]} reordered, {report["duplicates"]} doubled of '
            f'{report["sent"]}, one every {mean_us:.1f} us, {report["stalls"]} stalls; rate figure: pause p99 in us (p50 {percentile(pause, 50):.0f}); '
            f'without moves {still[0]["lost"]} lost, {still[0]["reordered"]} reordered, pause p50 {percentile(still[1], 50):.0f}, p99 {percentile(still[1], 99):.0f}')
    if not own_core:
        note += f'; the pause is not judged: two workers, sender and receiver share {len(cpus())} CPUs'
    return Row(case, spoilt, 'packets lost or reordered', ratio=spoilt, goal=0, rate_ratio=percentile(pause, 99),
               rate_goal=PAUSE_GOAL_US if own_core else None, runs=MOVES, note=note).judge()


def measure(_seconds):
    with Bench('queue-move') as lab:
        host, dc, a, b = (lab.netns(short) for short in ('host', 'dc', 'a', 'b'))
        lab.wire(host, 'flwire0', dc, 'fldc0', '10.78.0.100/24')
        daemon = lab.daemon(host, write_config(lab, CONFIG.format(first=cpus()[0], second=cpus()[-1], a=a, b=b)))
        rpc = Rpc(daemon.rpc)
        rows = []
        # The sender's own queue; then a VM queue that the front end fills from the wire.
        for case, ends, port in (('queue-move', ((a, 'eth0'), (b, 'eth0')), 'a'), ('queue-move-wire', ((dc, 'fldc0'), (b, 'eth0')), 'b')):
            lab.run(ends[0][0], ['ping', '-n', '-q', '-c', 2, '-i', 0.2, '-W', 1, '10.78.0.2'])
            queue = queue_of(rpc, port)
            still = run(lab, rpc, ends, '10.78.0.2', queue, moving=False)
            rows.append(row(case, still, run(lab, rpc, ends, '10.78.0.2', queue, moving=True)))
        rpc.close()
    return rows
