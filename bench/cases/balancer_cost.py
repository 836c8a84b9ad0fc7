"""What the balancer takes of a processor with 1024 busy queues on 64 of them (src/nic/balancer_bench)."""
import json

from rig import ROOT, Bench, Row, call

HELP = 'CPU time of the balancer at 1024 busy queues on 64 processors, in process'
GOAL = 0.5  # percent of a processor


def measure(_seconds):
    with Bench('balancer-cost'):
        got = json.loads(call([ROOT / 'build/src/nic/balancer_bench'], timeout=120).stdout)
    return [Row('balancer-cost', got['percent'], unit='% of a core', ratio=got['percent'], goal=GOAL, runs=got['runs'],
                note=f'{got["queues"]} queues on {got["processors"]} processors; a run takes {got["us"]} us ({got["low"]}..{got["high"]}), the next one is due '
                     f'{got["pause_ms"]} ms later; {got["moves"]} moves among them').judge()]
