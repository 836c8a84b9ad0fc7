"""Two workers beside one, each with a sender and a receiver of its own: what the shared switch leaves of twice the rate (bench/ringpath)."""
import json

from rig import Bench, Row, call, cpus

HELP = 'two workers beside one, in process, senders and receivers their own: packets a second of both beside one'
GOAL = 1.8  # our choice; twice is what cannot be beaten


def measure(seconds):
    with Bench('cores') as lab:
        one, two = (json.loads(call([lab.program('ringpath'), '--workers', n, '--rounds', 15, '--apart'], timeout=60).stdout) for n in (1, 2))
    ratio = 2 * one['cycles'] / two['cycles']
    own_core = len(cpus()) >= 2
    return [Row('cores-2', two['cycles'] / 2, unit='cycles/packet', busy_cycles=two['cycles'], busy_unit='cycles/packet', peer='one worker',
                peer_value=one['cycles'], peer_busy_cycles=one['cycles'], ratio=ratio, goal=GOAL if own_core else None, runs=two['rounds'],
                low=two['low'] / 2, high=two['high'] / 2, note='64 bytes; value: by the clock, for both workers together; figure: the rate of both beside one')
            .judge(at_least=True)]
