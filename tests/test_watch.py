"""`fairlead vmq watch`: moves of queues as they happen, one line each, until it is interrupted."""
import json
import re
import signal
import subprocess

import pytest

from lib import BUILD, Rpc, wait_for


class Watch:
    """A command that runs beside the test; its lines are read as they come."""

    def __init__(self, host, *options):
        self.process = subprocess.Popen([BUILD / 'fairlead', '--rpc', host.daemon.rpc, 'vmq', 'watch', *options], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, number=signal.SIGINT):
        """(exit status, lines)"""
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=5)
        return self.process.returncode, out.splitlines()


@pytest.fixture
def watch(converged):
    running = []

    def start(*options):
        running.append(Watch(converged, *options))
        return running[-1]
    yield start
    for one in running:
        one.process.kill()
        one.process.communicate()


def move(host, queue):
    """To the next processor; (from, to)."""
    now = host.daemon.show('queue', 'show', queue)['processor']
    host.daemon.cli('queue', 'move', queue, '--processor', (now + 1) % 8)
    return now, (now + 1) % 8


def last(host):
    with Rpc(host.daemon.rpc) as rpc:
        return max([event['serial'] for event in rpc.call('vmq.watch')['result']], default=0)


def test_a_move_is_told_once_and_as_it_happens(converged, watch):
    moved = move(converged, 1)
    since = last(converged)
    people, program = watch('--since', str(since)), watch('--json')
    first = json.loads(program.process.stdout.readline())
    assert (first['queue'], first['from'], first['to'], first['why']) == (1, *moved, 'by-hand'), 'what was before comes first'
    moves = [move(converged, 1), move(converged, 2)]
    for queue, (start, to) in zip((1, 2), moves):
        line = people.process.stdout.readline()
        assert f'queue {queue}: processor {start} -> {to}, by-hand: it was moved by hand' in line
        event = json.loads(program.process.stdout.readline())
        assert (event['queue'], event['from'], event['to']) == (queue, start, to)
    assert people.end() == (0, []) and program.end(signal.SIGTERM) == (0, []), 'each once'


def test_it_ends_with_the_daemon_and_when_nobody_reads(converged, watch):
    unread = watch('--json')
    unread.process.stdout.close()
    move(converged, 1)
    assert wait_for(lambda: unread.process.poll() is not None)
    deserted = watch()
    assert converged.daemon.stop() == 0
    assert wait_for(lambda: deserted.process.poll() is not None)
    assert deserted.process.returncode == 1 and re.search('no daemon answers|connection to the daemon on .* broke', deserted.process.stderr.read())


def test_an_adapter_that_nobody_has_is_refused(converged):
    done = converged.daemon.cli('vmq', 'watch', 'wirr', check=False)
    assert done.returncode == 1 and "did you mean 'wire'?" in done.stderr
