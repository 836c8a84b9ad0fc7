"""64 KiB frames to be segmented, passed whole from guest to guest (bench/vmlso), beside one memcpy of the same bytes on the same CPU."""
import json

from rig import ROUNDS, Bench, Row, call, spread
from vmlab import Fairlead, contenders, switch_cpu

HELP = '64 KiB frames to be segmented, from guest to guest, whole; one memcpy of the bytes'
GOAL = 0.8  # times memcpy's speed
FRAME = 65536


def measure(seconds):
    each = max(1, round(seconds / ROUNDS))
    copies, rates = [], []
    with Bench('vm-lso') as lab, contenders(lab, Fairlead) as (ours,):
        for _ in range(ROUNDS):
            with ours.awake():
                report = ours.play('vmlso', seconds=each)
            ours.note(report['gbytes_per_s'], report['cpu_cycles'] / max(1, report['received']))
            rates.append(report['gbytes_per_s'] * 1e9 * each / report['cpu_ns'])  # bytes of a nanosecond of CPU time
            copies.append(json.loads(call([lab.program('copy'), '--cpu', switch_cpu()], timeout=30).stdout)['gbytes_per_s'])
            if report['lost'] or report['corrupt'] or report['reordered']:
                raise AssertionError(f'vmlso: {report}')
    mine, peer = spread(rates), spread(copies)
    return [Row('vm-lso', **mine, unit='GB per CPU second', busy_cycles=ours.busy(), busy_unit='cycles/64 KiB frame', peer='memcpy',
                peer_value=peer['value'], ratio=mine['value'] / peer['value'], goal=GOAL,
                note=f'{ours.value():.1f} GB/s went through; memcpy into as many buffers as the receiver has').judge(at_least=True)]
