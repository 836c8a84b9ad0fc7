"""Frames of every length and with every lie in their headers, on every medium: each arrives to the byte, or is counted under a name."""
import random
import struct
from collections import Counter
from contextlib import closing

import pytest

import hostile
from frames import (BYSTANDERS, NOBODY, NUMBERS, SVLAN, VLAN, WIRE_SOURCE, Books, Ear, Exchange, Model, Pings, addresses, compare,
                    data_plane, is_heard, make_host, model, wire_port)
from lib import BROADCAST, mac, mac_bytes, tcp_transfer, wait_for

SEED = 20240607
FROM_NOBODY = NOBODY + bytes(48)
NOISE = random.Random(SEED).randbytes(1 << 19)


def sendable(sender, frame, uplink):
    """What a packet socket takes; at the other end, too, where one stands there, and no provider's tags (packet_socket.c)."""
    return len(frame) >= 14 and (sender != 'wire' or uplink == 'af_xdp' or (is_heard(frame) and frame[12:14] != SVLAN))


@pytest.mark.parametrize('uplink', ['af_xdp', 'af_packet'])
def test_malformed_frames_are_passed_on_as_they_are_or_counted(lab, uplink):
    host = make_host(lab, uplink)
    with Pings(host):
        for sender in ('vm1', 'vm3', 'vm4', 'wire'):
            head = addresses(sender)
            frames = [head + data for data in hostile.table().values()] + hostile.mutations(2000, SEED, head)
            with Exchange(host, model(), sender, deaf=BYSTANDERS) as exchange:
                exchange.send([frame for frame in frames if sendable(sender, frame, uplink)])
                reasons = {reason for _, reason in exchange.check()}
            assert reasons >= {'vlan_denied', 'bad_source', 'no_receiver' if sender == 'wire' else 'runt'}
    assert data_plane(host.daemon) == host.pids


def test_each_address_leads_where_it_must(lab):
    """Groups, reserved ones, nobody, everybody, each station's, as destination and as source, from two VMs and from the wire."""
    host = make_host(lab)
    groups = [f'01:80:c2:00:00:{n:02x}' for n in range(0x22)] + ['01:00:0c:cc:cc:cc', '01:00:5e:00:00:01', '01:1b:19:00:00:00',
                                                              '33:33:00:00:00:01', '03:00:00:00:00:00', BROADCAST]
    others = ['00:00:00:00:00:00', '02:f1:00:00:02:00', *(mac(n) for n in NUMBERS)]
    counted = Counter()
    with Pings(host):
        for as_source in (False, True):
            for sender in ('vm1', 'vm2', 'wire'):
                own = addresses(sender)[6:]
                heads = [NOBODY + mac_bytes(one) if as_source else mac_bytes(one) + own for one in groups + others]
                with Exchange(host, model(), sender, deaf=BYSTANDERS, in_order=False) as exchange:
                    exchange.send([head + b'\x88\xb5' + bytes(46) for head in heads])
                    counted += exchange.check()
    for sender in ('vm1', 'vm2', 'wire'):
        # sixteen reserved destinations (IEEE 802.1Q-2022, table 8-1); as sources 40 groups and the zero address
        assert counted[sender, 'link_local'] == 16 and counted[sender, 'bad_source'] == 41
        assert counted[sender, 'spoofed'] == (len(NUMBERS) if sender == 'vm2' else 0)
        assert counted[sender, 'same_port'] == (sender != 'wire')


def of_length(sender, length, vid=None):
    """A frame of that length, whose bytes tell it from those of other lengths."""
    head = addresses(sender) + (b'' if vid is None else VLAN + vid.to_bytes(2, 'big')) + b'\x88\xb5'
    return (head + NOISE[length:length + length])[:length]


@pytest.mark.parametrize('uplink', ['af_xdp', 'af_packet'])
def test_each_length_arrives_whole_or_is_too_big(lab, uplink):
    """14 bytes, the least that a packet socket sends, to the sender's MTU and its header: 9230, and 1514 or 1518 with a tag."""
    host = make_host(lab, uplink)
    lengths = {('vm5', None): range(14, 9231), ('vm1', None): range(14, 1515), ('vm4', 10): range(18, 1519),
               ('wire', None): range(14, 1515), ('wire', 10): range(20, 1519)}
    with Pings(host):
        for (sender, vid), these in lengths.items():
            with Exchange(host, model(), sender, deaf=BYSTANDERS) as exchange:
                exchange.send([of_length(sender, length, vid) for length in these])
                drops = exchange.check()
            # of those of vm5, 1515 to 9230 are too long for vm1, vm2 and the wire, which are in its VLAN
            assert drops == (Counter({(name, 'too_big'): 7716 for name in ('vm1', 'vm2', 'wire')}) if sender == 'vm5' else Counter())
    assert data_plane(host.daemon) == host.pids


def write_pcap(path, frames):
    """libpcap's own format (pcap-savefile(5)), Ethernet."""
    with open(path, 'wb') as out:
        out.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for frame in frames:
            out.write(struct.pack('<IIII', 0, 0, len(frame), len(frame)) + frame)


def recorded_host(lab, frames, *ports):
    """
    A host whose wire is a file. It is read from the start on, before there are queues and ports: frames that are only counted go
    first, and the processor is slow.
    """
    host = lab.host(wire=False)
    path = lab.folder / 'wire.pcap'
    write_pcap(path, [FROM_NOBODY] * 20000 + frames)
    adapters = [{'name': 'wire', 'uplink': f'pcap:{path}'}]
    switches = [{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': [host.vm(*port, address=[], mtu=9216) for port in ports]}]
    host.start(host.config(switches, adapters, processors={'count': 1, 'speed_percent': 5}))
    return host


def test_a_recorded_wire_plays_frames_that_no_interface_sends(lab):
    """0 to 262,144 bytes, the table and mutations from a file: each is what the wire may not send, or without receiver."""
    lengths = [*range(2200), *range(2200, 65536, 997), 65535, 65536, 100000, 262144]
    frames = [of_length('wire', length) for length in lengths]
    frames += [frame for data in hostile.table().values() for frame in (addresses('wire') + data, (addresses('wire') + data)[:13])]
    frames += hostile.mutations(2000, SEED, addresses('wire'))
    host = recorded_host(lab, frames)
    sender, books = wire_port(), Books(host)
    expected = Counter(reason for frame in frames for _, reason in Model(sender).judge(sender, frame)[1])
    assert wait_for(lambda: books.offered('wire') == 20000 + len(frames), seconds=10)
    found = Counter({reason: count for (_, reason), count in books.drops().items()})
    found['bad_source'] += found.pop('queue_full', 0) - 20000  # of the first, before a processor has the queue
    assert found == expected
    books.close()


def test_a_recorded_wire_delivers_frames_of_many_buffers(lab):
    """2,049 to 9,230 bytes lie in up to five of the uplink's buffers."""
    frames = [mac_bytes(mac(6)) + WIRE_SOURCE + of_length('wire', length)[12:] for length in range(14, 9400, 3)]
    host = recorded_host(lab, frames, ('vm6', 6))
    with Ear(host.vms['vm6'], 'eth0') as ear, closing(Books(host)) as books:
        assert books.offered('wire') < 20000, 'the receiver came too late'
        expected = [frame for frame in frames if len(frame) <= 9230]
        compare('from a file to vm6', ear.take(len(expected), 3), expected)
        assert wait_for(lambda: books.drops().get(('vm6', 'too_big')) == len(frames) - len(expected)), books.drops()
        assert data_plane(host.daemon)


@pytest.mark.parametrize('uplink', ['af_xdp', 'af_packet'])
@pytest.mark.parametrize('mtu', [1400, 1700])
def test_an_uplink_has_the_mtu_of_its_interface(lab, uplink, mtu):
    """What is longer is too big, to the byte; what is not arrives both ways."""
    host = make_host(lab, uplink, mtu=mtu)
    assert host.daemon.show('adapter', 'show', 'wire')['mtu'] == mtu
    for sender, lengths in (('vm5', range(1300, 1900)), ('wire', range(1300, mtu + 15))):
        with Exchange(host, model(mtu), sender, deaf=BYSTANDERS) as exchange:
            exchange.send([of_length(sender, length) for length in lengths])
            drops = exchange.check()
            if sender == 'vm5':
                assert drops['wire', 'too_big'] == 1899 - (mtu + 14)


def test_a_packet_socket_takes_frames_as_they_are_or_not_at_all(lab):
    """
    An af_packet uplink with an MTU of 3,000: what does not fit its ring is not cut, IPv4 fragments are not put together, and a tag of
    802.1ad is not taken for one of ours (src/nic/packet_socket.c).
    """
    host = make_host(lab, 'af_packet', mtu=3000)
    head = addresses('wire')
    with Ear(host.dc, 'fldc0') as wire, Ear(host.vms['vm5'], 'eth0') as vm5, Ear(host.vms['vm3'], 'eth0') as vm3:
        frames = [of_length('wire', length) for length in range(1900, 3015)]
        fragments = [head + hostile.IPV4 + hostile.ip4(NOISE[at:at + 1000], fragment=flags | at // 8)
                     for at, flags in ((0, 0x2000), (1000, 0x2000), (2000, 0))]
        provider = head + SVLAN + b'\0\x0a' + b'\x88\xb5' + bytes(46)
        for frame in (*frames, *fragments, provider):
            wire.socket.send(frame)
        compare('from the wire', vm5.take(2000, 0.3), [frame for frame in frames if len(frame) <= 1982] + fragments)
        assert vm3.take(1, 0) == [], 'VLAN 10 of a provider is not our VLAN 10'


@pytest.mark.parametrize('uplink', ['af_xdp', 'af_packet'])
def test_tcp_from_a_wire_that_joins_segments(lab, uplink):
    """Generic receive offload is on, as on any NIC: 5 MB arrive (of af_packet, they did not within 90 s), and it is on again at the end."""
    host = lab.host()
    lab.run(host.namespace, ['ethtool', '-K', 'flwire0', 'gro', 'on'])
    adapters = [{'name': 'wire', 'uplink': f'{uplink}:flwire0'}]
    host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': [host.vm('vm1', 1)]}], adapters))
    sent, received = tcp_transfer(host.dc, host.vms['vm1'], '10.77.0.1', 5_000_000)
    assert received == sent
    assert host.daemon.stop() == 0
    assert 'generic-receive-offload: on' in lab.run(host.namespace, ['ethtool', '-k', 'flwire0']).stdout
