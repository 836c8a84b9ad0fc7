"""Two workers that write into one guest's receive ring, beside one: what the ring's lock costs (bench/ringpath)."""
import json

from rig import Bench, Row, call

HELP = 'two workers into one receive ring, in process: cycles of a packet beside one worker'
GOAL = 1.25


def measure(seconds):
    with Bench('incast') as lab:
        one, two = (json.loads(call([lab.program('ringpath'), '--workers', n, '--rounds', 15], timeout=60).stdout) for n in (1, 2))
    return [Row('incast', two['cycles'], unit='cycles/packet', busy_cycles=two['cycles'], busy_unit='cycles/packet', peer='one worker',
                peer_value=one['cycles'], peer_busy_cycles=one['cycles'], ratio=two['cycles'] / one['cycles'], goal=GOAL, runs=two['rounds'],
                low=two['low'], high=two['high'], note='64 bytes; sources, switch and sink in one process').judge()]
