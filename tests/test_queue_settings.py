"""Settings of queues that cannot be, and all of them changed by two at once: refused with the reason, or applied without loss; never half."""
import json
import random
import threading
import time

import pytest

from lib import BUILD, Rpc, mac, wait_for

PORTS = 3
QUEUES = 8
WINDOW = 192  # packets under way: below what a veth holds for XDP (256)


def config(host, **adapter):
    return host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': host.ports}],
                       [{'name': 'wire', 'uplink': 'af_xdp:flwire0', 'mode': 'vmq', 'queues': QUEUES, **adapter}])


@pytest.fixture
def host(lab):
    host = lab.host()
    host.ports = [host.vm(f'vm{n}', n, queues=4 if n == 1 else 1) for n in range(1, PORTS + 1)]
    host.start(config(host))
    return host


def unchanged(host, before):
    assert host.daemon.show('config', 'show')['text'] == before
    assert host.lab.ping(host.vms['vm1'], '10.77.0.100') == 0


# (what stands in the adapter, words that the refusal has to have); two processors, 0 and 1
WRONG_FILES = [
    ({'base_processor': 2}, ['base_processor', '2', 'processors']),
    ({'base_processor': 63}, ['base_processor', '63']),
    ({'base_processor': -1}, ['base_processor']),
    ({'base_processor': 64}, ['base_processor', '63']),
    ({'max_processors': 3}, ['max_processors', '3']),
    ({'max_processors': 0}, ['max_processors']),
    ({'max_processors': 10 ** 6}, ['max_processors']),
    ({'base_processor': 1, 'max_processor': 0}, ['max_processor', 'base_processor']),
    ({'max_processor': 9}, ['max_processor', '9']),
    ({'queues': 0}, ['queues', '1']),
    ({'queues': 10 ** 6}, ['queues', '256']),
    ({'queues': 'many'}, ['queues', 'many']),
    ({'mode': 'vmmq'}, ['mode', 'vmq']),
    ({'mode': 'rss', 'rss': {'key': '00' * 39}}, ['key', '40']),
    ({'mode': 'rss', 'rss': {'key': '00' * 41}}, ['key', '40']),
    ({'mode': 'rss', 'rss': {'key': 'xy' * 40}}, ['key']),
    ({'mode': 'rss', 'rss': {'entries': 100}}, ['entries', '100']),
    ({'mode': 'rss', 'rss': {'entries': 1024}}, ['entries', '512']),
    ({'mode': 'rss', 'rss': {'hash_types': ['tcp-ipv5']}}, ['tcp-ipv5', 'tcp-ipv4']),
    ({'mode': 'rss', 'rss': {'hash_types': 'tcp'}}, ['hash_types']),
    ({'mode': 'rss', 'rss': {'profile': 'closets'}}, ['closets', 'closest']),
    ({'dynamic': True, 'balance': {'high_percent': 40, 'low_percent': 50}}, ['high_percent', 'low_percent']),
    ({'dynamic': True, 'balance': {'period_ms': 0}}, ['period_ms']),
]


def test_a_file_with_such_a_setting_is_refused_with_the_reason(lab, host):
    """Each row by itself, in a daemon that runs: what was running is untouched."""
    before = host.daemon.show('config', 'show')['text']
    path = lab.folder / 'next.yaml'
    failed = []
    for changes, words in WRONG_FILES:
        path.write_text(config(host, **changes))
        done = host.daemon.cli('config', 'apply', path, check=False)
        if done.returncode != 1 or any(word not in done.stderr for word in words):
            failed.append((changes, words, done.returncode, done.stderr.strip()))
    assert failed == []
    unchanged(host, before)


WRONG_COMMANDS = [  # and words that the refusal has to have
    (['vmq', 'set', 'wire', '--base-processor', '2'], ['2']),
    (['vmq', 'set', 'wire', '--max-processors', '3'], ['3']),
    (['vmq', 'set', 'wire', '--base-processor', '1', '--max-processor', '0'], ['processor']),
    (['rss', 'set', 'wire', '--base-processor', '7'], ['7']),
    (['rss', 'set', 'wire', '--key', 'ab'], ['key', '40']),
    (['rss', 'set', 'wire', '--entries', '100'], ['entries', '100']),
    (['rss', 'enable', 'wire'], ['exclude each other', 'vmq disable wire']),
    (['rss', 'show', 'nowhere'], ['nowhere']),
    (['vrss', 'set', 'vm9', '--queues', '4'], ['vm9']),
    (['queue', 'move', '0', '--processor', '2'], ['2']),
    (['queue', 'move', '4000', '--processor', '1'], ['4000']),
]
OUT_OF_RANGE = [
    (['vmq', 'set', 'wire', '--queues', '0'], ['queues', '256']), (['vmq', 'set', 'wire', '--queues', '1000000'], ['queues', '256']),
    (['vrss', 'set', 'vm1', '--queues', '0'], ['queues', '16']), (['vrss', 'set', 'vm1', '--queues', '17'], ['queues', '16']),
    (['vrss', 'set', 'vm1', '--queues', '1000000'], ['queues', '16']), (['rss', 'set', 'wire', '--queues', '0'], ['queues']),
    (['rss', 'set', 'wire', '--profile', 'fastest'], ['profile', 'closest']), (['vmq', 'set', 'wire', '--dynamic', 'maybe'], ['dynamic', 'maybe']),
    (['vmq', 'set', 'wire', '--high-percent', '101'], ['high', '100']), (['vmq', 'set', 'wire', '--base-processor', '-1'], ['base', '-1']),
]


def test_a_command_that_cannot_be_is_refused_with_the_reason(host):
    before = host.daemon.show('config', 'show')['text']
    failed = []
    for command, words in WRONG_COMMANDS + OUT_OF_RANGE:
        done = host.daemon.cli(*command, check=False)
        if done.returncode not in (1, 2) or any(word not in done.stderr for word in words):
            failed.append((command, words, done.returncode, done.stdout.strip() + done.stderr.strip()))
    assert failed == []
    unchanged(host, before)


def changes(rng):
    """A method and its parameters: mostly what can be, sometimes what cannot."""
    yield 'vmq.enable', {'adapter': 'wire'}
    yield 'vmq.disable', {'adapter': 'wire'}
    yield 'rss.enable', {'adapter': 'wire'}
    yield 'rss.disable', {'adapter': 'wire'}
    yield 'vmq.set', {'adapter': 'wire', 'base_processor': rng.randrange(3), 'max_processors': rng.randint(1, 3)}
    yield 'vmq.set', {'adapter': 'wire', 'dynamic': rng.random() < 0.5}
    yield 'vmq.set', {'adapter': 'wire', 'queues': rng.randint(1, 16)}
    yield 'rss.set', {'adapter': 'wire', 'queues': rng.randint(1, 8), 'entries': rng.choice((1, 64, 100, 512))}
    yield 'rss.set', {'adapter': 'wire', 'base_processor': rng.randrange(3)}
    yield 'rss.set', {'adapter': 'wire', 'key': rng.randbytes(rng.choice((40, 40, 39))).hex()}
    yield 'rss.set', {'adapter': 'wire', 'profile': rng.choice(('closest', 'closest-static', 'numa', 'numa-static', 'conservative'))}
    yield 'vrss.enable', {'port': 'vm1'}
    yield 'vrss.disable', {'port': 'vm1'}
    yield 'vrss.set', {'port': 'vm1', 'min_queues': rng.randint(1, 4), 'exclude_primary': rng.random() < 0.5}
    yield 'offload.set', {'adapter': 'wire', 'rx_checksum': rng.random() < 0.8}
    yield 'offload.set', {'adapter': 'wire', 'lso': rng.random() < 0.8}
    yield 'port.set', {'port': f'vm{rng.randint(2, 3)}', 'vmq_weight': rng.choice((0, 50, 100))}
    yield 'queue.move', {'queue': rng.randrange(8), 'processor': rng.randrange(3)}


class Changer(threading.Thread):
    """Changes whatever it can, at random, until it is told to stop; each answer is a result, or an error with a message."""

    def __init__(self, host, seed, seconds):
        super().__init__(daemon=True)
        self.rng, self.rpc, self.end = random.Random(seed), Rpc(host.daemon.rpc, seconds=10), time.monotonic() + seconds
        self.done, self.refused, self.wrong = 0, 0, []
        self.start()

    def run(self):
        with self.rpc:
            while time.monotonic() < self.end:
                method, params = self.rng.choice(list(changes(self.rng)))
                answer = self.rpc.call(method, **params)
                if answer is None or ('error' in answer and not answer['error'].get('message')):
                    self.wrong.append((method, params, answer))
                    return
                self.done += 'result' in answer
                self.refused += 'error' in answer
                time.sleep(0.005)


@pytest.mark.parametrize('seed', [1, 2])
def test_two_clients_change_all_of_it_under_full_load(lab, host, seed):
    """Numbered packets from the wire to vm1, as fast as they go: none is lost, none overtakes another; what runs afterwards is whole."""
    report_path, before = lab.folder / 'seqload.out', host.port('vm1')['rx_packets']
    with open(report_path, 'wb') as out:
        load = lab.spawn(host.dc, [BUILD / 'bench/seqload', '--from', host.dc, '--to', host.vms['vm1'], '--address', '10.77.0.1',
                                   '--seconds', 8, '--window', WINDOW],
                         stdout=out, stderr=out)
    time.sleep(0.5)
    changers = [Changer(host, f'{seed} {n}', 6) for n in range(2)]
    for changer in changers:
        changer.join(20)
    assert load.wait(20) == 0, report_path.read_text()
    report = json.loads(report_path.read_text())
    print({key: report[key] for key in ('sent', 'received', 'lost', 'reordered', 'duplicates')}, [(c.done, c.refused) for c in changers])
    assert [c.wrong for c in changers] == [[], []] and all(c.done > 20 for c in changers)
    assert report['received'] > 1000 and report['reordered'] == report['duplicates'] == 0
    # what the load calls lost may have come after it had stopped listening: another one's work had kept a worker from its CPU
    assert report['lost'] == 0 or wait_for(lambda: host.port('vm1')['rx_packets'] - before >= report['sent'])
    assert host.daemon.show('drops') == []
    shown = host.daemon.show('config', 'show')['text']
    again = host.lab.folder / 'again.yaml'
    again.write_text(shown)
    assert host.daemon.show('config', 'apply', again)['changed'] is False, 'what runs is not what is shown'
    assert wait_for(lambda: lab.ping(host.vms['vm2'], '10.77.0.1') == 0)
    assert host.port('vm1')['mac'] == mac(1)
