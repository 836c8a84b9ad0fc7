"""Receive filter, Toeplitz hash and indirection of one frame, as the front end does them; no traffic, one thread."""
import json

from rig import ROOT, LabError, Row, call

HELP = 'cycles that receive filter, Toeplitz hash and indirection cost a 64-byte frame'
GOALS = {'gfni': ('filter', 40), 'table': ('filter-table', 60)}  # cycles
TIMEOUT_S = 60


def measure(_seconds):
    rows = []
    for line in call([ROOT / 'build/src/nic/rxmap_bench'], timeout=TIMEOUT_S).stdout.splitlines():
        run = json.loads(line)
        case, goal = GOALS[run['variant']]
        cycles = run['cycles']
        rows.append(Row(case, cycles, 'cycles/packet', busy_cycles=cycles, busy_unit='cycles/packet', ratio=cycles, goal=goal, runs=run['runs'],
                        low=run['min'], high=run['max'], note=f'hash by {run["variant"]}').judge())
    if not rows:
        raise LabError('rxmap_bench printed nothing')
    return rows
