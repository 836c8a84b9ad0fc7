"""Real guests with several queues: what is spread over them and over their processors, and that they change while all is running."""
import json
import re
import socket
import time

import pytest

from guests import KERNELS, GuestHost, PATIENCE_S, lost, received_by_queues, sent_by_queues, tcp_arrives
from lib import socket_in, wait_for

pytestmark = pytest.mark.guest
FLOWS = 64  # over 4 queues: one of them gets none of them once in 10^7 runs


@pytest.fixture(params=KERNELS)
def kernel(request):
    return request.param


def flows_into(host, address):
    for port in range(FLOWS):
        with socket_in(host.vms['box'], socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(b'flow', (address, 9000 + port))


def busy_queues(counts, act):
    """The queues in which counts(), {queue: packets}, grew by act()."""
    before = counts()
    act()
    grown = {}

    def look():
        grown.update({queue: count - before.get(queue, 0) for queue, count in counts().items()})
        return sum(grown.values()) >= FLOWS
    assert wait_for(look, seconds=5), grown
    return {queue for queue, count in grown.items() if count}


def four_queues(lab, kernel):
    """vm1 with four queues, vm2 with one, and box."""
    host = GuestHost(lab)
    host.start(host.switch(host.guest('vm1', 11, kernel, queues=4, cpus=2), host.guest('vm2', 12, kernel), host.vm('box', 13)))
    host.boot()
    host.guests['vm1'].run('ethtool -L eth0 combined 4')
    return host


def test_traffic_uses_four_queues(lab, kernel):
    host = four_queues(lab, kernel)
    vm1, vm2 = host.guests.values()
    out = f"bash -c 'for i in $(seq {FLOWS}); do echo flow >/dev/udp/10.77.0.13/$((9000 + i)); done'"
    assert lost(vm1, '10.77.0.13') == 0
    assert len(busy_queues(lambda: sent_by_queues(vm1), lambda: vm1.run(out))) > 1
    assert tcp_arrives(vm1, vm2, '10.77.0.11', times=4)
    assert tcp_arrives(vm2, vm1, '10.77.0.12', times=4)


def test_what_a_guest_hears_is_spread_over_the_queues_that_it_uses(lab):
    host = four_queues(lab, '6.1')
    vm1 = host.guests['vm1']
    assert lost(vm1, '10.77.0.13') == 0
    for queues in (4, 1, 4):
        vm1.run(f'ethtool -L eth0 combined {queues}')
        assert lost(vm1, '10.77.0.13') == 0
        assert busy_queues(lambda: received_by_queues(vm1), lambda: flows_into(host, '10.77.0.11')) == set(range(queues))


# ---- the guest's processors ----

def interrupts_by_processor(machine):
    """[times that the receive queues of a guest's NIC interrupted each of its processors]."""
    table = [line.split() for line in machine.run('cat /proc/interrupts').output.splitlines()]
    rows = [row[1:1 + len(table[0])] for row in table if re.fullmatch(r'virtio\d+-input\.\d+', row[-1])]
    assert rows, table
    return [sum(int(count) for count in column) for column in zip(*rows)]


def interrupted(machine, act):
    """The processors that receive queues interrupted during act()."""
    before = interrupts_by_processor(machine)
    act()
    return {i for i, (now, then) in enumerate(zip(interrupts_by_processor(machine), before)) if now > then}


def test_flows_interrupt_all_processors_of_a_guest_with_vrss_and_one_without(lab):
    """The driver gives queue i to processor i where it has as many of one as of the other (virtnet_set_affinity)."""
    host = GuestHost(lab)
    vm1, box = host.guest('vm1', 11, '6.1', queues=4, cpus=4, msi_x=True), host.vm('box', 13)
    host.start(host.switch(vm1, box))
    host.boot()
    machine = host.guests['vm1']
    assert lost(machine, '10.77.0.13') == 0

    def hear(queues):
        for _ in range(3):
            assert busy_queues(lambda: received_by_queues(machine), lambda: flows_into(host, '10.77.0.11')) == queues

    hear({0, 1, 2, 3})  # an interrupt goes to its new processor with the next one that comes
    for enabled in (True, False, True):
        queues = {0, 1, 2, 3} if enabled else {0}
        host.daemon.cli('config', 'apply', host.write(host.switch({**vm1, 'vrss': {'enabled': enabled}}, box)))
        before = host.port('vm1')['delivered']
        assert interrupted(machine, lambda: hear(queues)) == queues
        after = host.port('vm1')['delivered']
        assert {queue for queue in range(4) if after[queue] > before[queue]} == queues


# ---- queues that come and go under load ----

class Load:
    """UDP of iperf3, both ways between each processor of a guest and a namespace."""

    def __init__(self, host, machine, cpus, seconds):
        self.host = host
        self.machine = machine
        self.runs = range(cpus)
        for i in self.runs:
            host.lab.spawn(host.vms['box'], ['iperf3', '--server', '--one-off', '--port', 5201 + i])
        for i in self.runs:
            assert wait_for(lambda: f':{5201 + i} ' in host.lab.run(host.vms['box'], ['ss', '-Hltn']).stdout)
            machine.run(f'taskset -p {1 << i} $$ >/dev/null; iperf3 --client 10.77.0.13 --port {5201 + i} --udp --bidir --length 200 '
                        f'--bitrate 300k --time {seconds} --json >/run/{i}.json 2>&1 &')

    def runs_still(self):
        return self.machine.run('pidof iperf3', check=False).status == 0

    def packets(self):
        """Of each way, when all have ended."""
        assert wait_for(lambda: not self.runs_still(), seconds=PATIENCE_S, pause=1)
        reports = [json.loads(self.machine.run(f'cat /run/{i}.json').output)['end'] for i in self.runs]
        return [report[way]['packets'] for report in reports for way in ('sum', 'sum_bidir_reverse')]


def sent_and_received(machine):
    """Packets that all queues of a guest's eth0, also those out of use, were given by its stack, and gave to it."""
    shown = machine.run('tc -s qdisc show dev eth0; cat /sys/class/net/eth0/statistics/rx_packets').output
    total = re.search(r'^qdisc mq .* root.*\n Sent \d+ bytes (\d+) pkt', shown, re.M)
    assert total, shown
    return int(total.group(1)), int(shown.split()[-1])


def test_queues_that_come_and_go_under_load_lose_nothing(lab):
    """`ethtool -L` up and down while each processor of the guest sends and hears.

    By the books: what the guest's stack gave to its driver came to the port, and what the port delivered came to the driver. (What
    iperf3 calls lost may have found a socket full, on a busy machine.)
    """
    host = GuestHost(lab)
    host.start(host.switch(host.guest('vm1', 11, '6.1', queues=4, cpus=4, device={'rx_queue_size': 1024}), host.vm('box', 13)))
    host.boot()
    vm1 = host.guests['vm1']
    assert lost(vm1, '10.77.0.13') == 0

    def books():
        """What lies between the guest's count and the port's: sent, and received."""
        port = host.port('vm1')
        sent, received = sent_and_received(vm1)
        return sent - port['tx_packets'], port['rx_packets'] - received
    assert wait_for(lambda: books() == books())
    before = books()
    under_load = 0
    for last in (1, 2, 1):
        load = Load(host, vm1, cpus=4, seconds=8)
        for queues in (4, 2, 4, 1, 4, last):
            vm1.run(f'ethtool -L eth0 combined {queues}')
        under_load += load.runs_still()
        assert all(packets > 500 for packets in load.packets())
        assert wait_for(lambda: books() == before, seconds=5), (before, books())
    assert under_load > 0  # on a busy machine it may be over before the last change
    assert set(host.drops('vm1')) <= {'receiver_full'}  # its processors got no time
