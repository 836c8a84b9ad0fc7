"""The converged host of the example: everyone reaches everyone, bytes arrive as they were sent, the picture is true."""
import itertools
import threading

import pytest

from lib import Frames, frame, mac, ping_all, tcp_transfer, wait_for

ADDRESS = {'host': '10.77.0.1', 'dc': '10.77.0.100', 'vm1': '10.77.0.11', 'vm2': '10.77.0.12', 'vm3': '10.77.0.13'}
TRANSFER = 50_000_000


def places(host):
    return {'host': host.namespace, 'dc': host.dc, **host.vms}


def test_everyone_pings_everyone_without_loss(lab, converged):
    pairs = [(places(converged)[a], ADDRESS[b]) for a, b in itertools.permutations(ADDRESS, 2)]
    lost = ping_all(lab, pairs, count=10, interval=0.1)
    assert {pair: n for pair, n in lost.items() if n} == {}


@pytest.mark.parametrize('size', [56, 1472])
def test_pings_of_any_size_arrive(lab, converged, size):
    """1472 bytes of ICMP payload fill a frame of MTU 1500 exactly: 1500 - 20 (IPv4) - 8 (ICMP)."""
    done = lab.run(converged.vms['vm1'], ['ping', '-n', '-q', '-M', 'do', '-s', size, '-c', 5, '-i', 0.1, '-W', 1, ADDRESS['dc']])
    assert ' 0% packet loss' in done.stdout


@pytest.mark.parametrize('source, target', [('vm1', 'vm2'), ('dc', 'vm1'), ('vm3', 'dc'), ('host', 'vm2'), ('dc', 'host'), ('vm1', 'host')])
def test_tcp_delivers_the_bytes_that_were_sent(lab, converged, source, target):
    where = places(converged)
    sent, received = tcp_transfer(where[source], where[target], ADDRESS[target], TRANSFER)
    assert received == sent


def test_processors_are_emulated_and_say_so(converged):
    processors = converged.daemon.show('processor', 'list')
    assert [p['id'] for p in processors] == list(range(8))
    assert all(p['emulated'] for p in processors)
    assert all(0 <= p['busy_percent'] <= 100 for p in processors)


def test_each_queue_stands_on_one_processor(converged):
    queues = {q['id']: q['processor'] for q in converged.daemon.show('queue', 'list')}
    standing = {q: p['id'] for p in converged.daemon.show('processor', 'list') for q in p['queues']}
    assert standing == queues


def busy_with_vm2(daemon):
    """{port: percent of its processor} when vm2's queue has some; its processor has as much, but for the rounding."""
    queues = {q['port']: q for q in daemon.show('queue', 'list')}
    processor = daemon.show('processor', 'list')[queues['vm2']['processor']]
    busy = {port: q['busy_percent'] for port, q in queues.items()}
    return busy if (busy['vm2'] or 0) >= 10 and abs(processor['busy_percent'] - busy['vm2']) <= 5 else None


def test_a_queue_says_what_it_takes_of_its_processor(lab, converged):
    pings = lab.spawn(converged.dc, ['ping', '-n', '-q', '-f', '-w', '15', '10.77.0.12'])
    try:
        busy = wait_for(lambda: busy_with_vm2(converged.daemon), 12)
    finally:
        pings.terminate()
    assert busy and (busy['vm1'] or 0) < 10 and (busy['vm3'] or 0) < 10, converged.daemon.show('queue', 'list')


def test_each_vm_has_a_queue_and_a_processor_of_its_own(converged):
    rows = [row for row in converged.daemon.show('vmq', 'list') if row['port'] in ('vm1', 'vm2', 'vm3')]
    assert {row['port']: row['mac'] for row in rows} == {'vm1': mac(1), 'vm2': mac(2), 'vm3': mac(3)}
    assert len({row['processor'] for row in rows}) == 3


def test_vm_queues_go_and_come_without_a_lost_ping(lab, converged):
    """120 pings in 1.2 s; VM queues are switched off and on ten times meanwhile."""
    lost = {}
    pairs = [(converged.dc, ADDRESS[name]) for name in ('vm1', 'vm2', 'vm3')]
    toggler = threading.Thread(target=toggle, args=(converged.daemon, 10))
    toggler.start()
    lost = ping_all(lab, pairs, count=120, interval=0.01)
    toggler.join()
    assert set(lost.values()) == {0}
    assert converged.daemon.show('vmq', 'show', 'wire')['operational'] is True


def toggle(daemon, times):
    for _ in range(times):
        daemon.cli('vmq', 'disable', 'wire')
        daemon.cli('vmq', 'enable', 'wire')


def test_without_vm_queues_all_is_on_the_default_queue(converged):
    converged.daemon.cli('vmq', 'disable', 'wire')
    assert converged.daemon.show('vmq', 'show', 'wire')['operational'] is False
    assert [row for row in converged.daemon.show('vmq', 'list') if row['port'] is not None] == []


def test_a_vm_queue_takes_the_frames_of_its_vm_alone(converged):
    """50 frames to each VM: each VM's queue has counted its 50, whoever serves it."""
    def taken():
        return {q['port']: q['packets'] for q in converged.daemon.show('queue', 'list') if q['id'] in ids}
    ids = {row['queue'] for row in converged.daemon.show('vmq', 'list') if row['port'] in ('vm1', 'vm2', 'vm3')}
    before = taken()
    with Frames(converged.dc, 'fldc0') as wire:
        for number in (1, 2, 3):
            wire.send(*[frame(mac(number), '02:f1:00:00:01:00', b'to %d' % number)] * 50)
    expected = {f'vm{n}': before[f'vm{n}'] + 50 for n in (1, 2, 3)}
    assert wait_for(lambda: taken() == expected), f'{taken()} instead of {expected}'


def test_a_queue_moves_under_pings_without_loss(lab, converged):
    queue = next(row['queue'] for row in converged.daemon.show('vmq', 'list') if row['port'] == 'vm1')
    mover = threading.Thread(target=move, args=(converged.daemon, queue, 40))
    mover.start()
    lost = ping_all(lab, [(converged.dc, ADDRESS['vm1'])], count=150, interval=0.01)
    mover.join()
    assert set(lost.values()) == {0}


def move(daemon, queue, times):
    for n in range(times):
        daemon.cli('queue', 'move', str(queue), '--processor', str(n % 8))


def test_reading_statistics_costs_no_packet(lab, converged):
    """Statistics are read without a pause while 200 pings run each way; ten times a second is what an operator does."""
    done = threading.Event()
    reader = threading.Thread(target=read_statistics, args=(converged.daemon, done))
    reader.start()
    lost = ping_all(lab, [(converged.dc, ADDRESS['vm1']), (converged.vms['vm1'], ADDRESS['vm2'])], count=200, interval=0.01)
    done.set()
    reader.join()
    assert set(lost.values()) == {0}


def read_statistics(daemon, done):
    while not done.is_set():
        daemon.show('stats', 'show')
        daemon.show('queue', 'list')


def test_counters_of_ports_say_what_went_through(lab, converged):
    """vm1 sends 20 frames to vm2 by hand: one port's tx and the other's rx grow by 20 frames and 20 x 60 bytes."""
    before = {name: converged.port(name) for name in ('vm1', 'vm2')}
    with converged.frames('vm1') as out:
        out.send(*[frame(mac(2), mac(1), b'counted')] * 20)

    def grown():
        now = {name: converged.port(name) for name in ('vm1', 'vm2')}
        return [now['vm1'][key] - before['vm1'][key] for key in ('tx_packets', 'tx_bytes')] + \
               [now['vm2'][key] - before['vm2'][key] for key in ('rx_packets', 'rx_bytes')]
    assert wait_for(lambda: grown() == [20, 1200, 20, 1200]), grown()
