"""Guests that do everything wrong with their rings and frames, and changes under full traffic; around each test the same must hold
as in test_vm_hostile.py.
"""
import contextlib
import os
import random
import struct
import time
from collections import Counter
from contextlib import ExitStack, closing

import pytest

import vhostclient as vhost
from frames import Books, Ear
from lib import BROADCAST, frame, mac, mac_bytes
from neighbours import BAD, bad_mac, books, comes, configuration, device, host, lab, log_lines, lost_nothing, neighbours, others_are_answered, \
    send, seqload, state, to, traffic, unharmed  # noqa: F401
from vhostclient import Child, HungUp, Memory

FAR = mac_bytes(mac(0x77))  # a station that nobody has


# ---- rings of a live port ----

LOOP, HEAD, ADDRESS = 'a descriptor chain is a loop, or longer than 1024', 'a descriptor index is outside of the ring', \
    "a buffer is not in the guest's memory"
DIRECTION, JUMP = 'a buffer may not be read, or not written, as it has to be', "the available index is more than the ring's size ahead"
INDIRECT = 'an indirect table has no valid size, or is nested'
OUTSIDE = vhost.GPA + (1 << 40)


def own_address(ring, n, flags):
    return ring.address(n)


def breaks():
    """(what, what is done to entry n of a ring, whose buffers have these flags, the fault)"""
    def describe(*fields):
        return lambda ring, n, flags: ring.describe(n, *[field(ring, n, flags) if callable(field) else field for field in fields])

    def table(size, *entries):
        def put(ring, n, flags):
            for k, (address, length, more, following) in enumerate(entries):
                struct.pack_into('<QIHH', ring.memory.map, ring.at(n) + 16 * k, address or ring.address(n), length, flags | more, following)
            ring.describe(n, ring.address(n), size, vhost.TABLE)
        return put
    yield 'a chain that is its own next', describe(own_address, 64, lambda r, n, f: f | vhost.NEXT, lambda r, n, f: n), LOOP
    yield 'two that name each other', lambda r, n, f: [r.describe(a, r.address(a), 64, f | vhost.NEXT, b)
                                                       for a, b in ((n, n ^ 1), (n ^ 1, n))], LOOP
    yield 'empty buffers without an end', describe(own_address, 0, lambda r, n, f: f | vhost.NEXT, lambda r, n, f: n), LOOP
    yield 'a head behind the table', lambda r, n, f: r.head(n, r.size), HEAD
    yield 'the last head there is', lambda r, n, f: r.head(n, 0xffff), HEAD
    yield 'a next behind the table', describe(own_address, 64, lambda r, n, f: f | vhost.NEXT, 0xffff), HEAD
    yield 'an address that is not mapped', describe(OUTSIDE, 64, lambda r, n, f: f), ADDRESS
    yield 'address zero', describe(0, 64, lambda r, n, f: f), ADDRESS
    yield 'a length past the region', describe(lambda r, n, f: r.memory.gpa + r.memory.size - 64, 65, lambda r, n, f: f), ADDRESS
    yield 'an address that wraps', describe(-64, 128, lambda r, n, f: f), ADDRESS
    yield 'four gigabytes', describe(own_address, 0xffffffff, lambda r, n, f: f), ADDRESS
    yield 'the wrong direction', describe(own_address, 64, lambda r, n, f: f ^ vhost.WRITE), DIRECTION
    yield 'more buffers than the ring has', lambda r, n, f: setattr(r, 'idx', r.used_idx + r.size + 1), JUMP
    yield 'an index that is everywhere', lambda r, n, f: setattr(r, 'idx', r.used_idx + 0x8000), JUMP
    yield 'an empty table', table(0), INDIRECT
    yield 'a table of half an entry', table(24, (0, 64, 0, 0)), INDIRECT
    yield 'a table within a table', table(16, (0, 16, vhost.TABLE, 0)), INDIRECT
    yield 'a table that is not mapped', describe(OUTSIDE, 32, vhost.TABLE), ADDRESS
    yield 'a table without an end', table(32, (0, 64, vhost.NEXT, 1), (0, 64, vhost.NEXT, 0)), LOOP
    yield 'a next behind a table', table(32, (0, 64, vhost.NEXT, 2), (0, 64, 0, 0)), HEAD


@pytest.mark.parametrize('way', ['transmit', 'receive'])
def test_a_guest_that_breaks_a_ring_loses_that_ring(host, books, way):
    """`port list` says why, the log too, the port's other ring goes on, and the ring comes back when the driver sets it up again."""
    lines = len(log_lines(host))
    with device(host, 'bad0', to(mac(2), 'bad0'), size=32) as guest, device(host, 'peer', frame(bad_mac('bad0'), mac(2))) as peer:
        ring, flags, n = (guest.tx, 0, 1) if way == 'transmit' else (guest.rx, vhost.WRITE, 0)
        for what, destroy, fault in breaks():
            saved = guest.memory.map[ring.desc:ring.used]
            destroy(ring, ring.used_idx % ring.size, flags)
            if way == 'transmit':
                ring.idx = max(ring.idx, ring.used_idx + 1)
                ring.notify()
            peer.tx.publish(1)
            assert comes(lambda: state(host, 'bad0') == f'broken: {fault}', pause=0.005), f'{what}: {state(host, "bad0")}'
            got, dropped = peer.rx.used_idx, books.drops()['bad0', 'port_down']
            if way == 'transmit':
                received = guest.rx.used_idx
                peer.tx.publish(1)
                assert comes(lambda: guest.rx.used_idx != received, pause=0), what
                guest.rx.pump()
            else:
                assert dropped, what
                guest.tx.publish(1)
                assert comes(lambda: peer.rx.used_idx != got, pause=0), what
            peer.rx.pump()
            guest.memory.map[ring.desc:ring.used] = saved
            guest.stop(n)
            ring.reset()
            guest.start(n)
            if way == 'receive':
                ring.pump()
            assert state(host, 'bad0') == 'up', what
    told = f'guest broke a queue, which stands until its driver sets it up again port=bad0 ring={"tx" if way == "transmit" else "rx"}0'
    assert any(told in line for line in log_lines(host)[lines:]), log_lines(host)[lines:]


def test_a_ring_that_cannot_run_says_so(host):
    """Base and index do not fit; then another base does."""
    with device(host, 'bad0', post=False) as guest:
        guest.stop(0)
        guest.rx.idx = 1000
        guest.start(0)
        assert state(host, 'bad0') == f'broken: {JUMP}'
        guest.stop(0)
        guest.start(0, 1000)
        assert state(host, 'bad0') == 'up'


def test_buffers_over_the_rings_own_tables(host):
    """What is received overwrites descriptors, indexes and used entries, of both rings, again and again: at worst it is a broken ring."""
    with device(host, 'peer') as peer:
        peer.fill([frame(bad_mac('bad0'), mac(2), random.Random(n).randbytes(600)) for n in range(256)])
        for number in range(40):
            with device(host, 'bad0', size=64, post=False) as guest:
                tables = [at for ring in guest.rings for at in (ring.desc, ring.avail, ring.used)]
                for n in range(guest.rx.size):
                    guest.rx.describe(n, guest.memory.gpa + tables[(n + number) % len(tables)] + 8 * (number % 3), 1000, vhost.WRITE)
                guest.rx.idx = guest.rx.size
                assert send(peer, 64)
                with contextlib.suppress(HungUp):
                    guest.ask_u64(vhost.GET_FEATURES)


def test_tables_that_change_while_they_are_read(host):
    """A process writes random bits into all that the daemon reads, while both rings run; thirty times."""
    with device(host, 'peer', *[frame(bad_mac('bad0'), mac(2), bytes(n % 1200)) for n in range(256)]) as peer, traffic(peer):
        for number in range(30):
            with device(host, 'bad0', *[to(mac(2), 'bad0', bytes(n * 20)) for n in range(64)], size=64) as guest:
                spots = [at for ring in guest.rings for at in range(ring.desc, ring.used) if at < ring.desc + 16 * 64 or at >= ring.avail]
                random_ = random.Random(number)

                def scribble():
                    at = random_.choice(spots)
                    guest.memory.map[at] ^= 1 << random_.randrange(8)
                    for ring in guest.rings:
                        ring.pump()
                with Child(scribble):
                    time.sleep(0.02)


def test_chains_that_are_no_frames_delay_nobody(host, books):
    """A ring full of the longest chains, of empty buffers or of too many, on the processor of the neighbours' sender."""
    queues = {row['port']: row for row in host.daemon.show('queue', 'list') if row['index'] == 0}
    host.daemon.cli('queue', 'move', str(queues['bad0']['id']), '--processor', str(queues['good0']['processor']))
    for size, reason in ((0, 'runt'), (1, 'too_big')):
        with device(host, 'bad0', room=16384) as guest:
            for n in range(guest.tx.size):
                chain = b''.join(struct.pack('<QIHH', guest.tx.address(n), size, vhost.NEXT if k < 1023 else 0, k + 1) for k in range(1024))
                guest.memory.map[guest.tx.at(n):guest.tx.at(n) + len(chain)] = chain
                guest.tx.describe(n, guest.tx.address(n), len(chain), vhost.TABLE)
            before = books.drops()['bad0', reason]
            with traffic(guest, nice=5):
                time.sleep(0.5)
            assert state(host, 'bad0') == 'up' and books.drops()['bad0', reason] - before > 256


# ---- changes under traffic ----

def test_a_front_end_that_asks_without_end_leaves_others_their_turn(host):
    """Changes on running rings, each of which waits for the lanes, one after the other as fast as they are answered."""
    with device(host, 'bad0', to(mac(2), 'bad0')) as guest, device(host, 'peer') as peer, traffic(guest, listeners=[peer], nice=5):
        def ask():
            for n in (0, 1):
                assert guest.tell(vhost.SET_VRING_ADDR, guest.addresses(n))
                assert guest.tell(vhost.SET_MEM_TABLE, struct.pack('<II', 1, 0) + guest.memory.region(), [guest.memory.fd])
            assert guest.tell(vhost.SEND_RARP, mac_bytes(bad_mac('bad0')) + bytes(2))
            assert guest.tell(vhost.NET_SET_MTU, struct.pack('<Q', 1500))
        with Child(ask, nice=5):
            assert others_are_answered(host)


def test_memory_addresses_kicks_and_calls_change_under_full_traffic(host, books):
    """A thousand changes on running rings, each answered; then frames still go both ways, by all queues, and each frame was a whole one."""
    before = books.drops()
    there, back = ([frame(target, source, bytes(n)) for n in range(256)] for target, source in ((mac(2), bad_mac('bad0')), (bad_mac('bad0'), mac(2))))
    with device(host, 'bad0', *there, pairs=2) as guest, device(host, 'peer', *back) as peer, traffic(guest, peer):
        random_ = random.Random(1)
        spare = Memory(1 << 20, gpa=vhost.GPA << 4, user=vhost.USER << 1)
        table = struct.pack('<II', 2, 0) + guest.memory.region() + spare.region()
        for _ in range(1000):
            n = random_.randrange(4)
            ring = guest.rings[n]
            at, which = ring.used_idx, struct.pack('<Q', n)
            request, payload, fds = random_.choice([
                (vhost.SET_MEM_TABLE, table, [guest.memory.fd, spare.fd]),
                (vhost.SET_MEM_TABLE, struct.pack('<II', 1, 0) + guest.memory.region(), [guest.memory.fd]),
                (vhost.SET_VRING_ADDR, guest.addresses(n), []),
                (vhost.SET_VRING_NUM, struct.pack('<II', n, ring.size), []),
                (vhost.SET_VRING_KICK, which, [ring.kick]),
                (vhost.SET_VRING_CALL, which, [ring.call]),
                (vhost.SET_VRING_CALL, struct.pack('<Q', n | vhost.NO_FD), []),
                (vhost.SET_VRING_ERR, which, [ring.call]),
                (vhost.SET_VRING_ENABLE, struct.pack('<II', n, random_.randrange(2)), []),
                (vhost.SET_FEATURES, struct.pack('<Q', guest.features & ~random_.choice((0, vhost.INDIRECT, vhost.HOST_TSO6))), [])])
            assert guest.tell(request, payload, fds), request
        for n in range(4):
            assert guest.tell(vhost.SET_VRING_ENABLE, struct.pack('<II', n, 1))
        assert state(host, 'bad0') == 'up'
        for ring in (guest.rings[0], guest.rings[1], guest.rings[3]):  # one flow comes by one queue
            at = ring.used_idx
            assert comes(lambda: ring.used_idx != at), 'traffic stands still'
        spare.close()
    drops = books.drops() - before
    assert set(drops) <= {(port, reason) for port in ('bad0', 'peer') for reason in ('receiver_full', 'port_down')}, drops


def test_a_queue_stops_while_the_others_run(host):
    """GET_VRING_BASE of one queue pair of four: that one stands where it says, and goes on from there; the others never stop."""
    with device(host, 'bad1', to(mac(2), 'bad1'), pairs=4, size=64) as guest, device(host, 'peer') as peer, traffic(guest, listeners=[peer]):
        others = [guest.rings[n] for n in (1, 3, 5)]
        for _ in range(20):
            base = {n: guest.stop(n) for n in (7, 6)}
            before = [ring.used_idx for ring in others]
            stands = guest.rings[7].used_idx
            assert comes(lambda: all(ring.used_idx != at for ring, at in zip(others, before)), pause=0.001), 'another queue stands still, too'
            assert guest.rings[7].used_idx == stands == base[7]
            for n, at in base.items():
                guest.start(n, at)
            assert comes(lambda: guest.rings[7].used_idx != stands, pause=0.001)


def test_a_dirty_log_that_comes_and_goes_misses_no_page(host):
    """Each page that received frames and used entries changed while LOG_ALL was on is in the log, also when it went on and off under traffic."""
    with device(host, 'bad2', size=64, room=4096) as guest, device(host, 'bad0', to(bad_mac('bad2'), 'bad0', bytes(1000))) as peer:
        memory, pages = guest.memory, guest.memory.size >> 12
        first = memory.gpa >> 12
        log = Memory(((first + pages) // 8 // 4096 + 1) * 4096)
        features, logged = struct.pack('<Q', guest.features), struct.pack('<Q', guest.features | vhost.LOG_ALL)
        for number in range(20):
            assert len(guest.ask(vhost.SET_LOG_BASE, struct.pack('<QQ', log.size, 0), [log.fd])) == 8
            log.map[:] = bytes(log.size)
            with traffic(peer):  # before it is on, too
                assert guest.tell(vhost.SET_FEATURES, logged)
                assert guest.tell(vhost.SET_VRING_ADDR, guest.addresses(0, 1, memory.gpa + guest.rx.used))
                buffers, blank = slice(guest.rx.buffers, guest.rx.buffers + 64 * 4096), bytes([number]) * 64 * 4096
                before = bytearray(memory.map)
                before[buffers] = blank  # noted before it is written, so that all that comes from now on is a change
                memory.map[buffers] = blank
                count, end = 0, time.monotonic() + 3
                while count < 100 and time.monotonic() < end:
                    count += guest.rx.pump()
                assert count >= 100, 'no frames came'
                after = memory.map[:]
                if number % 2:
                    assert guest.tell(vhost.SET_FEATURES, features)
            own = {guest.rx.avail >> 12}  # the driver's
            changed = {n for n in range(pages) if before[n << 12:n + 1 << 12] != after[n << 12:n + 1 << 12]} - own
            missed = [n for n in changed if not log.map[first + n >> 3] >> (first + n & 7) & 1]
            assert guest.rx.used >> 12 in changed and len(changed) > 1
            assert not missed, f'pages {missed} of {sorted(changed)} are not in the log'
            noted = {page for page in range(len(log.map) * 8) if log.map[page >> 3] >> (page & 7) & 1}
            assert noted <= set(range(first, first + pages)), 'pages that the guest has not got'
            assert guest.tell(vhost.SET_FEATURES, features)
            assert guest.tell(vhost.SET_VRING_ADDR, guest.addresses(0))
        log.close()


# ---- floods ----

def test_a_kick_storm_wakes_nobody_else(host):
    """All eight eventfds of a port are written without end, which keeps its worker awake; numbered frames of others, beside it, all arrive."""
    with device(host, 'bad0', pairs=4, size=16) as guest:
        def storm():
            for ring in guest.rings:
                os.eventfd_write(ring.kick, 1)
        with Child(storm, nice=5), seqload(host, 1) as report:
            assert others_are_answered(host)
        assert lost_nothing(report)
        guest.fill([to(mac(2), 'bad0')])
        assert send(guest, 100)


def test_a_flood_of_broadcasts(host, books):
    """At full speed, to a namespace, a wire, and guests of whom one does not read: those aside hear nothing of it."""
    storm = to(BROADCAST, 'bad0', b'storm')
    with device(host, 'bad0', storm) as guest, device(host, 'peer') as peer, device(host, 'bad1') as deaf, Ear(host.vms['tap'], 'eth0') as ear:
        offered, drops = books.offered('bad0'), books.drops()
        with traffic(guest, listeners=[peer], nice=5), seqload(host, 1) as report:
            time.sleep(0.5)
            assert others_are_answered(host)
        assert lost_nothing(report)
        found = books.drops() - drops
        print(f'{books.offered("bad0") - offered} broadcasts, drops {dict(found)}')
        assert deaf.rx.used_idx == 256 and found['bad1', 'receiver_full'] > 0
        assert ear.take(10, 0.1)
        expected = {'receiver_full', 'port_down', 'queue_full'}
        assert {reason for _, reason in found} <= expected and ('good0', 'receiver_full') not in found, found


def test_a_flood_of_invented_sources(host, books):
    """32,768 of them, again and again, from a port that may use any: a quarter of the table, and who is known stays known."""
    invented = [frame(mac(2), f'0a:00:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}') for n in range(32768)]
    with device(host, 'bad3', *invented, size=32768, room=128) as guest, device(host, 'peer', frame(mac(1), mac(2), b'known')) as peer:
        assert send(peer, 1)
        offered = books.offered('bad3')
        with traffic(guest, listeners=[peer], nice=5), seqload(host, 1) as report:
            time.sleep(0.5)
        assert lost_nothing(report)
        print(f'{books.offered("bad3") - offered} frames of the flood were taken')
        shown = host.daemon.show('switch', 'show', 'ext', '--limit', '8192')
        assert sum(row['port'] == 'bad3' and not row['static'] for row in shown['fdb']) <= 8192 // 4
        assert host.fdb()[mac(2), 0] == 'peer' and shown['fdb_full'] > 0


GSO_TYPES, SIZES = (0, 1, 3, 4, 5, 0x80, 0x81, 0x84, 0xff), (0, 1, 2, 13, 14, 48, 1448, 1460, 9000, 65535)


def random_header(random_):
    """A virtio-net header (virtio 1.2, 5.1.6) that nobody means: flags, segmentation and checksum anywhere."""
    return struct.pack('<BBHHHHH', random_.choice((0, 1, 1, 2, 0xff)), random_.choice(GSO_TYPES), random_.choice((0, 14, 54, 66, 65535)),
                       random_.choice(SIZES), random_.choice((0, 14, 34, 54, 1500, 65535)), random_.choice((0, 6, 16, 65535)), 1)


def tcp(length, random_):
    """An Ethernet frame without its addresses: TCP over IPv4 or IPv6 with a payload of that length, its headers right."""
    payload = bytes(random_.randrange(256) for _ in range(min(length, 64))).ljust(length, b'.')
    segment = struct.pack('!HHIIBBHHH', 1, 2, 3, 4, 0x50, 0x10, 5, 0, 0) + payload
    if random_.randrange(2):
        return b'\x08\x00' + struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0, b'\x0a\x4d\0\1', b'\x0a\x4d\0\2') + segment
    return b'\x86\xdd' + struct.pack('!IHBB16s16s', 6 << 28, len(segment), 6, 64, bytes(16), bytes(16)) + segment


def garbage(random_, addresses, longest):
    """A frame of any length: nothing, noise, or TCP that is whole, with a header that fits nothing."""
    kind = random_.randrange(4)
    if kind == 0:
        return random_header(random_)[:random_.randrange(13)]
    body = {1: lambda: random_.randbytes(random_.randrange(1600)), 2: lambda: tcp(random_.randrange(longest - 100), random_),
            3: lambda: addresses and tcp(random_.choice((0, 1, 500, 1460, longest - 100)), random_)}[kind]()
    return random_header(random_) + (addresses + body)[:random_.choice((longest, longest, 60, 14, 13, 1514))]


@pytest.mark.parametrize('receiver', ['tap', 'peer', 'wire', 'everybody'])
def test_garbage_of_every_length_with_random_offloads(host, books, receiver):
    """Half of what is sent changes while it is read. The receiver goes on, and reasons for drops are those of such frames."""
    target = {'tap': mac_bytes(mac(1)), 'peer': mac_bytes(mac(2)), 'wire': FAR, 'everybody': mac_bytes(BROADCAST)}[receiver]
    random_ = random.Random(receiver)
    drops, whole = books.drops(), vhost.PLAIN & ~vhost.MRG_RXBUF | vhost.GUEST_CSUM  # each buffer begins with a header
    with device(host, 'bad0', size=128, room=16384) as guest, device(host, 'peer', features=whole) as peer:
        for n in range(guest.tx.size):
            data = garbage(random_, target + mac_bytes(bad_mac('bad0')), 15000)
            guest.memory.map[guest.tx.at(n):guest.tx.at(n) + len(data)] = data
            guest.tx.describe(n, guest.tx.address(n), len(data))

        def mutate():
            at = guest.tx.at(random_.randrange(guest.tx.size)) + random_.choice((random_.randrange(12), 12 + random_.randrange(12, 70)))
            guest.memory.map[at] = random_.randrange(256)
            guest.tx.pump()
            peer.rx.pump()
        taken = books.offered('bad0')
        with Child(mutate, nice=5):
            time.sleep(0.7)
        taken = books.offered('bad0') - taken
        assert state(host, 'bad0') == 'up' and taken > 1000
        for n in range(peer.rx.size):
            flags, gso = peer.memory.map[peer.rx.at(n)], peer.memory.map[peer.rx.at(n) + 1]
            assert flags in (0, 1, 2) and gso == 0, 'an offload that the receiver did not ask for'
        guest.fill([target + mac_bytes(bad_mac('bad0')) + b'\x88\xb5' + b'after all' + bytes(40)])
        with Ear(host.vms['tap'], 'eth0') as tap, Ear(host.dc, 'fldc0') as dc:
            send(guest, 10)
            ears = {'tap': tap, 'wire': dc, 'everybody': tap}
            assert receiver == 'peer' or comes(lambda: any(b'after all' in data for data in ears[receiver].take(1, 0.1)))
    found = Counter()
    for (_, reason), count in (books.drops() - drops).items():
        found[reason] += count
    print(f'{taken} frames, drops {dict(found)}')
    assert {'runt', 'bad_offload'} <= set(found)
    assert set(found) <= {'runt', 'bad_offload', 'headers_too_long', 'spoofed', 'bad_source', 'vlan_denied', 'too_big', 'receiver_full',
                          'queue_full', 'port_down', 'no_receiver', 'same_port', 'link_local', 'buffer_too_small'}, found


def test_a_guest_that_never_posts_receive_buffers(host, books):
    """Its senders go on at once, and each frame for it is counted as receiver_full."""
    with device(host, 'bad0', post=False), device(host, 'peer', frame(bad_mac('bad0'), mac(2))) as peer:
        before = books.drops()
        began = time.monotonic()
        assert send(peer, 50000)
        print(f'{50000 / (time.monotonic() - began) / 1e6:.2f} million frames a second')
        assert books.drops() - before == Counter({('bad0', 'receiver_full'): 50000})


# ---- people, meanwhile ----

def test_statistics_ten_times_a_second_cost_no_frame(host):
    """Of all tables, beside a guest that sends as fast as it can to a good one, and numbered frames at full speed."""
    with device(host, 'bad0', to(mac(2), 'bad0')) as guest, device(host, 'peer') as peer, traffic(guest, listeners=[peer], nice=5):
        with seqload(host, 1) as report, closing(Books(host)) as books:
            end = time.monotonic() + 1.2
            while time.monotonic() < end:
                for method in ('stats.show', 'queue.list', 'port.list', 'processor.list', 'drops'):
                    books.ask(method)
                time.sleep(0.1)
        assert lost_nothing(report)


def test_ports_go_and_come_while_their_guests_send(host):
    """The configuration without them, and with them again, five times; each time they connect anew and send."""
    with ExitStack() as stack:
        peer = stack.enter_context(device(host, 'peer'))
        guests = [stack.enter_context(device(host, name, to(mac(2), name), pairs=2)) for name in ('bad0', 'bad1')]
        report = stack.enter_context(seqload(host, 2))
        for _ in range(5):
            with traffic(*guests, listeners=[peer], nice=5):
                at = [guest.tx.used_idx for guest in guests]
                assert comes(lambda: all(guest.tx.used_idx != n for guest, n in zip(guests, at)))
                apply(host, BAD[2:])
                assert all(guest.is_cut_off() for guest in guests)
                apply(host, BAD)
            for guest in guests:
                guest.again()
        stack.pop_all().close()
    assert lost_nothing(report)


test_ports_go_and_come_while_their_guests_send.log_lines = 80  # each port is a new one, and tells of its front end


def apply(host, bad):
    host.write(configuration(host, bad))
    host.daemon.cli('config', 'apply', host.config_path)
