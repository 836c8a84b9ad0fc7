"""1000 changes of a receive table under full load, and the same load without changes beside it: packets lost and reordered.

A numbered stream comes in by the wire for port b, as in queue_move.py, and at each change the front end is told to lead it by another ring:
once by receive filters (b's VM queue comes and goes), once by RSS (the number of queues goes round, and the indirection table with it).
"""
import itertools
import time

from rig import Bench, LabError, Row, Rpc, cpus, percentile, write_config
from cases.queue_move import LOAD_S, MOVES, PACE_S, Load, media_lost, pauses

HELP = '1000 changes of receive filters, and of an RSS table, under full load: packets lost and reordered'
ADDRESS = '10.78.0.2'

CONFIG = """\
version: 1
processors: {{count: 2, cpus: [{first}, {second}]}}
adapters:
  - {{name: wire, uplink: "af_xdp:flwire0", mode: {mode}, queues: {queues}, speed: 10G}}
switches:
  - name: ext
    kind: external
    uplink: wire
    ports:
      - {{name: b, nic: tap, netns: {b}, interface: eth0, address: 10.78.0.2/24, mac: "02:f1:00:00:00:02"}}
"""


def by_filter(rpc, _text):
    """What changes the table, again and again: b's VM queue goes and comes."""
    rpc.call('port.set', port='b', vmq_weight=0)
    if [q for q in rpc.call('vmq.list') if q['port'] == 'b']:
        raise LabError('port b holds a VM queue with weight 0: nothing would change')
    for weight in itertools.cycle((100, 0)):
        yield lambda weight=weight: rpc.call('port.set', port='b', vmq_weight=weight)


def by_rss(rpc, text):
    """The same: the flow's entry names another queue where the number of queues is another, for most flows at most changes."""
    rpc.call('config.apply', file='config.yaml', text=text('rss', 4))
    if len([q for q in rpc.call('queue.list') if q['vport'] == 'wire']) != 4:
        raise LabError('the wire does not have the 4 receive queues that it was told: nothing would change')
    for queues in itertools.cycle((2, 3, 4, 5, 1)):
        yield lambda queues=queues: rpc.call('config.apply', file='config.yaml', text=text('rss', queues))


def call_often(changes, still):
    """Makes MOVES changes, or with `still` as many calls that change nothing. Returns their (begin, end), ns."""
    calls = []
    for change in itertools.islice(changes, MOVES):
        began = time.clock_gettime_ns(time.CLOCK_REALTIME)
        (still or change)()
        calls.append((began, time.clock_gettime_ns(time.CLOCK_REALTIME)))
        time.sleep(PACE_S)
        if calls[-1][1] - calls[0][0] > (LOAD_S - 5) * 1e9:
            raise LabError(f'only {len(calls)} changes were made in {LOAD_S - 5} s')
    return calls


def run(lab, ends, changes, still):
    """Returns (report, pauses in us, calls in us, packets lost by the media)."""
    before = media_lost(lab, ends)
    load = Load(lab, ends[0][0], ends[1][0], ADDRESS)
    calls = call_often(changes, still)
    report, gaps = load.end()
    return report, pauses(calls, gaps), [(end - begin) / 1000 for begin, end in calls], media_lost(lab, ends) - before


def row(case, still, changed):
    report, pause, took, media = changed
    spoilt = max(0, report['lost'] - media) + report['reordered'] + report['duplicates']
    mean_us = 1e6 * report['seconds'] / max(1, report['received'])
    note = (f'{report["lost"]} lost ({media} of them by the kernel\'s queues), {report["reordered"]} reordered, {report["duplicates"]} doubled of '
            f'{report["sent"]}, one every {mean_us:.1f} us, {report["stalls"]} stalls; a change took p50 {percentile(took, 50):.0f}, p99 '
            f'{percentile(took, 99):.0f} us, pause p50 {percentile(pause, 50):.0f}, p99 {percentile(pause, 99):.0f}; '
            f'without changes {still[0]["lost"]} lost, {still[0]["reordered"]} reordered, pause p50 {percentile(still[1], 50):.0f}, '
            f'p99 {percentile(still[1], 99):.0f}')
    return Row(case, spoilt, 'packets lost or reordered', ratio=spoilt, goal=0, runs=MOVES, note=note).judge()


def measure(_seconds):
    rows = []
    for case, mode, queues, changing in (('table-change', 'vmq', 8, by_filter), ('table-change-rss', 'rss', 1, by_rss)):
        with Bench('table-change') as lab:
            host, dc, b = (lab.netns(short) for short in ('host', 'dc', 'b'))
            lab.wire(host, 'flwire0', dc, 'fldc0', '10.78.0.100/24')

            def text(mode, queues, b=b):
                return CONFIG.format(first=cpus()[0], second=cpus()[-1], b=b, mode=mode, queues=queues)

            daemon = lab.daemon(host, write_config(lab, text(mode, queues)))
            rpc = Rpc(daemon.rpc)
            ends = ((dc, 'fldc0'), (b, 'eth0'))
            lab.run(dc, ['ping', '-n', '-q', '-c', 2, '-i', 0.2, '-W', 1, ADDRESS])
            still = run(lab, ends, changing(rpc, text), lambda: rpc.call('port.show', port='b'))
            rows.append(row(case, still, run(lab, ends, changing(rpc, text), None)))
            rpc.close()
    return rows
