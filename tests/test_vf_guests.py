"""Real guests on virtual functions: Debian's unmodified ixgbevf in QEMU, beside namespaces, vhost guests and a wire."""
import re

import pytest

from guests import KERNELS, GuestHost, TcpSource, lost, received_from, sent_to, serve, tcp_arrives
from lib import TcpSink, wait_for

pytestmark = pytest.mark.guest
RELOAD = 'rmmod ixgbevf; insmod /lib/modules/ixgbevf.ko'
UP = 'for i in $(seq 100); do [ "$(cat /sys/class/net/eth0/carrier 2>/dev/null)" = 1 ] && exit; sleep 0.1; done; exit 1'


@pytest.fixture(params=KERNELS)
def kernel(request):
    return request.param


def vf_host(lab, kernel, **port):
    """A guest with a VF and a namespace on the switch behind it: vm1 and box at 10.77.0.11 and .13."""
    host = GuestHost(lab)
    host.start(host.wired(host.vf('vm1', 11, kernel, **port), host.vm('box', 13)))
    host.boot()
    host.guests['vm1'].run(UP)
    return host


def counted(text):
    """{name: number} of what ethtool -S prints."""
    return {name: int(value) for name, value in re.findall(r'^ *(\S+): (\d+)$', text, re.MULTILINE)}


def test_the_drivers_own_words(lab, kernel):
    """What ethtool says of it: the driver, offloads, counters, the indirection table, the link and its own test of it."""
    vm1 = vf_host(lab, kernel, cpus=2).guests['vm1']
    assert 'driver: ixgbevf' in vm1.run('ethtool -i eth0').output
    assert vm1.run('cat /sys/class/net/eth0/address').output == '02:f1:00:00:00:0b\n'
    offloads = dict(re.findall(r'^([\w-]+): (\w+)', vm1.run('ethtool -k eth0').output, re.MULTILINE))
    assert [offloads[name] for name in ('rx-checksumming', 'tx-checksumming', 'scatter-gather', 'tcp-segmentation-offload')] == ['on'] * 4
    assert 'Speed: 10000Mb/s' in vm1.run('ethtool eth0').output
    assert 'PASS' in vm1.run('ethtool -t eth0 online').output
    assert len(re.findall(r'^ +\d+:((?: +[01])+)$', vm1.run('ethtool -x eth0').output, re.MULTILINE)) == 8  # 64 entries, 8 a line
    assert 'tx_timeout_count' in counted(vm1.run('ethtool -S eth0').output)


@pytest.mark.smoke
def test_a_guest_with_a_vf_and_a_namespace_reach_each_other(lab):
    host = vf_host(lab, next(iter(KERNELS)))
    assert lost(host.guests['vm1'], '10.77.0.13') == 0
    assert lab.ping(host.vms['box'], '10.77.0.11') == 0


@pytest.mark.parametrize('tso', ['on', 'off'])
def test_tcp_of_a_vf_arrives_as_it_was_sent(lab, kernel, tso):
    host = vf_host(lab, kernel)
    vm1, box = host.guests['vm1'], host.vms['box']
    vm1.run(f'ethtool -K eth0 tso {tso} gso {tso}')
    lab.run(box, ['ethtool', '-K', 'eth0', 'tso', tso, 'gso', tso])
    source = TcpSource(box, '10.77.0.13')
    assert received_from(vm1, '10.77.0.13') == source.digest
    source.join(5)
    sent = serve(vm1)
    sink = TcpSink(box, '10.77.0.13', 7001)
    sent_to(vm1, '10.77.0.13')
    sink.join(5)
    assert sink.digest.hexdigest() == sent
    errors = counted(vm1.run('ethtool -S eth0').output)
    assert {name: count for name, count in errors.items() if 'csum' in name and 'err' in name and count} == {}


def test_two_vfs_and_a_vhost_guest_reach_each_other(lab, kernel):
    host = GuestHost(lab)
    host.start(host.wired(host.vf('vm1', 11, kernel), host.vf('vm2', 12, kernel), host.guest('vm3', 14, kernel)))
    host.boot()
    vm1, vm2, vm3 = host.guests.values()
    for machine in (vm1, vm2):
        machine.run(UP)
    assert [lost(vm1, '10.77.0.12'), lost(vm1, '10.77.0.14'), lost(vm3, '10.77.0.12')] == [0, 0, 0]
    assert tcp_arrives(vm1, vm2, '10.77.0.11')
    assert tcp_arrives(vm3, vm2, '10.77.0.14')
    assert tcp_arrives(vm2, vm3, '10.77.0.12')


def test_a_vf_and_the_wire_reach_each_other(lab, kernel):
    host = GuestHost(lab, wire=True)
    host.start(host.wired(host.vf('vm1', 11, kernel), uplink='af_packet:flwire0'))
    host.boot()
    vm1 = host.guests['vm1']
    vm1.run(UP)
    assert lost(vm1, '10.77.0.100') == 0
    source = TcpSource(host.dc, '10.77.0.100')
    assert received_from(vm1, '10.77.0.100') == source.digest
    source.join(5)


def test_frames_of_9000_bytes_pass(lab, kernel):
    """IPv4 and ICMP headers are 28 bytes (RFC 791, RFC 792)."""
    host = GuestHost(lab)
    host.start(host.wired(host.vf('vm1', 11, kernel), host.vm('box', 13, mtu=9000)))
    host.boot()
    vm1 = host.guests['vm1']
    vm1.run('ip link set eth0 mtu 9000')
    vm1.run(UP)
    assert lost(vm1, '10.77.0.13', size=8972) == 0
    vm1.run('ip link set eth0 mtu 1500')
    vm1.run(UP)
    assert lost(vm1, '10.77.0.13') == 0


def test_a_vlan_interface_of_the_guest_reaches_that_vlan(lab, kernel):
    host = GuestHost(lab)
    host.start(host.wired(host.vf('vm1', 11, kernel, vlan={'mode': 'trunk', 'ids': [10], 'native': 0}),
                          host.vm('box', 13, vlan={'mode': 'access', 'id': 10})))
    host.boot()
    vm1 = host.guests['vm1']
    vm1.run(UP)
    vm1.run('ip address flush dev eth0; ip link add link eth0 name v10 type vlan id 10; ip link set v10 up; '
            'ip address add 10.77.0.11/24 dev v10')
    assert lost(vm1, '10.77.0.13') == 0


def test_a_transparent_vlan_is_unseen_by_the_guest(lab, kernel):
    host = GuestHost(lab)
    host.start(host.wired(host.vf('vm1', 11, kernel, vlan={'mode': 'access', 'id': 10}), host.vm('box', 13, vlan={'mode': 'access', 'id': 10}),
                          host.vm('other', 14)))
    host.boot()
    vm1 = host.guests['vm1']
    vm1.run(UP)
    assert lost(vm1, '10.77.0.13') == 0
    assert lost(vm1, '10.77.0.14', count=2, wait=1) == 2


def test_two_queues_have_interrupts_of_their_own(lab, kernel):
    host = vf_host(lab, kernel, cpus=2)
    vm1, box = host.guests['vm1'], host.vms['box']
    assert vm1.run('ls -d /sys/class/net/eth0/queues/rx-* | wc -l').output == '2\n'
    for address in range(20, 36):  # sources that the hash tells apart
        lab.run(box, ['ip', 'address', 'add', f'10.77.0.{address}/24', 'dev', 'eth0'])
        lab.run(box, ['ping', '-q', '-c', '3', '-i', '0.02', '-I', f'10.77.0.{address}', '10.77.0.11'])
    lines = [line.split() for line in vm1.run('grep eth0 /proc/interrupts').output.splitlines()]
    counts = {line[-1]: sum(int(word) for word in line[1:3]) for line in lines}
    assert len(counts) == 3
    assert all(count > 10 for name, count in counts.items() if 'TxRx' in name), counts


def test_the_driver_comes_and_goes_under_traffic(lab, kernel):
    host = vf_host(lab, kernel)
    vm1, box = host.guests['vm1'], host.vms['box']
    ping = lab.spawn(box, ['ping', '-q', '-i', '0.002', '-w', '120', '10.77.0.11'])
    for _ in range(10):
        vm1.run(RELOAD, seconds=60)
        host.dress('vm1')
        vm1.run(UP)
    ping.terminate()
    assert lost(vm1, '10.77.0.13') == 0
    assert not re.search(r'WARNING|BUG|Oops|Hang', vm1.run('dmesg').output)


def test_a_guest_reboots_and_qemu_is_killed(lab, kernel):
    host = vf_host(lab, kernel)
    vm1 = host.guests['vm1']
    vm1.reboot()
    host.dress('vm1')
    vm1.run(UP)
    assert lost(vm1, '10.77.0.13') == 0
    vm1.kill()
    assert wait_for(lambda: host.port('vm1')['state'] == 'no client')
    vm1.start()
    vm1.wait_ready()
    host.dress('vm1')
    vm1.run(UP)
    assert lost(vm1, '10.77.0.13') == 0


@pytest.mark.parametrize('model', ['82599_hv', 'x550_hv', '82599', 'x540'])
def test_other_models_carry_traffic(lab, model):
    host = vf_host(lab, '6.12', model=model)
    vm1 = host.guests['vm1']
    assert vm1.run('cat /sys/class/net/eth0/address').output == '02:f1:00:00:00:0b\n'
    assert lost(vm1, '10.77.0.13', size=1472) == 0
    vlan = vm1.run('ip link add link eth0 name v10 type vlan id 10', check=False)
    assert (vlan.status != 0) == model.endswith('_hv')


def test_the_host_changes_a_vf_while_it_runs(lab, kernel):
    host = vf_host(lab, kernel)
    vm1 = host.guests['vm1']
    host.daemon.cli('vf', 'set', 'vm1', '--link', 'off')
    assert wait_for(lambda: vm1.run('cat /sys/class/net/eth0/carrier').output == '0\n', 5)
    host.daemon.cli('vf', 'set', 'vm1', '--link', 'on')
    vm1.run(UP)
    assert lost(vm1, '10.77.0.13') == 0
    assert vm1.run('ip link set eth0 address 02:f1:00:00:00:aa', check=False).status != 0
    host.daemon.cli('vf', 'set', 'vm1', '--trust', 'on')
    vm1.run('ip link set eth0 address 02:f1:00:00:00:aa')
    assert lost(vm1, '10.77.0.13') == 0
