"""`fairlead top`: what a person sees of a running host, and what the keys do, in a terminal that tmux plays."""
import os
import re
import signal
import subprocess
import time

import pytest

from lab import die_with_parent
from lib import BUILD, call, stop, wait_for
from test_ends import children, cpu_s

SEE_S = 10


class Terminal:
    """A terminal of its own with a shell script in it. Its server ends with us, and with it what runs there."""

    def __init__(self, lab, script, width=80, height=24, **environment):
        name = f'tmux{time.monotonic_ns()}'
        self.tmux = ['tmux', '-f', '/dev/null', '-S', lab.folder / name]
        path = lab.folder / f'{name}.sh'
        path.write_text(script)
        own = {key: value for key, value in os.environ.items() if key not in ('NO_COLOR', 'TMUX')}
        self.server = subprocess.Popen([*map(str, self.tmux), '-D'], stdin=subprocess.DEVNULL, env=own, preexec_fn=die_with_parent)
        wait_for((lab.folder / name).exists, SEE_S)
        words = ' '.join(f'{key}={value}' for key, value in {'LC_ALL': 'C.UTF-8', **environment}.items())
        call([*self.tmux, 'new-session', '-d', '-x', width, '-y', height, f'env {words} sh {path}'])

    def keys(self, *keys):
        call([*self.tmux, 'send-keys', *keys])

    def text(self, *options):
        return call([*self.tmux, 'capture-pane', '-p', *options]).stdout

    def resize(self, width, height):
        call([*self.tmux, 'resize-window', '-x', width, '-y', height])

    def see(self, pattern, seconds=SEE_S):
        """Waits until the pattern is on the screen; returns its match."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            match = re.search(pattern, self.text(), re.M)
            if match:
                return match
            time.sleep(0.05)
        raise AssertionError(f'{pattern!r} is not on the screen:\n{self.text()}')

    def close(self):
        stop(self.server)


@pytest.fixture
def terminals(lab):
    """Makes terminals, and takes them away after the test."""
    made = []

    def make(command, **options):
        made.append(Terminal(lab, command, **options))
        return made[-1]
    yield make
    for terminal in made:
        terminal.close()


def top(daemon, *options, rpc=None):
    return ' '.join(map(str, [BUILD / 'fairlead', 'top', '--rpc', rpc or daemon.rpc, '--interval-ms', 200, *options]))


def queue_of(daemon, port):
    return next(q for q in daemon.show('queue', 'list') if q['port'] == port)


def select(terminal, name):
    """Selects the queue of this name: the filter leaves its processor alone, and the first queue that is shown there is it."""
    terminal.keys('/', *name, 'Enter')
    terminal.see(rf'filter: {name}')
    terminal.keys('Home', 'Right')
    terminal.see(rf'^ {name}  queue \d+ on processor')


def test_one_picture_says_who_stands_where(converged):
    text = converged.daemon.cli('top', '--once').stdout
    rows = dict(re.findall(r'^ +(\d+) emu \d .{20,}% +\d+ %(.*)$', text, re.M))
    assert len(rows) == 8, text
    for queue in converged.daemon.show('queue', 'list'):
        assert (queue['port'] or queue['vport']) in rows[str(queue['processor'])].split(), text
    assert re.search(r"^ wire's NIC +[█▒·#+.]+ +\d+ %", text, re.M), text
    assert 'books balance' in text


def test_a_program_reads_the_same(lab, converged):
    pings = lab.spawn(converged.dc, ['ping', '-n', '-q', '-i', '0.01', '-c', '500', '10.77.0.12'])
    try:
        seen = wait_for(lambda: busy_picture(converged.daemon), 10)
    finally:
        pings.terminate()
    queues = {q['name']: q for q in seen['queues']}
    assert queues['vm2']['packets_s'] > 20  # 100 requests and 100 replies a second
    assert queues['vm1']['packets_s'] < queues['vm2']['packets_s']
    assert {p['id']: p['queues'] for p in seen['processors']} == {p['id']: p['queues'] for p in converged.daemon.show('processor', 'list')}
    assert seen['adapters'][0]['rx_packets_s'] > 10


def busy_picture(daemon):
    seen = daemon.show('top')
    return seen if next(q for q in seen['queues'] if q['name'] == 'vm2')['packets_s'] > 20 else None


def test_without_a_terminal_the_picture_is_printed_once(converged):
    assert 'PROCESSOR' in converged.daemon.cli('top').stdout
    assert converged.daemon.cli('top', '--interval-ms', 1, check=False).returncode == 2
    assert 'vm1' not in converged.daemon.cli('top', '--once', '--filter', 'vm2').stdout


def test_a_queue_is_moved_and_seen_to_move(converged, terminals):
    terminal = terminals(top(converged.daemon))
    select(terminal, 'vm1')
    was = queue_of(converged.daemon, 'vm1')['processor']
    terminal.keys('m', '7', 'Enter')
    terminal.see(r'queue \d+ \(vm1\): moved to processor 7')
    assert queue_of(converged.daemon, 'vm1')['processor'] == 7
    terminal.see(rf'^>? *7 emu .* vm1 ← {was}')
    terminal.see(r'^ vm1  queue \d+ on processor 7')  # the selection goes with it
    terminal.keys('m', '6', '3', 'Enter')
    terminal.see(r'unchanged: no processor 63; the host has processors 0')


def test_vm_queues_go_off_and_on(converged, terminals):
    terminal = terminals(top(converged.daemon))
    terminal.see(r'wire: VMQ')
    terminal.keys('v')
    terminal.see(r'vmq wire: switched off')
    assert not converged.daemon.show('vmq', 'show', 'wire')['enabled']
    terminal.see(r'wire: none')
    terminal.keys('v')
    terminal.see(r'vmq wire: switched on')
    assert converged.daemon.show('vmq', 'show', 'wire')['enabled']


def test_the_keys_say_what_they_did_or_why_not(converged, terminals):
    """Each key that changes something, on a host in mode vmq: RSS is excluded there, the others do what they say."""
    daemon = converged.daemon
    terminal = terminals(top(daemon), width=120)
    terminal.see(r'wire: VMQ')
    terminal.keys('d')
    terminal.see(r'vmq wire: dynamic, queues move by load')
    terminal.see(r'wire: dynamic VMQ')
    assert daemon.show('vmq', 'show', 'wire')['dynamic']
    terminal.keys('r')
    terminal.see(r'rss wire unchanged: ')
    select(terminal, 'vm2')
    terminal.keys('p')
    terminal.see(r'queue \d+ \(vm2\): pinned')
    assert queue_of(daemon, 'vm2')['pinned']
    terminal.see(r' vm2\*')
    terminal.keys('p')
    terminal.see(r'queue \d+ \(vm2\): may be moved by load again')
    assert not queue_of(daemon, 'vm2')['pinned']
    terminal.keys('R')
    terminal.see(r'vrss vm2: switched o')
    terminal.keys('v')
    terminal.see(r'vmq wire: switched off')
    terminal.see(r'wire: none')
    terminal.keys('r')
    terminal.see(r'rss wire: switched on')
    terminal.see(r'wire: RSS numa-static')
    assert daemon.show('rss', 'show', 'wire')['enabled']
    terminal.keys('r')
    terminal.see(r'rss wire: switched off')
    terminal.see(r'wire: RSS off')


def test_who_may_only_read_is_told_so(converged, terminals):
    terminal = terminals(top(converged.daemon, rpc=converged.daemon.folder / 'fairlead-ro.sock'))
    terminal.see(r'books balance')
    terminal.keys('v')
    terminal.see(r'unchanged: this socket is for reading')
    assert converged.daemon.show('vmq', 'show', 'wire')['enabled']


def test_it_survives_the_daemon(converged, terminals):
    terminal = terminals(top(converged.daemon))
    terminal.see(r'books balance')
    converged.daemon.stop()
    terminal.see(r'no daemon; trying again')
    terminal.keys('v')  # nothing to ask
    terminal.see(r'no daemon')
    converged.start(converged.config_path.read_text())
    terminal.see(r'^ h help +q quit')
    terminal.see(r'vm3')


def test_a_paused_one_looks_for_a_lost_daemon_too(converged, terminals):
    """The picture stays what it was, of the former daemon; going on shows the next one's."""
    terminal = terminals(top(converged.daemon))
    terminal.see(r'books balance')
    terminal.keys('Space')
    terminal.see(r'PAUSED')
    converged.daemon.stop()
    terminal.see(r'no daemon; trying again')
    converged.start(converged.config_path.read_text())
    terminal.see(r'^ h help +q quit')
    assert 'PAUSED' in terminal.text()
    assert 'vm3' in terminal.text()
    terminal.keys('Space')
    terminal.see(r'books balance')
    assert 'PAUSED' not in terminal.text()


def test_a_daemon_that_is_stuck_does_not_stop_the_keys(converged, terminals):
    terminal = terminals(top(converged.daemon))
    terminal.see(r'books balance')
    data_plane, = children(converged.daemon.process.pid)
    os.kill(data_plane, signal.SIGSTOP)
    try:
        terminal.see(r'the daemon has not answered for \d+ s')
        terminal.keys('h')
        terminal.see(r'move the selected queue')
        terminal.keys('h')
    finally:
        os.kill(data_plane, signal.SIGCONT)
    terminal.see(r'^ h help +q quit')


def test_a_move_is_lit_no_longer_than_it_should_be(converged, terminals):
    """However seldom it looks."""
    terminal = terminals(top(converged.daemon).replace('--interval-ms 200', '--interval-ms 2000'))
    terminal.see(r'vm1')
    queue = queue_of(converged.daemon, 'vm1')
    converged.daemon.cli('queue', 'move', queue['id'], '--processor', 7)
    terminal.see(r'vm1 ← ')
    terminal.keys('Space')
    terminal.see(r'PAUSED')
    terminal.see(r'^ +7 emu .* vm1(?! ←)')


def test_any_size_will_do(converged, terminals):
    terminal = terminals(top(converged.daemon))
    terminal.see(r'QUEUES, and their packets')
    for width, height in ((40, 10), (132, 50), (20, 5), (80, 24), (1, 1), (60, 12)):
        terminal.resize(width, height)
        time.sleep(0.3)
        lines = terminal.text().splitlines()
        assert len(lines) <= height and all(len(line) <= width for line in lines), (width, height, lines)
    terminal.resize(100, 30)
    terminal.see(r'^ PROCESSOR +█ busy +▒ waiting +BUSY +WAIT +QUEUES, and their packets/s')
    terminal.see(r"^ wire's NIC")
    terminal.keys('h')
    terminal.see(r'move the selected queue')
    terminal.keys('Escape')
    terminal.see(r"^ wire's NIC")


@pytest.mark.parametrize('environment', [{'TERM': 'vt100'}, {'TERM': 'xterm', 'NO_COLOR': '1'}, {'TERM': 'xterm', 'LC_ALL': 'C'}],
                         ids=['vt100', 'no colour', 'no UTF-8'])
def test_a_plain_terminal_is_enough(converged, terminals, environment):
    terminal = terminals(top(converged.daemon), **environment)
    terminal.see(r'vm3')
    coloured = re.search(r'\x1b\[[0-9;]*(3[0-7]|38)[;m]', terminal.text('-e'))
    assert bool(coloured) == ('LC_ALL' in environment)
    assert terminal.text().isascii() == ('LC_ALL' in environment)


def test_an_unknown_terminal_is_refused_in_words(converged, terminals):
    for term in ('nonsense', 'dumb'):
        terminal = terminals(f'{top(converged.daemon)}; echo status $?; sleep 20', TERM=term)
        terminal.see(r'fairlead: the terminal .* is not known, or cannot move its cursor')
        terminal.see(r'^hint: .*--once')
        terminal.see(r'^status 1')


@pytest.mark.parametrize('how', ['q', 'C-c', 'TERM'])
def test_the_terminal_is_given_back_as_it_was(converged, terminals, how):
    terminal = terminals(f'trap : INT; stty -a | tr -d ";" > {converged.daemon.folder}/before; {top(converged.daemon)}; echo status $?; '
                         f'stty -a | tr -d ";" > {converged.daemon.folder}/after; sleep 20')
    terminal.see(r'books balance')
    if how == 'TERM':
        pid = subprocess.run(['pgrep', '-f', f'^{BUILD}/fairlead top --rpc {converged.daemon.rpc}'], capture_output=True, text=True).stdout
        os.kill(int(pid.split()[0]), 15)
    else:
        terminal.keys(how)
    terminal.see(r'^status 0')
    wait_for(lambda: (converged.daemon.folder / 'after').exists(), 5)
    time.sleep(0.1)
    assert (converged.daemon.folder / 'before').read_text() == (converged.daemon.folder / 'after').read_text()
    assert not re.search(r'PROCESSOR', terminal.text())


def test_the_daemon_is_asked_little(converged, terminals):
    """Ten pictures a second cost the daemon less than a tenth of a core, here with 8 processors and 5 queues."""
    terminal = terminals(top(converged.daemon).replace('--interval-ms 200', '--interval-ms 100'))
    terminal.see(r'books balance')
    pids = children(converged.daemon.process.pid)
    before = sum(cpu_s(pid) for pid in pids)
    time.sleep(3)
    spent = (sum(cpu_s(pid) for pid in pids) - before) / 3
    assert spent < 0.1, f'{spent:.3f} of a core'
