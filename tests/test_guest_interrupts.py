"""Interrupts of a real guest, moderated and not: in bulk at most as many as the rate allows, and none missing; answers come as soon."""
import re
import time

import pytest

from guests import KERNELS, GuestHost, lost

pytestmark = pytest.mark.guest
MOST = {'low': 50000, 'medium': 20000, 'high': 8000}  # interrupts a second of a queue and direction: src/nic/moderation.h
MODES = ('off', 'adaptive', *MOST)
BULK = ['iperf3', '--client', '10.77.0.11', '--udp', '--bitrate', '150M', '--length', '1000', '--time', '3']  # 19,000 packets a second
PINGS = 200
LATENCY_MOST = 2.0  # adaptive beside off: a guest without KVM takes a millisecond or more for an answer, give or take as much


@pytest.fixture(params=KERNELS)
def host(lab, request):
    """A guest and a namespace on one switch: vm1 and box at 10.77.0.11 and .13."""
    host = GuestHost(lab)
    host.start(host.switch(host.guest('vm1', 11, request.param), host.vm('box', 13)))
    host.boot()
    assert lost(host.guests['vm1'], '10.77.0.13') == 0
    return host


def moderate(host, mode):
    host.daemon.cli('port', 'set', 'vm1', '--interrupt-moderation', mode)


def bulk(host, mode):
    """Packets that the guest received, interrupts that told of them, and how many a second that were."""
    moderate(host, mode)
    host.guests['vm1'].run('iperf3 --server --one-off --daemon')
    before, began = host.port('vm1'), time.monotonic()
    host.lab.run(host.vms['box'], BULK, timeout=30)
    after, seconds = host.port('vm1'), time.monotonic() - began
    packets = after['rx_packets'] - before['rx_packets']
    interrupts = after['guest']['rx_interrupts'][0] - before['guest']['rx_interrupts'][0]
    print(f'{mode}: {packets} packets, {interrupts} interrupts, {packets / interrupts:.1f} packets each')
    return packets, interrupts, interrupts / seconds


def test_bulk_interrupts_a_guest_as_often_as_its_moderation_lets(host):
    found = {mode: bulk(host, mode) for mode in MODES}
    assert lost(host.guests['vm1'], '10.77.0.13') == 0, 'and it is awake after each'
    assert all(interrupts > 0 for _, interrupts, _ in found.values())
    assert all(found[mode][2] <= most for mode, most in MOST.items())


def answer_ms(host, mode):
    """Median of the times from a ping to its answer."""
    moderate(host, mode)
    out = host.guests['vm1'].run(f'ping -n -c {PINGS} -i 0.02 -W 4 10.77.0.13', seconds=60).output
    times = sorted(float(ms) for ms in re.findall(r'time=([\d.]+) ms', out))
    assert len(times) == PINGS
    print(f'{mode}: {times[len(times) // 2]:.2f} ms there and back')
    return times[len(times) // 2]


def test_an_answer_comes_as_soon_with_adaptive_moderation(host):
    off, adaptive = answer_ms(host, 'off'), answer_ms(host, 'adaptive')
    assert adaptive < LATENCY_MOST * off


def test_the_guest_counts_the_interrupts_that_the_daemon_does(host):
    """/proc/interrupts, and port show; two that come at once may be one inside."""
    def inside():
        lines = [line.split() for line in host.guests['vm1'].run('cat /proc/interrupts').output.splitlines() if 'virtio' in line]
        return sum(int(word) for line in lines for word in line[1:] if word.isdigit())
    before, counted = inside(), host.port('vm1')['guest']['interrupts']
    assert lost(host.guests['vm1'], '10.77.0.13', count=20) == 0
    told = host.port('vm1')['guest']['interrupts'] - counted
    assert told > 0 and 0 < inside() - before <= told
