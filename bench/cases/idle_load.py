"""CPU time that the switch takes for four million frames a second between two guests, and what it loses of them."""
from rig import ROUNDS, Bench, Row, spread
from vmlab import Fairlead, contenders

HELP = '4 Mpps from guest to guest: CPU time of the switch, and no loss'
MPPS = 4
GOAL = 30  # percent of a core


def measure(seconds):
    each, lost, refused = max(1, round(seconds / ROUNDS)), 0, 0
    with Bench('idle-load') as lab, contenders(lab, Fairlead) as (ours,):
        for _ in range(ROUNDS):
            with ours.awake():
                report = ours.play('vmbounce', '--mode', 'oneway', '--rate', MPPS, seconds=each)
            spent = report['seconds'] + 0.5  # vmbounce's warming up
            ours.note(100 * report['cpu_ns'] / 1e9 / spent, report['cpu_cycles'] / max(1, report['received']))
            lost += report['lost']
            refused += report['not_sent']
    mine = spread(ours.values)
    result = Row('idle-load', **mine, unit='% of a core', busy_cycles=ours.busy(), busy_unit='cycles/packet', peer='ovs-dpdk', peer_value=100,
                 ratio=mine['value'], goal=GOAL,
                 note=f'{lost} lost, {refused} found the ring full; a polling switch takes a core at any load').judge()
    result.met = result.met and lost == 0
    return [result]
