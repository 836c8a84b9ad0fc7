"""What the articles say of VM queues, each claim a test that is named after it: who does the work without them, and with them.

The processors are emulated and slow, so that one can be full while the machine is not; rates are compared with each other only.
"""
import time
from contextlib import closing

import pytest

from lib import TestLab, frame, mac, wait_for
from loads import FAR_MAC, Flood, Look, Rates, attempt, packet_socket, udp, flow

PERCENT = 3  # of a core, for each of the eight processors
BASE = 1  # of more than two processors, the first that is not on core 0
VMS = ('vm1', 'vm2', 'vm3', 'vm4')  # each holds a VM queue; vm5 came too late for one, and vm0 claims none
FLOODED = VMS[:3]
TRIES = 3
FAST = 60000  # frames a second: several times what a processor can do
UNKNOWN = '02:f1:00:00:77:77'


@pytest.fixture(scope='module')
def lab():
    with closing(TestLab()) as laboratory:
        yield laboratory
        laboratory.check_books()
        laboratory.stop_daemons()


@pytest.fixture(scope='module')
def host(lab):
    host = lab.host()
    ports = [host.vm('vm0', 0x10, vmq_weight=0), *[host.vm(f'vm{n}', n) for n in range(1, 6)]]
    adapters = [{'name': 'wire', 'uplink': 'af_xdp:flwire0', 'mode': 'vmq', 'queues': len(VMS)}]
    host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': ports}], adapters,
                           processors={'count': 8, 'speed_percent': PERCENT}))
    return host


@pytest.fixture
def vmq(host):
    """The VM queues as they were, after the test."""
    yield host
    host.daemon.cli('vmq', 'enable', 'wire')


def queues(host):
    """{port: (queue, processor)} of those who hold a VM queue."""
    return {row['port']: (row['queue'], row['processor']) for row in host.daemon.show('vmq', 'list') if row['port']}


def number(name):
    return int(name[2:])


def to_vms(host, names=FLOODED):
    """A source of frames from the wire to these VMs, in turn."""
    return [(host.dc, 'fldc0', [udp(mac(number(name)), flow(n)) for n in range(16) for name in names])]


def from_vms(host, names=FLOODED):
    return [(host.vms[name], 'eth0', [udp(FAR_MAC, flow(n), source=mac(number(name))) for n in range(16)]) for name in names]


def compare(host, source):
    """{'none': Rates without VM queues, 'vmq': Rates with them}, under more load than one processor can do."""
    found = {}
    for name, verb in (('none', 'disable'), ('vmq', 'enable')):
        host.daemon.cli('vmq', verb, 'wire')
        with Flood(source, FAST) as flood:
            found[name] = Rates(host, flood)
        print(f'{name}: {found[name]}')
        time.sleep(0.3)  # what waits is worked off
    assert found['none'].sent > 1.5 * found['none'].rate, f'the load is not more than one processor can do: {found["none"]}'
    return found


@pytest.fixture(scope='module')
def found(host):
    """The two measurements that several claims are about; they are taken once."""
    def take():
        found = compare(host, to_vms(host))
        assert found['vmq'].rate >= 2 * found['none'].rate
        return found
    return attempt(TRIES, take)


# ---- article A ----

def test_a1_without_rss_inbound_is_handled_by_one_processor_only(found):
    """It is full, the others do nothing at all; and twice the load brings no more through."""
    assert found['none'].working() == [BASE], found['none']
    assert found['none'].full() == [BASE], found['none']
    assert max(busy for id, busy in found['none'].busy.items() if id != BASE) < 10, found['none']


def test_a1_its_throughput_is_a_plateau(vmq, found):
    """A ramp of offered load: half of the ceiling comes through whole, two and four times the ceiling come through alike."""
    ceiling = found['none'].rate
    vmq.daemon.cli('vmq', 'disable', 'wire')

    def ramp():
        rates = {}
        for times in (0.5, 2, 4):
            with Flood(to_vms(vmq), times * ceiling) as flood:
                rates[times] = Rates(vmq, flood)
            print(f'{times} x: {rates[times]}')
            time.sleep(0.3)
        assert 0.8 < rates[0.5].rate / rates[0.5].sent < 1.25
        assert 0.6 < rates[4].rate / rates[2].rate < 1.5 and rates[2].full() == rates[4].full() == [BASE]
    attempt(TRIES, ramp)


def test_a5_dynamic_vmq_lifts_the_bottleneck_of_one_core(found, host):
    """Three VMs: one processor does all the work without, three do it with VM queues, each that of its VM; and more comes through."""
    places = [queues(host)[name][1] for name in FLOODED]
    assert found['none'].working() == [BASE]
    assert found['vmq'].working() == sorted(places) and len(set(places)) == 3, found['vmq']
    assert found['vmq'].rate > 1.5 * found['none'].rate, 'three times as much on a quiet machine'


# ---- article B ----

def test_b10_each_vm_has_a_queue_of_its_own_sorted_by_mac(host):
    """40 frames to each VM come by its own queue and no other; those to an unknown station, and to all, by the default queue."""
    held = queues(host)
    assert sorted(held) == sorted(VMS) and len({queue for queue, _ in held.values()}) == len(VMS)
    for target, queue in [*((mac(number(name)), held[name][0]) for name in VMS), (UNKNOWN, 0), (mac(5), 0)]:
        look = Look(host)
        with packet_socket(host.dc, 'fldc0') as wire:
            for _ in range(40):
                wire.send(frame(target, FAR_MAC))
        assert wait_for(lambda: sum(look.grown('queues', 'packets').values()) >= 40)
        assert look.grown('queues', 'packets') == {queue: 40}, f'frames to {target}'


def test_b11_with_vm_queues_at_least_twice_as_much_is_received(found):
    """3 to 4 of 10 Gb/s without and 8 with them, says the article: a ratio of 2 and more, wherever the processor is the limit."""
    ratio = found['vmq'].rate / found['none'].rate
    print(f'received with VM queues: {ratio:.2f} x')
    assert ratio >= 2


def holders(host):
    return [name for name in ('vm0', *VMS, 'vm5') if name in queues(host)]


def test_b12_queues_are_finite_and_first_come_first_served(host):
    """Four queues, six VMs in the order of their start: who claims none never has one, the last waits until one is given back."""
    def weight(name, value):
        host.daemon.cli('port', 'set', name, '--vmq-weight', value)
    assert holders(host) == list(VMS)
    weight('vm2', 0)
    assert holders(host) == ['vm1', 'vm3', 'vm4', 'vm5'], 'the queue that is free goes to who waits'
    weight('vm2', 100)
    assert holders(host) == ['vm1', 'vm3', 'vm4', 'vm5'], 'and who has one keeps it'
    weight('vm0', 100)
    weight('vm0', 0)
    assert 'vm0' not in holders(host)
    weight('vm5', 0)
    assert holders(host) == list(VMS)
    weight('vm5', 100)
    assert holders(host) == list(VMS)


def test_b12_who_has_no_queue_is_served_by_the_default_queue(lab, host):
    """And starves when that is busy: the queue of another VM does not notice the flood that fills the default queue's processor."""
    assert lab.ping(host.vms['vm5'], '10.77.0.100') == 0

    def starve():
        with Flood([(host.dc, 'fldc0', [udp(mac(5), flow(1))])], FAST) as flood:
            rates = Rates(host, flood)
            assert rates.full() == [BASE] and rates.sent > 1.5 * rates.rate, rates
            assert lab.ping(host.vms['vm1'], '10.77.0.100', count=10, interval=0.05) <= 1
    attempt(TRIES, starve)


def test_b13_vm_queues_are_most_effective_for_receive(vmq, found):
    """What VMs send gains too, because its work moves to the same processor; it is told beside."""
    def take():
        sent = compare(vmq, from_vms(vmq))
        print(f'gain: received {found["vmq"].rate / found["none"].rate:.2f} x, sent {sent["vmq"].rate / sent["none"].rate:.2f} x')
        assert sent['vmq'].rate > 0.5 * sent['none'].rate
    attempt(TRIES, take)
    assert found['vmq'].rate >= 2 * found['none'].rate


ROUNDS = 60


def wakeups(host, places):
    """(wake-ups, frames taken) of all processors, of ROUNDS rounds of one frame to each VM with a pause between rounds."""
    for name, processor in places.items():
        host.daemon.cli('queue', 'move', queues(host)[name][0], '--processor', processor)
    time.sleep(0.2)
    look = Look(host)
    frames = [frame(mac(number(name)), FAR_MAC) for name in VMS]
    with packet_socket(host.dc, 'fldc0') as wire:
        for _ in range(ROUNDS):
            for data in frames:
                wire.send(data)
            time.sleep(0.01)
    assert wait_for(lambda: sum(look.grown('queues', 'packets').values()) >= ROUNDS * len(VMS))
    return sum(look.grown('processors', 'wakeups').values()), sum(look.grown('queues', 'packets').values())


def test_b14_queues_that_share_a_processor_share_its_interrupt(host):
    """Four queues on one processor are woken about once a round, on four processors about four times, for the same frames."""
    def take():
        spread, frames_spread = wakeups(host, dict(zip(VMS, (2, 3, 4, 5))))
        shared, frames_shared = wakeups(host, dict.fromkeys(VMS, 6))
        print(f'{ROUNDS} rounds: {spread} wake-ups on four processors, {shared} on one')
        assert frames_shared == frames_spread == ROUNDS * len(VMS)
        assert spread > 1.5 * shared, 'four times as many on a quiet machine'
    try:
        attempt(TRIES, take)
    finally:
        for name, processor in zip(VMS, (2, 3, 4, 5)):
            host.daemon.cli('queue', 'move', queues(host)[name][0], '--processor', processor)


def test_b18_a_tenth_of_the_link_is_no_load_for_one_processor(vmq, found):
    """Without RSS 3.5 of 10 Gb/s come through, so 1 Gb/s is 29 % of what one processor can do: it all comes through."""
    vmq.daemon.cli('vmq', 'disable', 'wire')

    def take():
        with Flood(to_vms(vmq), found['none'].rate * 10 / 35) as flood:
            rates = Rates(vmq, flood)
        print(rates)
        assert rates.working() == [BASE] and rates.busy[BASE] < 90, rates
        assert 0.9 < rates.rate / rates.sent < 1.12, rates
    attempt(TRIES, take)
