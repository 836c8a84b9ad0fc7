"""./run, the README's first command: it works, it ends, it can be ended at any moment, and only one runs."""
import os
import re
import signal
import subprocess
import time

import pytest

from lib import ROOT, Iperf, call, namespaces, wait_for
from loads import tuple_hash

NAMES = {'flhost', 'fldc', 'flvm1', 'flvm2', 'flvm3'}


def start(*words):
    return subprocess.Popen([ROOT / 'run', *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, start_new_session=True)


def left():
    return NAMES & set(namespaces('fl'))


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert wait_for(lambda: not left() and not os.path.exists('/run/fairlead-run'), seconds=10), f'left behind: {left()}'


def rate_of(act, lines):
    """Of the line that ends an act; nothing was lost in it."""
    line, = [line for line in lines if line.startswith(f'{act}: ')]
    return float(re.match(rf'{act}: ([0-9.]+) Gb/s .*median of [0-9.]+ [0-9.]+ [0-9.]+.*, 0 of [0-9]+ pings lost', line).group(1))


def bars(lines):
    return sum(line.startswith(' processor ') for line in lines)


def test_a_short_run_plays_the_acts_and_ends():
    """8 seconds of traffic for two acts, each ending with its figures; a line compares them."""
    done = call([ROOT / 'run', '--act', 'none', '--act', 'vmq', '--seconds', 8], timeout=50)
    lines = done.stdout.splitlines()
    rates = {act: rate_of(act, lines) for act in ('none', 'vmq')}
    ratio, = [float(re.match(r'vmq moves ([0-9.]+) x what none does', line).group(1)) for line in lines if line.startswith('vmq moves')]
    assert ratio > 1.5, 'three processors in place of a full one: 3 on a quiet machine'
    assert rates['none'] > 0 and abs(ratio / (rates['vmq'] / rates['none']) - 1) < 0.1, 'the rates are rounded to 0.01'
    assert sum('emulated' in line for line in lines) >= 2 and bars(lines) == 2 * 8


@pytest.mark.parametrize('target', ['10.77.0.11', '10.77.0.1'])
def test_sixteen_streams_are_four_for_each_of_four_queues(target):
    """Whatever the figures of an act say, it is not which ports the streams had by chance. Queue: hash modulo 4."""
    for first in Iperf.PORTS:
        queues = [tuple_hash(('10.77.0.100', port, target, 5201)) % 4 for port in range(first, first + 16)]
        assert [queues.count(n) for n in range(4)] == [4, 4, 4, 4], first


@pytest.mark.parametrize('act, says', [('dvmq', r'balanced: \d+ moves, the last \d+ ms after'), ('vrss', r'now: .*vm1\.3 on'),
                                       ('rss', r'with RSS off processor 1 was')])
def test_an_act_shows_itself_before_and_after(act, says):
    """Eight bars before and eight after; it ends with status 0 only when it moved more than before."""
    done = call([ROOT / 'run', '--act', act, '--seconds', 6], timeout=55)
    lines = done.stdout.splitlines()
    assert rate_of(act, lines) > 0 and bars(lines) == 2 * 8
    assert re.search(rf'^{act} moves [0-9.]+ x what was before does', done.stdout, re.M) and re.search(says, done.stdout)


def test_two_pairs_of_nics_do_not_share_processors():
    done = call([ROOT / 'run', '--act', 'pairs', '--seconds', 6], timeout=55)
    storage, vms = re.search(r'^  where: storage: (.*); VMs: (.*)$', done.stdout, re.M).groups()
    used = [set(re.findall(r' on (\d+)', part)) for part in (storage, vms)]
    assert rate_of('pairs', done.stdout.splitlines()) > 0 and all(used) and not used[0] & used[1], used


def test_a_second_run_at_once_is_refused():
    first = start('--act', 'none', '--seconds', '4')
    assert wait_for(left, seconds=15)
    second = call([ROOT / 'run', '--act', 'none', '--seconds', '4'], check=False)
    assert second.returncode == 1
    assert 'another ./run' in second.stderr and str(first.pid) in second.stderr
    first.communicate(timeout=40)
    assert first.returncode == 0


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_takes_everything_away(number):
    run = start('--seconds', '60')
    assert wait_for(left, seconds=15)
    time.sleep(3)
    os.kill(run.pid, number)
    run.communicate(timeout=20)
    assert run.returncode == 130
    assert not left()


@pytest.mark.parametrize('after', [0.0, 0.2, 0.5, 1.0, 3.0])
def test_it_starts_again_after_a_kill(after):
    """Killed that many seconds after its first namespace was there, its guard cleans up; the next one plays."""
    run = start('--seconds', '60')
    assert wait_for(left, seconds=15, pause=0.01)
    time.sleep(after)
    run.kill()
    run.communicate(timeout=20)
    if after != 3.0:
        return
    done = call([ROOT / 'run', '--act', 'none', '--seconds', 4], timeout=50)
    assert '0 of 100 pings lost' in done.stdout


def test_a_namespace_of_somebody_else_is_left_alone():
    """The files in examples/ use the same names, and what is at work in such a namespace is not ours to kill."""
    call(['ip', 'netns', 'add', 'flvm2'])
    process = subprocess.Popen(['ip', 'netns', 'exec', 'flvm2', 'sleep', '60'])
    try:
        done = call([ROOT / 'run', '--seconds', 4], timeout=50, check=False)
        assert done.returncode == 1
        assert 'flvm2' in done.stderr
        assert left() == {'flvm2'}
        assert process.poll() is None
    finally:
        process.kill()
        process.wait(5)
        call(['ip', 'netns', 'del', 'flvm2'])


def test_without_seconds_the_daemon_stays_until_it_is_told_to_go():
    run = start('--act', 'none')
    seen = []
    try:
        for line in run.stdout:
            seen.append(line)
            if 'Ctrl-C ends it' in line:
                break
        rpc = re.search(r'--rpc (\S+)', ''.join(seen)).group(1)
        ports = call([ROOT / 'build/fairlead', '--rpc', rpc, 'port', 'list']).stdout
        assert 'vm1' in ports
    finally:
        os.kill(run.pid, signal.SIGINT)
        run.communicate(timeout=20)
    assert run.returncode == 0
