"""Real guests on vhost ports: Debian's kernels in QEMU, beside namespaces on the same switch."""
import re
import signal

import pytest

from guests import KERNELS, GuestHost, TcpSource, lost, received_from, sent_to, serve, tcp_arrives
from lib import ROOT, TcpSink, call, wait_for

pytestmark = pytest.mark.guest


def pair_host(lab, kernel, mtu=None):
    """Two guests and a namespace on one switch: vm1, vm2 and box at 10.77.0.11, .12 and .13."""
    host = GuestHost(lab)
    more = {'mtu': mtu} if mtu else {}
    host.start(host.switch(host.guest('vm1', 11, kernel, **more), host.guest('vm2', 12, kernel, **more), host.vm('box', 13, **more)))
    host.boot()
    return host


@pytest.fixture(params=KERNELS)
def kernel(request):
    return request.param


@pytest.fixture
def pair(lab, kernel):
    return pair_host(lab, kernel)


@pytest.mark.smoke
def test_two_guests_reach_each_other(lab):
    host = pair_host(lab, next(iter(KERNELS)))
    vm1, vm2 = host.guests.values()
    assert lost(vm1, '10.77.0.12') == 0
    assert tcp_arrives(vm1, vm2, '10.77.0.11')
    assert host.fdb()[('02:f1:00:00:00:0b', 0)] == 'vm1'


@pytest.mark.parametrize('mtu', [1500, 9000])
def test_frames_of_the_whole_mtu_pass(lab, kernel, mtu):
    """IPv4 and ICMP headers are 28 bytes (RFC 791, RFC 792)."""
    host = pair_host(lab, kernel, mtu)
    vm1, vm2 = host.guests.values()
    for machine in (vm1, vm2):
        machine.run(f'ip link set eth0 mtu {mtu}')
    assert lost(vm1, '10.77.0.12', size=mtu - 28) == 0
    assert lost(vm2, '10.77.0.13', size=mtu - 28) == 0
    assert lost(vm1, '10.77.0.11') == 0


def test_a_guest_is_told_its_mtu(lab, kernel):
    """VIRTIO_NET_F_MTU (Virtio 1.2, 5.1.4): the driver takes it without being asked to."""
    host = GuestHost(lab)
    host.start(host.switch(host.guest('vm1', 11, kernel, mtu=9000, device={'host_mtu': 9000}), host.vm('box', 13, mtu=9000)))
    host.boot()
    assert host.guests['vm1'].run('cat /sys/class/net/eth0/mtu').output == '9000\n'
    assert lost(host.guests['vm1'], '10.77.0.13', size=8972) == 0


def mean_frame(host, name, act):
    """What act() returns, and the bytes of a mean frame that a guest sent during it."""
    before = host.port(name)
    result = act()
    after = host.port(name)
    return result, (after['tx_bytes'] - before['tx_bytes']) / (after['tx_packets'] - before['tx_packets'])


@pytest.mark.parametrize('tso', ['on', 'off'])
def test_tcp_between_guests_arrives_as_it_was_sent(pair, tso):
    """With segmentation offload in frames larger than any MTU, without in frames of at most 1514 bytes."""
    vm1, vm2 = pair.guests.values()
    for machine in (vm1, vm2):
        machine.run(f'ethtool -K eth0 tso {tso} gso {tso}')
    for client, server, name, address in ((vm1, vm2, 'vm2', '10.77.0.12'), (vm2, vm1, 'vm1', '10.77.0.11')):
        arrived, mean = mean_frame(pair, name, lambda: tcp_arrives(server, client, address))
        assert arrived
        assert mean > 3000 if tso == 'on' else mean <= 1514


@pytest.mark.parametrize('tso', ['on', 'off'])
def test_tcp_between_a_guest_and_a_namespace_arrives_as_it_was_sent(pair, tso):
    vm1 = pair.guests['vm1']
    vm1.run(f'ethtool -K eth0 tso {tso} gso {tso}')
    pair.lab.run(pair.vms['box'], ['ethtool', '-K', 'eth0', 'tso', tso, 'gso', tso])
    source = TcpSource(pair.vms['box'], '10.77.0.13')
    assert received_from(vm1, '10.77.0.13') == source.digest
    source.join(5)
    sent = serve(vm1)
    sink = TcpSink(pair.vms['box'], '10.77.0.13', 7001)
    sent_to(vm1, '10.77.0.13')
    sink.join(5)
    assert sink.digest.hexdigest() == sent


def test_a_guest_that_merges_no_buffers_hears_large_segments(lab, kernel):
    """Without VIRTIO_NET_F_MRG_RXBUF and without its own TSO on receipt, what the other sends in one piece is cut for it."""
    host = GuestHost(lab)
    plain = {'mrg_rxbuf': 'off', 'guest_tso4': 'off', 'guest_tso6': 'off', 'guest_ecn': 'off', 'guest_ufo': 'off'}
    host.start(host.switch(host.guest('vm1', 11, kernel), host.guest('vm2', 12, kernel, device=plain)))
    host.boot()
    vm1, vm2 = host.guests.values()
    assert tcp_arrives(vm1, vm2, '10.77.0.11')
    assert tcp_arrives(vm2, vm1, '10.77.0.12')


def test_access_ports_keep_guests_apart(lab, kernel):
    host = GuestHost(lab)
    tag = {vid: {'mode': 'access', 'id': vid} for vid in (10, 20)}
    host.start(host.switch(host.guest('vm1', 11, kernel, vlan=tag[10]), host.guest('vm2', 12, kernel, vlan=tag[20]),
                           host.vm('box', 13, vlan=tag[10])))
    host.boot()
    vm1, vm2 = host.guests.values()
    assert lost(vm1, '10.77.0.13') == 0
    assert lost(vm1, '10.77.0.12', count=2, wait=1) == 2
    assert lost(vm2, '10.77.0.13', count=2, wait=1) == 2
    host.daemon.cli('port', 'set', 'vm2', '--vlan', '10')
    vm2.run('ip neigh flush all')  # or the address that nobody answered for stays unreachable for a moment
    assert lost(vm2, '10.77.0.13') == 0


def test_a_guest_that_rebooted_is_there_again(pair):
    vm1, vm2 = pair.guests.values()
    assert lost(vm1, '10.77.0.12') == 0
    vm1.reboot()
    pair.dress('vm1')
    assert lost(vm1, '10.77.0.12') == 0
    assert tcp_arrives(vm1, vm2, '10.77.0.11')


def test_a_guest_that_was_killed_is_there_again(pair):
    """And its end costs the others nothing."""
    vm1, vm2 = pair.guests.values()
    assert lost(vm1, '10.77.0.12') == 0
    vm1.kill()
    assert lost(vm2, '10.77.0.13') == 0
    vm1.start()
    vm1.wait_ready()
    pair.dress('vm1')
    assert lost(vm1, '10.77.0.12') == 0
    assert tcp_arrives(vm1, vm2, '10.77.0.11')


def test_a_guest_that_stands_still_holds_nobody_up(pair):
    vm1, vm2 = pair.guests.values()
    assert lost(vm2, '10.77.0.11') == 0
    vm1.process.send_signal(signal.SIGSTOP)
    assert lost(vm2, '10.77.0.11', count=1, wait=1) == 1
    assert lost(vm2, '10.77.0.13') == 0
    vm1.process.send_signal(signal.SIGCONT)
    assert lost(vm1, '10.77.0.12') == 0


def test_guests_outlive_the_daemon(pair):
    """Killed, and started again with the same configuration: QEMU connects again within a second (reconnect=1)."""
    vm1, vm2 = pair.guests.values()
    assert lost(vm1, '10.77.0.12') == 0
    old = pair.daemon
    old.ended = True
    old.process.kill()
    old.process.wait()
    pair.start(pair.config_path.read_text())
    assert wait_for(lambda: lost(vm1, '10.77.0.12', count=1, wait=1) == 0, seconds=15)
    assert lost(vm1, '10.77.0.12') == 0
    assert lost(vm2, '10.77.0.13') == 0
    assert tcp_arrives(vm1, vm2, '10.77.0.11')


def test_the_daemon_may_be_the_one_that_connects(lab, kernel):
    host = GuestHost(lab)
    host.start(host.switch(host.guest('vm1', 11, kernel, role='client'), host.vm('box', 13)))
    host.boot()
    vm1 = host.guests['vm1']
    assert lost(vm1, '10.77.0.13') == 0
    vm1.kill()
    vm1.start()
    vm1.wait_ready()
    host.dress('vm1')
    assert lost(vm1, '10.77.0.13') == 0


def page_commands():
    """The commands of docs/guests.md that end by themselves."""
    page = (ROOT / 'docs/guests.md').read_text()
    return re.findall(r'^    (scripts/guest-lab run .*)$', page, re.M)


def test_what_the_page_about_guests_says_works(lab):
    """Its configuration, its commands; only the sockets and the interface have other names here."""
    page = (ROOT / 'docs/guests.md').read_text()
    host = GuestHost(lab)
    text = re.search(r'```yaml\n(.*?)```', page, re.S).group(1)
    run_directory = f'{lab.folder}/{host.name}/'
    host.start(text.replace('/run/fairlead/', run_directory))
    commands = page_commands()
    assert len(commands) >= 3
    for command in commands:
        done = call(['sh', '-c', command.replace('/run/fairlead/', run_directory)], timeout=60, cwd=ROOT)
        assert 'was ready after' in done.stderr
