"""vRSS: which of its queues a VM's flows go in by, and that the adapter and the VM's NIC agree on it."""
import socket

import pytest

from lib import Host, socket_in, wait_for

FLOWS = 64  # over 4 queues: one of them gets none of them once in 10^7 runs
PORT = 9000
KEY = bytes(range(1, 41)).hex()  # not the default one


@pytest.fixture
def host(lab):
    """vm1 with four queues behind an adapter with VM queues, and sockets that hear its flows."""
    made = Host(lab)
    made.vm1 = made.vm('vm1', 11, queues=4)
    made.start(config(made))
    made.ears = []
    for flow in range(FLOWS):
        ear = socket_in(made.vms['vm1'], socket.AF_INET, socket.SOCK_DGRAM)
        ear.bind(('10.77.0.11', PORT + flow))  # or the VM would answer that nobody listens
        made.ears.append(ear)
    assert lab.ping(made.dc, '10.77.0.11') == 0
    yield made
    for ear in made.ears:
        ear.close()


def config(host, rss=None, **vm1):
    adapter = {'name': 'wire', 'uplink': 'af_xdp:flwire0', 'mode': 'vmq', 'queues': 8, 'dynamic': False, **({'rss': rss} if rss else {})}
    return host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': [{**host.vm1, **vm1}]}], adapters=[adapter])


def apply(host, **how):
    host.daemon.cli('config', 'apply', host.write(config(host, **how)))


def by_queue(host):
    """What each queue of vm1 took from the wire or the VM, and what it delivered."""
    rows = [row for row in host.daemon.show('queue', 'list') if row['port'] == 'vm1']
    return [row['packets'] for row in sorted(rows, key=lambda row: row['index'])], host.port('vm1')['delivered']


def send(host, flows):
    """One frame of each flow from the datacentre. Returns what each queue took and delivered of them."""
    before = by_queue(host)
    for flow in flows:
        with socket_in(host.dc, socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.bind(('10.77.0.100', 20000 + flow))
            out.sendto(b'flow', ('10.77.0.11', PORT + flow))

    def grown():
        return [[now - then for now, then in zip(counts, former)] for counts, former in zip(by_queue(host), before)]
    assert wait_for(lambda: [sum(counts) for counts in grown()] == [len(flows)] * 2, seconds=5), grown()
    return grown()


def test_flows_go_in_by_the_queue_that_the_adapter_chose(host):
    """Ring i and queue i by one hash and one table, whatever the key."""
    taken, delivered = send(host, range(FLOWS))
    assert taken == delivered
    assert 0 not in delivered
    apply(host, rss={'key': KEY})
    taken_anew, delivered_anew = send(host, range(FLOWS))
    assert taken_anew == delivered_anew
    assert 0 not in delivered_anew
    assert delivered_anew != delivered  # alike once in some thousand keys: this one is not


def test_a_flow_stays_on_its_queue(host):
    queues = {tuple(send(host, [7])[1]) for _ in range(5)}
    assert len(queues) == 1


def test_without_vrss_all_flows_go_in_by_the_first_queue(host):
    apply(host, vrss={'enabled': False})
    assert send(host, range(FLOWS))[1] == [FLOWS, 0, 0, 0]
    apply(host)
    assert 0 not in send(host, range(FLOWS))[1]


def test_a_primary_queue_that_is_excluded_gets_no_flows(host):
    apply(host, vrss={'exclude_primary': True})
    taken, delivered = send(host, range(FLOWS))
    assert taken == delivered
    assert delivered[0] == 0 and 0 not in delivered[1:]


def test_hash_types_that_are_off_leave_ports_out_of_the_hash(host):
    """All flows have one pair of addresses, and so one queue."""
    apply(host, rss={'hash_types': ['ipv4']})
    taken, delivered = send(host, range(FLOWS))
    assert taken == delivered
    assert sorted(delivered) == [0, 0, 0, FLOWS]
