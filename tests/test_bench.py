"""bench/run: its command line, what it computes from what it measures, and that it measures at all. The figures are bench's own business."""
import json
import os
import signal
import subprocess
import sys

import pytest

from lib import ROOT, call, namespaces, wait_for

sys.path.insert(0, str(ROOT / 'bench'))
sys.dont_write_bytecode = True
import rig  # noqa: E402
from cases import CASES, queue_move  # noqa: E402

RUN = ROOT / 'bench/run'
KEYS = ['case', 'value', 'unit', 'busy_cycles', 'peer', 'peer_value', 'peer_busy_cycles', 'ratio', 'goal', 'rate_ratio', 'rate_goal', 'met']


# ---- command line ----

def test_the_list_names_every_case():
    assert [line.split()[0] for line in call([RUN, '--list']).stdout.splitlines()] == list(CASES)


@pytest.mark.parametrize('words, sentence', [
    (['--case', 'vm-65'], 'there is no case "vm-65"; there are: filter'),
    (['--seconds', '0'], "'0' is no whole number of seconds from 1 to 300"),
    (['--seconds', '1.5'], "'1.5' is no whole number"),
    (['--fast'], 'unrecognized arguments: --fast'),
])
def test_a_wrong_command_line_is_told_and_ends_with_2(words, sentence):
    done = call([RUN, *words], check=False)
    assert done.returncode == 2 and sentence in done.stderr and done.stdout == ''


def test_each_line_of_json_has_the_keys_of_the_contract():
    done = call([RUN, '--case', 'filter', '--json'], timeout=55)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows and all(list(row)[:len(KEYS)] == KEYS for row in rows)
    assert all(row['value'] > 0 and row['met'] is (row['value'] <= row['goal']) for row in rows)


# ---- arithmetic ----

@pytest.mark.parametrize('figures, more, met', [
    # ratio, goal, rate_ratio, rate_goal; whether more is better, of each
    ((0.4, 0.5, None, None), (False, False), True),
    ((0.6, 0.5, None, None), (False, False), False),
    ((2.0, 2, None, None), (True, False), True),
    ((1.9, 2, None, None), (True, False), False),
    ((0, 0, 900, None), (False, False), True),  # a second figure without a goal is not judged
    ((0, 0, 51, 50), (False, False), False),
    ((0.4, 0.5, 1.1, 1.2), (False, True), False),  # all goals, not one of them
    ((0.4, 0.5, 1.3, 1.2), (False, True), True),
    ((3, None, None, None), (False, False), None),
])
def test_a_row_is_judged_by_all_its_goals(figures, more, met):
    ratio, goal, rate_ratio, rate_goal = figures
    row = rig.Row('x', 1.0, 'u', ratio=ratio, goal=goal, rate_ratio=rate_ratio, rate_goal=rate_goal)
    assert row.judge(*more).met is met


@pytest.mark.parametrize('values, percent, expected', [
    # nearest rank: the ceil(n * percent / 100)th smallest
    ([7], 99, 7), ([3, 1, 2], 50, 2), ([4, 1, 2, 3], 50, 2), (range(1, 201), 99, 198), (range(1, 101), 99, 99), (range(1, 41), 99, 40),
])
def test_percentiles_are_of_the_nearest_rank(values, percent, expected):
    assert rig.percentile(values, percent) == expected


def test_the_pause_of_a_move_is_the_longest_gap_that_meets_it():
    ms = 1_000_000
    calls = [(10 * ms, 11 * ms), (20 * ms, 21 * ms), (30 * ms, 31 * ms), (40 * ms, 41 * ms)]
    gaps = [
        (9 * ms, ms // 2),  # over before the first begins
        (int(9.9 * ms), 200_000),  # runs into the first: its pause
        (10 * ms + 500_000, 100_000),  # shorter
        (int(21.5 * ms), 300_000),  # begins within 1 ms after the second: its pause
        (int(32.5 * ms), 400_000),  # more than 1 ms after the third: not its pause
        (int(39.5 * ms), 5 * ms),  # all through the fourth
    ]
    assert queue_move.pauses(calls, gaps) == [200, 300, queue_move.GAP_US, 5000]


# ---- load programs ----

@pytest.fixture
def pair(lab):
    """Two namespaces with a veth pair between them."""
    a, b = lab.netns('benchA'), lab.netns('benchB')
    lab.wire(a, 'va', b, 'vb', '10.78.9.2/24')
    call(['ip', '-n', a, 'address', 'add', '10.78.9.1/24', 'dev', 'va'])
    return lab, a, b


def test_seqload_loses_nothing_over_a_wire(pair):
    lab, a, b = pair
    out = lab.run(a, [ROOT / 'build/bench/seqload', '--from', a, '--to', b, '--address', '10.78.9.2', '--seconds', 1]).stdout
    report = json.loads(out)
    assert report['received'] == report['sent'] > 1000
    assert report['lost'] == report['reordered'] == report['duplicates'] == report['stalls'] == 0


def test_seqload_tells_what_was_lost(pair):
    """The wire is cut by taking the address away that the packets are for: all that was sent is lost, window after window."""
    lab, a, b = pair
    call(['ip', '-n', a, 'neigh', 'add', '10.78.9.9', 'lladdr', '02:f1:00:00:00:09', 'dev', 'va'])
    out = lab.run(a, [ROOT / 'build/bench/seqload', '--from', a, '--to', b, '--address', '10.78.9.9', '--seconds', 1, '--window', 64]).stdout
    report = json.loads(out)
    assert report['lost'] == report['sent'] > 64 and report['received'] == 0 and report['stalls'] >= 2


def test_firstframe_times_both_ways(pair):
    lab, a, b = pair
    lab.wire(a, 'fa', b, 'fb')
    words = ['--from', f'{a}:va', '--to', f'{b}:vb', '--floor-from', f'{a}:fa', '--floor-to', f'{b}:fb', '--mac', '02:f1:00:00:00:01']
    report = json.loads(lab.run(a, [ROOT / 'build/bench/firstframe', *words, '--tries', 5, '--idle', 20]).stdout)
    assert len(report['way_us']) == len(report['floor_us']) == 5 and report['way_lost'] == report['floor_lost'] == 0
    assert all(0 < us < 1e6 for us in report['way_us'] + report['floor_us'])


# ---- ends ----

def start(*words):
    return subprocess.Popen([RUN, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def measuring():
    return bool(namespaces('flbench'))


def nothing_left():
    return not namespaces('flbench') and not os.path.exists('/run/fairlead-bench')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(number):
    pages = open('/proc/sys/vm/nr_hugepages').read()
    run = start('--case', 'idle', '--seconds', '30')
    try:
        assert wait_for(measuring, seconds=20)
        second = call([RUN, '--case', 'filter'], check=False)
        assert second.returncode == 1 and 'another bench/run is at work' in second.stderr
        run.send_signal(number)
        run.communicate(timeout=15)
        assert run.returncode != 0
    finally:
        run.kill()
    assert wait_for(nothing_left, seconds=15)
    assert open('/proc/sys/vm/nr_hugepages').read() == pages
