"""The switch: kinds, learning, flooding, and frames that must not pass (IEEE 802.1Q-2022, 8.6 to 8.8)."""
import time

import pytest

from lib import BROADCAST, frame, mac, wait_for

STRANGER = '02:f1:00:00:02:00'
GATEWAY = '02:f1:00:00:01:00'


@pytest.fixture
def host(lab):
    """Three VMs and the wire on an external switch."""
    host = lab.host()
    ports = [host.vm(f'vm{n}', n) for n in (1, 2, 3)]
    host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': ports, 'fdb_entries': 64, 'ageing_s': 10}]))
    return host


def heard(host, counts, marker, act, dropped=None):
    """How many frames with marker reached each place of counts, {place: expected number}, after act()."""
    tags = host.hear({name: [None] * n for name, n in counts.items()}, marker, act, dropped)
    return {name: len(found) for name, found in tags.items()}


def test_a_private_switch_joins_its_vms_and_nobody_else(lab):
    host = lab.host(wire=False)
    host.start(host.config([{'name': 'lonely', 'kind': 'private', 'ports': [host.vm('vm1', 1), host.vm('vm2', 2)]}]))
    assert lab.ping(host.vms['vm1'], '10.77.0.2') == 0
    assert lab.cannot_ping(host.vms['vm1'], '10.77.0.100')


def test_an_internal_switch_has_the_host_too(lab):
    host = lab.host(wire=False)
    own = {'name': 'own', 'nic': 'tap', 'interface': 'flown', 'address': '10.77.0.200/24'}
    host.start(host.config([{'name': 'inside', 'kind': 'internal', 'ports': [own, host.vm('vm1', 1)]}]))
    assert lab.ping(host.namespace, '10.77.0.1') == 0
    assert lab.ping(host.vms['vm1'], '10.77.0.200') == 0


def test_two_switches_are_two_networks(lab):
    host = lab.host()
    outer = {'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': [host.vm('vm1', 1), host.vm('vm2', 2)]}
    inner = {'name': 'lonely', 'kind': 'private', 'ports': [host.vm('vm3', 3), host.vm('vm4', 4)]}
    host.start(host.config([outer, inner]))
    assert lab.ping(host.vms['vm1'], '10.77.0.2') == 0
    assert lab.ping(host.vms['vm3'], '10.77.0.4') == 0
    assert lab.cannot_ping(host.vms['vm1'], '10.77.0.3')


def test_an_unknown_destination_is_flooded(host):
    def act():
        with host.frames('vm1') as out:
            out.send(frame(STRANGER, mac(1), b'anyone?'))
    expected = {'vm2': 1, 'vm3': 1, 'dc': 1}
    assert heard(host, expected, b'anyone?', act) == expected


def test_a_learned_destination_is_reached_alone(host):
    with host.frames('dc') as wire:
        wire.send(frame(BROADCAST, GATEWAY, b'here I am'))
    assert wait_for(lambda: host.fdb().get((GATEWAY, 0)) == 'wire'), host.fdb()

    def act():
        with host.frames('vm1') as out:
            out.send(frame(GATEWAY, mac(1), b'for you'))
    expected = {'vm2': 0, 'vm3': 0, 'dc': 1}
    assert heard(host, expected, b'for you', act) == expected


def test_the_table_shows_where_each_station_is(lab, host):
    for number in (1, 2, 3):
        assert lab.ping(host.vms[f'vm{number}'], '10.77.0.100', count=1) == 0
    table = host.fdb()
    assert {station: table.get((station, 0)) for station in (mac(1), mac(2), mac(3))} == \
        {mac(1): 'vm1', mac(2): 'vm2', mac(3): 'vm3'}
    wire = host.lab.run(host.dc, ['cat', '/sys/class/net/fldc0/address']).stdout.strip()
    assert table.get((wire, 0)) == 'wire'


def test_a_station_is_forgotten_after_the_ageing_time(host):
    """ageing_s is 10; at 5 s it is still known, at 14 s it must be gone."""
    with host.frames('dc') as wire:
        wire.send(frame(BROADCAST, GATEWAY, b'once'))
    assert wait_for(lambda: (GATEWAY, 0) in host.fdb())
    time.sleep(5)
    assert (GATEWAY, 0) in host.fdb()
    assert wait_for(lambda: (GATEWAY, 0) not in host.fdb(), seconds=9)


def test_a_full_table_floods_and_counts(host):
    """200 stations for 64 places: the table never holds more, says so, and the frames pass all the same."""
    def act():
        with host.frames('dc') as wire:
            wire.send(*[frame(BROADCAST, f'02:f1:01:00:00:{n:02x}', b'crowd') for n in range(200)])
            time.sleep(0.2)
    expected = {'vm1': 200}
    assert heard(host, expected, b'crowd', act) == expected
    shown = host.daemon.show('switch', 'show', 'ext')
    assert shown['fdb_used'] <= shown['fdb_entries'] and shown['fdb_full'] > 0


def test_a_source_that_is_not_the_ports_own_is_dropped_and_counted(host):
    def act():
        with host.frames('vm1') as out:
            out.send(*[frame(BROADCAST, mac(2), b'I am vm2')] * 5)
    expected = {'vm2': 0, 'vm3': 0, 'dc': 0}
    assert heard(host, expected, b'I am vm2', act, dropped=('vm1', 'spoofed', 5)) == expected
    assert host.fdb().get((mac(2), 0)) in (None, 'vm2'), 'a spoofed frame must not be learned from'


def test_without_the_source_check_any_source_passes(host):
    host.daemon.cli('port', 'set', 'vm1', '--spoof-check', 'off')

    def act():
        with host.frames('vm1') as out:
            out.send(frame(BROADCAST, STRANGER, b'nested'))
    expected = {'vm2': 1, 'dc': 1}
    assert heard(host, expected, b'nested', act) == expected


@pytest.mark.parametrize('source', ['03:f1:00:00:00:01', '00:00:00:00:00:00'])
def test_a_source_that_no_station_can_have_is_dropped(host, source):
    def act():
        with host.frames('dc') as wire:
            wire.send(frame(BROADCAST, source, b'from a group'))
    expected = {'vm1': 0, 'vm2': 0}
    assert heard(host, expected, b'from a group', act, dropped=('wire', 'bad_source', 1)) == expected


def test_a_frame_for_its_own_port_goes_nowhere(host):
    def act():
        with host.frames('vm1') as out:
            out.send(frame(mac(1), mac(1), b'to myself'))
    expected = {'vm2': 0, 'vm3': 0, 'dc': 0}
    assert heard(host, expected, b'to myself', act, dropped=('vm1', 'same_port', 1)) == expected


@pytest.mark.parametrize('last', [0x00, 0x02, 0x0e])
def test_reserved_group_addresses_are_not_forwarded(host, last):
    """01-80-C2-00-00-00 to -0F (IEEE 802.1Q-2022, table 8-1): spanning tree, LACP, LLDP stay on their link."""
    def act():
        with host.frames('vm1') as out:
            out.send(frame(f'01:80:c2:00:00:{last:02x}', mac(1), b'link only'))
    expected = {'vm2': 0, 'dc': 0}
    assert heard(host, expected, b'link only', act, dropped=('vm1', 'link_local', 1)) == expected


def test_runts_and_noise_are_counted_and_hurt_nobody(lab, host):
    """Frames whose headers lie about their lengths; pings pass before and after."""
    lies = [b'\x45\x00\xff\xff' + b'\0' * 20, b'\x4f' + b'\xff' * 40, b'\x60' + b'\xff' * 30, b'\x45', b'\x46\0\0\x14' + b'\0' * 16]
    with host.frames('dc') as wire:
        for number, payload in enumerate(lies * 20):
            wire.send(frame(BROADCAST, GATEWAY, payload, ethertype=0x86dd if payload[:1] == b'\x60' else 0x0800))
    assert lab.ping(host.dc, '10.77.0.1') == 0
