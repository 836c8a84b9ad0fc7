"""Interrupts of a guest that sleeps until it has one (bench/vmbulk, bench/vmping): few in bulk, and at once where somebody waits for the answer."""
from statistics import median

from rig import ROUNDS, Bench, Row, Rpc, spread
from vmlab import Fairlead, contenders

HELP = 'packets for each interrupt in bulk, and time of a frame there and back: adaptive moderation beside none'
MODES = ('off', 'adaptive')
BULK_KPPS = 100  # of 1500 bytes: 1.2 Gb/s, which such guests can take
BULK_GOAL = 10  # packets for each interrupt, receive and transmit alike
LATENCY_GOAL = 1.1  # p50, beside none
COUNT = 20000


def interrupts_of(report):
    """Of either end, per packet that arrived, whichever end has more."""
    return max(report['rx_interrupts'], report['tx_interrupts'], 1) / max(1, report['received'])


def measure(seconds):
    per_packet, p50 = {mode: [] for mode in MODES}, {mode: [] for mode in MODES}
    lost = arrived = 0
    play_s = max(1, round(seconds / ROUNDS / len(MODES) / 2))
    with Bench('moderation') as lab, contenders(lab, Fairlead) as (switch,), switch.awake():
        rpc = Rpc(switch.daemon.rpc)
        for _ in range(ROUNDS):
            for mode in MODES:
                for port in 'ab':
                    rpc.call('port.set', port=port, interrupt_moderation=mode)
                bulk = switch.play('vmbulk', '--rate-kpps', BULK_KPPS, seconds=play_s)
                per_packet[mode].append(interrupts_of(bulk))
                lost += bulk['sent'] - bulk['received']
                arrived += bulk['received']
                p50[mode].append(switch.play('vmping', '--sleep-both', '--count', COUNT, seconds=play_s)['p50_us'])
        rpc.close()
    packets = {mode: 1 / median(per_packet[mode]) for mode in MODES}
    us = {mode: median(p50[mode]) for mode in MODES}
    return [
        Row('moderation', **spread([1 / figure for figure in per_packet['adaptive']]), unit='packets/interrupt', peer='moderation off',
            peer_value=packets['off'], ratio=packets['adaptive'], goal=BULK_GOAL,
            note=f'{BULK_KPPS} kpps of 1500 B to a thread that sleeps until it is interrupted; receive or transmit, whichever is more; '
                 f'{lost} of {arrived + lost} lost').judge(at_least=True),
        Row('moderation-latency', **spread(p50['adaptive']), unit='us, p50', peer='moderation off', peer_value=us['off'],
            ratio=us['adaptive'] / us['off'], goal=LATENCY_GOAL, note='there and back, one frame under way, both ends sleep until they are '
            'interrupted').judge(),
    ]
