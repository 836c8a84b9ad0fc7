"""VLANs: access ports are apart, trunks carry tags, what is not allowed is dropped and counted (IEEE 802.1Q)."""
import pytest

from lib import BROADCAST, frame, mac, tcp_transfer, wait_for


@pytest.fixture
def host(lab):
    """vm1, vm2 in VLAN 10; vm3 in VLAN 20; vm4 untagged; vm5 a trunk of 10, 30, 31 and 40, which is native."""
    host = lab.host()
    access = [host.vm(f'vm{n}', n, vlan={'mode': 'access', 'id': vid}) for n, vid in ((1, 10), (2, 10), (3, 20))]
    trunk = host.vm('vm5', 5, vlan={'mode': 'trunk', 'ids': [10, '30-31', 40], 'native': 40})
    host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': [*access, host.vm('vm4', 4), trunk]}]))
    return host


def test_one_vlan_is_one_network(lab, host):
    assert lab.ping(host.vms['vm1'], '10.77.0.2') == 0


@pytest.mark.parametrize('other', ['10.77.0.3', '10.77.0.4', '10.77.0.100'])
def test_another_vlan_cannot_be_reached(lab, host, other):
    assert lab.cannot_ping(host.vms['vm1'], other)


def sending(host, name, *frames):
    """What sends these frames from that place when it is called."""
    def act():
        with host.frames(name) as out:
            out.send(*frames)
    return act


def test_a_broadcast_stays_in_its_vlan(host):
    """vm1 broadcasts in VLAN 10: vm2 sees it plain, the trunk vm5 and the wire with tag 10, vm3 and vm4 not at all."""
    expected = {'vm2': [None], 'vm3': [], 'vm4': [], 'vm5': [10], 'dc': [10]}
    act = sending(host, 'vm1', frame(BROADCAST, mac(1), b'to all of ten'))
    assert host.hear(expected, b'to all of ten', act) == expected


def test_a_tagged_frame_from_the_wire_reaches_its_vlan_alone(host):
    expected = {'vm1': [], 'vm2': [], 'vm3': [None], 'vm4': []}
    act = sending(host, 'dc', frame(BROADCAST, '02:f1:00:00:01:00', b'twenty', vlan=20))
    assert host.hear(expected, b'twenty', act) == expected


@pytest.mark.parametrize('vlan, at_vm2, at_dc', [(10, [None], [10]), (30, [], [30]), (None, [], [40]), (40, [], [40])])
def test_a_trunk_sends_in_the_vlans_that_it_names(host, vlan, at_vm2, at_dc):
    """Untagged frames of the trunk are its native VLAN's, 40; that one may carry its tag, too."""
    expected = {'vm2': at_vm2, 'dc': at_dc}
    act = sending(host, 'vm5', frame(BROADCAST, mac(5), b'from the trunk', vlan=vlan))
    assert host.hear(expected, b'from the trunk', act) == expected


def test_the_native_vlan_leaves_a_trunk_untagged(host):
    expected = {'vm5': [None]}
    act = sending(host, 'dc', frame(BROADCAST, '02:f1:00:00:01:00', b'native', vlan=40))
    assert host.hear(expected, b'native', act) == expected


@pytest.mark.parametrize('name, number, vlan', [('vm5', 5, 20), ('vm1', 1, 20), ('vm4', 4, 10)])
def test_a_vlan_that_a_port_does_not_have_is_dropped_and_counted(host, name, number, vlan):
    act = sending(host, name, *[frame(BROADCAST, mac(number), b'not allowed', vlan=vlan)] * 3)
    assert host.hear({'dc': []}, b'not allowed', act, dropped=(name, 'vlan_denied', 3)) == {'dc': []}


def test_a_priority_tag_is_no_vlan(host):
    """VID 0 with PCP 5 (802.1Q, 9.6): the frame is the port's own VLAN's, as if it had no tag."""
    act = sending(host, 'vm1', frame(BROADCAST, mac(1), b'urgent', vlan=5 << 13))
    assert len(host.hear({'vm2': [None]}, b'urgent', act)['vm2']) == 1


def test_a_port_changes_its_vlan(lab, host):
    assert lab.cannot_ping(host.vms['vm3'], '10.77.0.1')
    host.daemon.cli('port', 'set', 'vm3', '--vlan', '10')
    assert wait_for(lambda: lab.ping(host.vms['vm3'], '10.77.0.1', count=1) == 0)
    host.daemon.cli('port', 'set', 'vm3', '--untagged')
    assert wait_for(lambda: lab.ping(host.vms['vm3'], '10.77.0.4', count=1) == 0)


def test_tcp_between_two_hosts_keeps_its_vlan_and_its_bytes(lab):
    """Two daemons with one wire between them: VLAN 10 crosses it with its tag, large segments cut, both ways (hash of 20 MB)."""
    hosts = [lab.host(name, wire=False) for name in ('a', 'b')]
    lab.wire(hosts[0].namespace, 'flwire0', hosts[1].namespace, 'flwire0')
    for number, host in enumerate(hosts, 1):
        ports = [host.vm('vm1', number, vlan={'mode': 'access', 'id': 10}), host.vm('vm2', number + 4)]
        adapters = [{'name': 'wire', 'uplink': 'af_xdp:flwire0', 'mode': 'vmq'}]
        host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': ports}], adapters))
    a, b = (host.vms['vm1'] for host in hosts)
    for source, target, address in ((a, b, '10.77.0.2'), (b, a, '10.77.0.1')):
        sent, received = tcp_transfer(source, target, address, 20_000_000)
        assert received == sent
    assert lab.cannot_ping(a, '10.77.0.6'), 'vm2 of the other host is in no VLAN'
