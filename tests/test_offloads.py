"""Checksum and segmentation requests of every size and with every lie, from a VM's NIC: done as asked, or counted as what they are."""
import random
from collections import Counter
from contextlib import closing

import hostile
from frames import NOBODY, VLAN, Books, Ear, Pings, compare, data_plane, make_host
from lib import mac, mac_bytes, wait_for
from offloads import ECN, NEEDS_CSUM, NO_GSO, OffloadEar, Request, cut, finished, large, lie
from test_frames import NOISE, SEED

TO_VM6 = mac_bytes(mac(6)) + mac_bytes(mac(5))
MOST_TCP4 = 65535 - 54  # bytes of payload in a frame that the kernel hands on uncut


def kinds():
    """(IP version, L4 protocol, bytes of headers with the Ethernet header)"""
    return [(4, 6, 54), (6, 6, 74), (4, 17, 42), (6, 17, 62)]


def test_large_frames_of_each_length_pass_uncut_between_vms(lab):
    """One byte of TCP to 65,535 bytes of frame, each seventh length; the same, more coarsely, for IPv6 and UDP."""
    host = make_host(lab)
    books = Books(host)
    with Pings(host):
        out, ear = OffloadEar(host.vms['vm5'], 'eth0'), OffloadEar(host.vms['vm6'], 'eth0')
        for version, kind, headers in kinds():
            step = 7 if (version, kind) == (4, 6) else 211
            sizes = [*range(1, 65535 - headers, step), 65535 - headers]
            for first in range(0, len(sizes), 40):
                made = [large(TO_VM6, version, NOISE[size:2 * size], 1440, kind) for size in sizes[first:first + 40]]
                assert all(out.send(*one) for one in made)
                heard = ear.take(len(made), 1)
                for (request, frame), (got, data) in zip(made, heard):
                    assert data == frame, (version, kind, len(frame), len(data))
                    assert got._replace(hdr_len=0) == request._replace(hdr_len=0)
                assert len(heard) == len(made)
        out.close()
        ear.close()
    assert not books.drops()
    books.close()


def test_large_frames_are_cut_for_the_wire(lab):
    """What arrives there is what RFC 9293 and 768 ask for, to the byte: lengths, numbers, flags and every checksum."""
    host = make_host(lab)
    books = Books(host)
    head = NOBODY + mac_bytes(mac(1))
    out, wire = OffloadEar(host.vms['vm1'], 'eth0'), Ear(host.dc, 'fldc0')
    for version, kind, headers in kinds():
        for length in (1, 999, 1000, 1001, 2000, 2001, 30001, 65535 - headers, *range(5000, 60000, 4999)):
            request, frame = large(head, version, NOISE[length:2 * length], 1000, kind)
            if kind == 6:
                at = request.csum_start + 13
                frame = frame[:at] + b'\xd9' + frame[at + 1:]  # FIN, PSH, ACK, ECE, CWR
                request = request._replace(gso_type=request.gso_type | (ECN if request.gso_type else 0))
            assert out.send(request, frame)
            expected = cut(frame, request._replace(gso_type=request.gso_type & ~ECN))
            compare(f'IPv{version}, protocol {kind}, {length} bytes', wire.take(len(expected), 1), expected)
    assert not books.drops()
    for thing in (out, wire, books):
        thing.close()


def test_segments_longer_than_a_receivers_mtu_are_too_big(lab):
    """8,000 bytes a segment: for vm6, which has an MTU of 9,216; not for vm1, vm2 and the wire."""
    host = make_host(lab)
    books = Books(host)
    out, ear = OffloadEar(host.vms['vm5'], 'eth0'), OffloadEar(host.vms['vm6'], 'eth0')
    made = [large(NOBODY + mac_bytes(mac(5)), version, NOISE[:60000], 8000, kind) for version, kind, _ in kinds()]
    assert all(out.send(*one) for one in made)
    assert [frame for _, frame in ear.take(len(made), 1)] == [frame for _, frame in made]
    assert wait_for(lambda: books.drops() == {(name, 'too_big'): len(made) for name in ('vm1', 'vm2', 'wire')}), books.drops()
    for thing in (out, ear, books):
        thing.close()


def requests_that_lie(random_, head, count):
    """(request, frame, what it is when it arrives with its checksum made, None where it may arrive in pieces)"""
    table = [data for name, data in hostile.table().items() if not name.startswith('tag')]
    for number in range(count):
        if number % 2:
            version, kind, _ = random_.choice(kinds())
            request, frame = large(head, version, NOISE[:random_.choice((0, 1, 100, 1440, 5000, 20000))], 1440, kind)
        else:
            request, frame = Request(NEEDS_CSUM, 0, 0, 0, 34, random_.choice((6, 16))), head + random_.choice(table)
        tag = VLAN + b'\0\0' if random_.random() < 0.3 else b''
        if tag:
            frame = frame[:12] + tag + frame[12:]
            request = request._replace(csum_start=request.csum_start + 4, hdr_len=request.hdr_len and request.hdr_len + 4)
        request = lie(random_, request, len(frame))
        at = request.csum_start + request.csum_offset
        whole = finished(frame, request) if request.gso_type == NO_GSO and at + 2 <= len(frame) else None
        yield request, frame, whole and whole[:12] + whole[12 + len(tag):]


def test_requests_that_lie_cost_their_frame_at_most(lab):
    """
    6,000 requests, as far as the kernel lets them through, before frames of the table and before good ones. Each frame that reaches
    us is flooded or counted; where only a checksum was asked for, vm6 and the wire hear the frame with that checksum in it.
    """
    host = make_host(lab)
    head = NOBODY + mac_bytes(mac(5))
    with closing(Books(host)) as books, OffloadEar(host.vms['vm5'], 'eth0') as out, OffloadEar(host.vms['vm6'], 'eth0') as vm6, \
            Ear(host.dc, 'fldc0') as wire, Pings(host):
        offered = books.offered('vm5')
        taken, expected, heard = 0, [], []
        for request, frame, whole in requests_that_lie(random.Random(SEED), head, 6000):
            if out.send(request, frame):
                taken += 1
                expected += [whole] if whole else []
                heard += vm6.take(1000, 0) if taken % 50 == 0 else []
        end = head + b'\x88\xb5' + b'the end'.ljust(46)
        assert out.send(Request(), end)
        as_heard = {'wire': wire.take_until(end)}
        heard += vm6.take_until((Request(), end))
        reached = books.offered('vm5') - offered - 1
        drops = books.drops()
        ended = sum(count for (port, _), count in drops.items() if port in ('vm5', 'vm6'))
        assert len(heard) == reached - ended
        as_heard['vm6'] = [finished(frame, request) for request, frame in heard]
        for name, most in (('vm6', 9230), ('wire', 1514)):
            missing = Counter(frame for frame in expected if len(frame) <= most) - Counter(as_heard[name])
            assert missing.total() <= ended, f'{name}: {missing.total()} are not as they should be, as {next(iter(missing)).hex()}'
        assert data_plane(host.daemon) == host.pids
