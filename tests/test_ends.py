"""Ends of every kind: asked for, killed, half started. Nothing stays, and a new start works."""
import os
import signal
import time

import pytest

from lib import BUILD, call, pids_in, wait_for


def children(pid):
    out = call(['ps', '-o', 'pid=', '--ppid', pid], check=False).stdout
    return [int(word) for word in out.split()]


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_zero(converged, number):
    converged.daemon.process.send_signal(number)
    converged.daemon.ended = True
    assert converged.daemon.process.wait(5) == 0
    assert not converged.daemon.rpc.exists()


def test_a_killed_data_plane_takes_its_interfaces_along(lab, converged):
    """The keeper notices, removes what it made, and ends with a status that says so; then a new daemon starts."""
    daemon = converged.daemon
    data_plane, = children(daemon.process.pid)
    os.kill(data_plane, signal.SIGKILL)
    daemon.ended = True
    assert daemon.process.wait(5) != 0
    assert 'data plane died' in daemon.last_words() and 'signal=9' in daemon.last_words()
    assert wait_for(lambda: 'eth0:' not in lab.run(converged.vms['vm1'], ['ip', 'link']).stdout, seconds=5)
    assert not daemon.rpc.exists()
    converged.start(converged.config_path.read_text())
    assert lab.ping(converged.dc, '10.77.0.11') == 0


def test_a_killed_keeper_takes_the_data_plane_along(lab, converged):
    daemon = converged.daemon
    data_plane, = children(daemon.process.pid)
    daemon.process.kill()
    daemon.ended = True
    assert wait_for(lambda: not os.path.exists(f'/proc/{data_plane}') or zombie(data_plane), seconds=5)
    # a thread of it may still be closing descriptors
    assert wait_for(lambda: 'eth0:' not in lab.run(converged.vms['vm1'], ['ip', 'link']).stdout, seconds=5)
    converged.start(converged.config_path.read_text())
    assert lab.ping(converged.dc, '10.77.0.11') == 0


def zombie(pid):
    try:
        with open(f'/proc/{pid}/stat') as stat:
            return stat.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except FileNotFoundError:
        return True


def test_kills_during_the_start_leave_nothing_that_hinders_the_next(lab, converged):
    """Ten starts, each killed at another moment of its first quarter of a second."""
    text = converged.config_path.read_text()
    assert converged.daemon.stop() == 0
    for step in range(10):
        daemon = converged.start(text, wait=False)
        time.sleep(step * 0.025)
        daemon.process.kill()
        daemon.ended = True
        daemon.process.wait(5)
        assert wait_for(lambda: not pids_in(converged.namespace), seconds=5)
    converged.start(text)
    assert lab.ping(converged.dc, '10.77.0.11') == 0


def test_two_daemons_run_side_by_side(lab):
    """Two hosts with their own wires, at once, one ends; the other does not notice."""
    hosts = [lab.host('a'), lab.host('b')]
    for host in hosts:
        ports = [host.vm('vm1', 1), host.vm('vm2', 2)]
        host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': ports}]))
    for host in hosts:
        assert lab.ping(host.vms['vm1'], '10.77.0.100') == 0
    assert hosts[0].daemon.stop() == 0
    assert lab.ping(hosts[1].vms['vm1'], '10.77.0.2') == 0
    assert hosts[1].daemon.show('port', 'list')


def test_a_second_daemon_of_the_same_name_is_told_so_and_does_no_harm(lab, converged):
    """Not that its ports exist already, with the hint to delete them: they are the first one's."""
    daemon = converged.daemon
    second = call([BUILD / 'fairleadd', '--config', converged.config_path, '--rpc', daemon.rpc], check=False)
    assert second.returncode == 1
    assert 'cannot listen' in second.stderr and 'another daemon listens there' in second.stderr
    assert lab.ping(converged.dc, '10.77.0.11') == 0


def test_an_idle_daemon_costs_almost_nothing(lab):
    """Sleeping processors: below 2 % of a core over three seconds (a poller takes 100 %)."""
    host = lab.host()
    ports = [host.vm(f'vm{n}', n) for n in (1, 2, 3)]
    host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': ports}]))
    time.sleep(0.5)
    pids = [host.daemon.process.pid, *children(host.daemon.process.pid)]
    before = sum(cpu_s(pid) for pid in pids)
    time.sleep(3)
    assert sum(cpu_s(pid) for pid in pids) - before < 0.02 * 3


def cpu_s(pid):
    with open(f'/proc/{pid}/stat') as stat:
        fields = stat.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
