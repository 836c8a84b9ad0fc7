"""The time of a small frame from a guest to another one and back, whose drivers poll (bench/vmping)."""
from rig import ROUNDS, Bench, Row, spread
from vmlab import Fairlead, contenders, start_ovs

HELP = 'a frame from guest to guest and back: p50 and p99, polling beside OVS-DPDK, and sleeping'
COUNT = 20000
SLEEP_GOAL_US = 60  # p99


def measure(seconds):
    def polling(lab):
        return Fairlead(lab, prefix='p', idle='poll')

    with Bench('vm-latency') as lab, contenders(lab, polling, start_ovs, Fairlead) as everyone:
        for _ in range(ROUNDS):
            for one in everyone:
                with one.awake():
                    report = one.play('vmping', '--count', COUNT, seconds=max(1, round(seconds / ROUNDS)))
                    one.note(report['p50_us'], report['p99_us'])  # no cycles: the second column holds p99 here
    ours, peer, sleeping = everyone
    p99 = sleeping.busy()
    return [
        Row('vm-latency', **spread(ours.values), unit='us, p50', peer=peer.name, peer_value=peer.value(), ratio=ours.value() / peer.value(), goal=1,
            rate_ratio=ours.busy() / peer.busy(), rate_goal=1,
            note=f'there and back, idle: poll; second figure: p99, {ours.busy():.1f} us beside {peer.busy():.1f}').judge(),
        Row('vm-latency-sleep', p99, unit='us, p99', ratio=p99, goal=SLEEP_GOAL_US, runs=ROUNDS, low=min(sleeping.cycles), high=max(sleeping.cycles),
            note=f'there and back, idle: sleep; p50 {sleeping.value():.1f} us').judge(),
    ]
