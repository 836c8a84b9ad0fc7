"""CPU time that the switch takes for four million frames a second between guests, and what it loses of them."""
from rig import ROUNDS, Bench, Row, spread
from vmlab import Fairlead, contenders

HELP = '4 Mpps between four pairs of guests, and by one pair: CPU time of the switch, and no loss'
MPPS = 4
PAIRS = 4
GOAL = 30  # percent of a core


def more_ports():
    """Of the pairs after the first, as bench/vmbounce names them."""
    return ''.join(f'      - {{name: {end}{pair}, nic: vhost, socket: {end}.sock{pair}, mac: "02:00:00:00:00:{0x0a + 2 * pair + (end == "b"):02x}"}}\n'
                   for pair in range(1, PAIRS) for end in 'ab')


def row(case, ours, reports, goal):
    lost, refused, late = (sum(report[key] for report in reports) for key in ('lost', 'not_sent', 'late'))
    mine = spread(ours.values)
    result = Row(case, **mine, unit='% of a core', busy_cycles=ours.busy(), busy_unit='cycles/packet', peer='ovs-dpdk', peer_value=100,
                 ratio=mine['value'], goal=goal,
                 note=f'{lost} lost, {refused} found the ring full, {late} not sent because the load was off its CPU; a polling switch takes a core '
                      'at any load').judge()
    if goal is not None:
        result.met = result.met and lost == 0
    return result


def measure_pairs(pairs, seconds):
    reports = []
    with Bench('idle-load') as lab, contenders(lab, lambda lab: Fairlead(lab, more=more_ports())) as (ours,):
        for _ in range(ROUNDS):
            with ours.awake():
                report = ours.play('vmbounce', '--mode', 'oneway', '--rate', MPPS, '--pairs', pairs, seconds=max(1, round(seconds / ROUNDS)))
            spent = report['seconds'] + 0.5  # vmbounce's warming up
            ours.note(100 * report['cpu_ns'] / 1e9 / spent, report['cpu_cycles'] / max(1, report['received']))
            reports.append(report)
    return ours, reports


def measure(seconds):
    return [row('idle-load', *measure_pairs(PAIRS, seconds), GOAL),
            # All of it through one ring of 256, which is half full after 32 us: too short for a cheap sleep where timers are dear. No goal.
            row('idle-load-one', *measure_pairs(1, seconds), None)]
