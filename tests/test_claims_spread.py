"""What the articles say of RSS, vRSS and dynamic VMQ, each claim a test that is named after it: where flows go, and who moves them.

Where a frame must go is computed here, by the hash and the table, and counted there; processors are emulated and slow.
"""
import json
import time
from collections import Counter
from contextlib import closing

import pytest

from frames import Ear
from lib import TestLab, mac, mac_bytes, wait_for
from loads import FAR_MAC, NOWHERE, Flood, Look, Rates, attempt, flow, send_flows, tuple_hash, udp

PERCENT = 5  # of a core, for each of the eight processors
BASE = 1
QUEUES = 4
TRIES = 3
FLOWS = 64
HOME_S = 15  # for queues to go home: they rest between moves, and a busy machine looks like load
FAST = 60000
PROFILES = {'closest': True, 'closest-static': False, 'numa': True, 'numa-static': False, 'conservative': True}  # which one is dynamic


@pytest.fixture(scope='module')
def lab():
    with closing(TestLab()) as laboratory:
        yield laboratory
        laboratory.check_books()
        laboratory.stop_daemons()


@pytest.fixture(scope='module')
def host(lab):
    host = lab.host()
    host.ports = [{'name': 'host', 'nic': 'tap', 'interface': 'flhost', 'mac': mac(0x70), 'queues': QUEUES},
                  host.vm('vm1', 1, queues=QUEUES), host.vm('vm2', 2), host.vm('vm3', 3)]
    host.start(text(host))
    return host


def text(host, mode='rss', **more):
    adapter = {'name': 'wire', 'uplink': 'af_xdp:flwire0', 'mode': mode, 'queues': QUEUES if mode == 'rss' else 8, **more}
    return host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': host.ports}], [adapter],
                       processors={'count': 8, 'speed_percent': PERCENT})


def apply(host, text):
    path = host.lab.folder / 'next.yaml'
    path.write_text(text)
    return host.daemon.show('config', 'apply', path)


@pytest.fixture
def rss(host):
    apply(host, text(host))
    return host


@pytest.fixture
def vmq(host):
    apply(host, text(host, 'vmq'))
    return host


def show(host, *words):
    return host.daemon.show(*words)


def refused(host, *words):
    done = host.daemon.cli(*words, check=False)
    assert done.returncode == 1, f'{" ".join(words)}: {done.stdout}'
    return done.stderr


def rss_queues(host):
    """{index: (queue, processor)} of the adapter's own."""
    return {q['index']: (q['id'], q['processor']) for q in show(host, 'queue', 'list') if q['vport'] == 'wire'}


def port_queues(host, port):
    return {q['index']: (q['id'], q['processor']) for q in show(host, 'queue', 'list') if q['port'] == port}


def queue_of(number, queues, entries=128):
    """The queue of a flow: the low bits of its hash name an entry, and the entries name the queues in turn."""
    return tuple_hash(flow(number)) % entries % queues


def send(host, target, flows, times=1):
    """Each of these flows to a station, as often; returns {queue: frames} of what then went through the daemon's queues."""
    look = Look(host)
    send_flows(host.dc, 'fldc0', [udp(target, flow(n)) for n in flows] * times, pause_s=0.002)
    assert wait_for(lambda: sum(look.grown('queues', 'packets').values()) >= len(flows) * times)
    return look.grown('queues', 'packets')


def expected(queues, flows, times=1):
    """{queue: frames} by the hash; queues: {index: (queue, processor)}."""
    found = Counter()
    for n in flows:
        found[queues[queue_of(n, len(queues))][0]] += times
    return dict(found)


# ---- article A ----

def test_a2_rss_chooses_its_base_processor_and_can_be_told(rss):
    """By itself the first that is not on core 0; the table begins there, and goes on from there."""
    state = show(rss, 'rss', 'show', 'wire')
    assert state['base_processor'] == BASE and state['indirection'][:8] == [1, 2, 3, 4, 1, 2, 3, 4]
    rss.daemon.cli('rss', 'set', 'wire', '--base-processor', '3')
    state = show(rss, 'rss', 'show', 'wire')
    assert state['base_processor'] == 3 and state['indirection'][:8] == [3, 4, 5, 6, 3, 4, 5, 6]
    assert sorted(processor for _, processor in rss_queues(rss).values()) == [3, 4, 5, 6]


def active(host):
    return {processor for _, processor in rss_queues(host).values()}


def test_a3_under_rising_load_rss_spreads_over_more_processors(host):
    """Profile conservative: little load is the base's alone; more of it takes more processors, and gives them back when it goes."""
    apply(host, text(host, rss={'profile': 'conservative'}))
    assert wait_for(lambda: active(host) == {BASE}, seconds=HOME_S), 'idle, all queues stand on the base'
    source = [(host.dc, 'fldc0', [udp(mac(2), flow(n)) for n in range(FLOWS)])]

    def climb():
        steps = []
        with Flood(source, 300) as flood:
            for rate in (300, FAST // 6, FAST):
                flood.rate = rate
                time.sleep(2.5)
                steps.append(len(active(host)))
        print(f'processors with queues as the load rises: {steps}')
        assert steps[0] == 1 and steps == sorted(steps) and steps[-1] >= 3, steps
        assert wait_for(lambda: active(host) == {BASE}, seconds=HOME_S), f'without load they stay on {active(host)}'
    attempt(2, climb)


def test_a4_flows_are_spread_over_queues_and_one_flow_is_not(rss):
    """What SMB's several connections on one NIC gain by RSS: each of 64 flows where its hash says; one flow on one queue."""
    queues = rss_queues(rss)
    assert send(rss, mac(2), range(FLOWS), 3) == expected(queues, range(FLOWS), 3)
    assert len(expected(queues, range(FLOWS))) == QUEUES
    assert send(rss, mac(2), [7], 50) == {queues[queue_of(7, QUEUES)][0]: 50}


def test_a4_many_flows_carry_more_than_one(rss):
    def compare():
        rates = {}
        for flows in (1, FLOWS):
            with Flood([(rss.dc, 'fldc0', [udp(mac(2), flow(n)) for n in range(flows)])], FAST) as flood:
                rates[flows] = Rates(rss, flood)
            print(f'{flows} flows: {rates[flows]}')
            time.sleep(0.3)
        assert len(rates[1].working()) == 1 and len(rates[FLOWS].working()) == QUEUES
        assert rates[FLOWS].rate > 1.5 * rates[1].rate, 'four times as much on a quiet machine'
    attempt(TRIES, compare)


def test_a6_rss_and_vm_queues_exclude_each_other(host):
    """They are the same queues of the NIC: each is refused while the other is on, with the reason and the way out."""
    apply(host, text(host))
    said = refused(host, 'vmq', 'enable', 'wire')
    assert 'RSS' in said and 'exclude each other' in said and 'rss disable wire' in said
    assert show(host, 'rss', 'show', 'wire')['operational'] is True
    apply(host, text(host, 'vmq'))
    said = refused(host, 'rss', 'enable', 'wire')
    assert 'exclude each other' in said and 'vmq disable wire' in said
    assert show(host, 'vmq', 'show', 'wire')['operational'] is True
    host.daemon.cli('vmq', 'disable', 'wire')
    host.daemon.cli('rss', 'enable', 'wire')
    assert show(host, 'rss', 'show', 'wire')['operational'] is True
    assert show(host, 'adapter', 'show', 'wire')['mode'] == 'rss'


def test_a9_vrss_spreads_one_vm_beyond_one_processor(vmq):
    """vm1 has four queue pairs: each flow goes to the one of its hash, all four are used, and they stand on four processors."""
    queues = port_queues(vmq, 'vm1')
    assert len({processor for _, processor in queues.values()}) == QUEUES
    assert send(vmq, mac(1), range(FLOWS), 3) == expected(queues, range(FLOWS), 3)
    assert send(vmq, mac(1), [3], 50) == {queues[queue_of(3, QUEUES)][0]: 50}, 'a single flow stays on one'


def test_a9_without_vrss_a_vm_is_one_processor(vmq):
    vmq.daemon.cli('vrss', 'disable', 'vm1')
    queue, _ = port_queues(vmq, 'vm1')[0]
    assert send(vmq, mac(1), range(FLOWS)) == {queue: FLOWS}


def test_a10_vrss_needs_vm_queues(host):
    """On a switch whose adapter has none it is taken, and told to have no effect, with the reason; with VM queues it has."""
    apply(host, text(host, 'vmq'))
    host.daemon.cli('vmq', 'disable', 'wire')
    host.daemon.cli('vrss', 'enable', 'vm1')
    state = show(host, 'vrss', 'show', 'vm1')
    assert state['enabled'] is True and state['operational'] is False and 'VM queues' in state['reason']
    queue = rss_queues(host)[0][0]
    assert send(host, mac(1), range(FLOWS)) == {queue: FLOWS}
    host.daemon.cli('vmq', 'enable', 'wire')
    assert show(host, 'vrss', 'show', 'vm1')['operational'] is True


# ---- article B ----

def test_b15_the_same_configuration_again_changes_nothing_and_drift_is_told(vmq):
    """Settings that others overwrite are what made interrupt coalescing fragile."""
    same = text(vmq, 'vmq')
    assert apply(vmq, same)['changed'] is False
    vmq.daemon.cli('vmq', 'set', 'wire', '--base-processor', '2', '--max-processors', '3')
    vmq.daemon.cli('config', 'save')
    vmq.daemon.cli('vmq', 'set', 'wire', '--base-processor', '4')
    drift = show(vmq, 'config', 'show')['drift']
    assert len(drift) == 1 and 'wire' in drift[0] and 'base_processor' in drift[0], drift
    changed = apply(vmq, same)
    assert changed['changed'] is True and apply(vmq, same) == {**changed, 'changed': False, 'steps': []}


def numbered(target, number, count):
    """Frames of one flow with their number at the end."""
    head = udp(target, flow(number))[:-4]
    return [head + n.to_bytes(4, 'big') for n in range(count)]


def uneven(shares, rounds):
    """Numbered frames to VMs in turn, to each so many a round: {vm: share}."""
    frames = {vm: iter(numbered(mac(vm), vm, share * rounds)) for vm, share in shares.items()}
    return [next(frames[vm]) for _ in range(rounds) for vm, share in shares.items() for _ in range(share)]


def places(host):
    return {f'vm{n}': port_queues(host, f'vm{n}')[0][1] for n in (1, 2, 3)}


def moved(host):
    return sum(q['moved'] for q in show(host, 'queue', 'list'))


def imbalance(rates):
    """The fullest processor beside the mean of those that may serve queues: as many as they are, when one does it all."""
    busy = [percent for id, percent in rates.busy.items() if id >= BASE]
    return max(busy) / (sum(busy) / len(busy))


def test_b16_dynamic_vmq_spreads_uneven_load_by_itself(host):
    """
    All queues begin on the home processor. Under load, of which vm2 has five parts, vm3 two and vm1 one, they are spread without anybody's
    doing: the fullest processor comes nearer to the mean, after a few moves there are no more, and nothing of a flow overtakes anything.
    """
    apply(host, text(host, 'vmq', dynamic=True))
    host.daemon.cli('vrss', 'disable', 'vm1')

    def balance():
        assert wait_for(lambda: set(places(host).values()) == {BASE}, seconds=HOME_S), f'idle, queues stay away from home: {places(host)}'
        before = moved(host)
        with Ear(host.vms['vm2'], 'eth0') as ear, Flood([(host.dc, 'fldc0', uneven({2: 5, 3: 2, 1: 1}, 20000))], 20000) as flood:
            assert wait_for(lambda: len(set(places(host).values())) >= 2, seconds=4), f'nothing was moved: {places(host)}'
            time.sleep(1.5)
            settled = moved(host)
            rates = Rates(host, flood)
            again = moved(host)
            assert flood.sent < 160000, 'the frames begin anew, and their numbers with them'
            heard = [int.from_bytes(data[-4:], 'big') for data in ear.take(10 ** 6, 0) if data[6:12] == mac_bytes(FAR_MAC)]
        print(f'{settled - before} moves until balanced, {again - settled} in the second after; imbalance {imbalance(rates):.1f}: {rates}')
        assert heard == sorted(set(heard)), 'a flow was reordered or doubled'
        assert settled - before <= 12 and again - settled <= 2
        assert imbalance(rates) < 5, 'seven, when one of seven does it all'
    attempt(2, balance)


def test_b19_rss_is_on_by_default_and_its_three_settings_work(rss):
    """Base processor, number of processors, number of queues: the three of a NIC's advanced properties."""
    state = show(rss, 'rss', 'show', 'wire')
    assert (state['enabled'], state['operational'], state['queues']) == (True, True, QUEUES)
    rss.daemon.cli('rss', 'set', 'wire', '--base-processor', '2', '--max-processors', '2', '--queues', '3')
    state = show(rss, 'rss', 'show', 'wire')
    assert (state['base_processor'], state['max_processors'], state['queues']) == (2, 2, 3)
    queues = rss_queues(rss)
    assert sorted(processor for _, processor in queues.values()) == [2, 2, 3]
    assert send(rss, mac(2), range(FLOWS)) == expected(queues, range(FLOWS))


@pytest.mark.parametrize('profile', PROFILES)
def test_b20_a_profile_is_a_preset(host, profile):
    """Dynamic ones begin on the base and move with load; static ones use all processors at once. numa-static is the default."""
    apply(host, text(host, rss={'profile': profile}))
    assert show(host, 'rss', 'show', 'wire')['profile'] == profile
    wanted = {BASE} if PROFILES[profile] else {1, 2, 3, 4}
    assert wait_for(lambda: active(host) == wanted, seconds=HOME_S), active(host)


@pytest.mark.parametrize('offload, reason', [('rx-checksum', 'checksum'), ('lso', 'LSO')])
def test_b21_rss_depends_on_checksum_offload_and_lso(rss, offload, reason):
    """Switched off, RSS appears not to work: all is the default queue's, and the reason is told. Switched on, it works again."""
    queues = rss_queues(rss)
    rss.daemon.cli('offload', 'set', 'wire', f'--{offload}', 'off')
    state = show(rss, 'rss', 'show', 'wire')
    assert (state['enabled'], state['operational']) == (True, False) and reason in state['reason']
    assert send(rss, mac(2), range(FLOWS)) == {queues[0][0]: FLOWS}
    rss.daemon.cli('offload', 'set', 'wire', f'--{offload}', 'on')
    assert show(rss, 'rss', 'show', 'wire')['operational'] is True
    queues = rss_queues(rss)
    assert send(rss, mac(2), range(FLOWS)) == expected(queues, range(FLOWS))


def test_the_hash_is_the_published_one():
    """So that what these tests expect is not the program's own opinion: Microsoft's verification vector, TCP and addresses alone."""
    assert tuple_hash(('66.9.149.187', 2794, '161.142.100.80', 1766)) == 0x51ccc178
    assert tuple_hash(('199.92.111.2', 14230, '65.69.140.83', 4739)) == 0xc626b0ea
    assert len({flow(n) for n in range(FLOWS)}) == FLOWS and all(flow(n)[2] == NOWHERE for n in range(FLOWS))
    assert json.dumps(sorted(Counter(queue_of(n, QUEUES) for n in range(FLOWS)))) == '[0, 1, 2, 3]'
