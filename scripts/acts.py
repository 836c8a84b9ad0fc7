"""The acts of ./run: the configuration of each, what it is compared with, who sends to whom, and what must be seen.

Each is an example of examples/, applied to the daemon that runs. check() and ready() look at the daemon through its RPC; they return
where things stand, in words, or raise ActFailed with what is not so.
"""
from dataclasses import dataclass, field
from typing import Callable

ADAPTER = 'wire'
VM_PORTS = ('vm1', 'vm2', 'vm3')
PLACES = {'flhost': '10.77.0.1', 'fldc': '10.77.0.100', 'flvm1': '10.77.0.11', 'flvm2': '10.77.0.12', 'flvm3': '10.77.0.13'}
EVERYONE = [(source, address) for source in PLACES for name, address in PLACES.items() if name != source]
GAIN = 1.3  # at least, where more processors take the place of a full one: two to four times on a quiet machine
SPREAD = 3  # processors, at least, that have a share after it


class ActFailed(Exception):
    """What the act was to show is not so."""


@dataclass
class Target:
    """Who receives: TCP streams from the datacentre."""
    namespace: str
    address: str
    streams: int = 1


@dataclass
class Act:
    name: str
    title: str
    config: str  # a file of examples/
    targets: dict  # {name: Target}
    check: Callable  # while there is traffic
    ready: Callable = None  # before it; check() where it is left out
    to: str = 'the three VMs'
    commands: list = field(default_factory=list)  # what makes it so
    before: list = field(default_factory=list)  # what makes the state that it is compared with
    before_says: str = ''
    compared_with: str = ''  # an earlier act in the place of a measurement of its own
    gain: float = GAIN
    timed: bool = False  # tell how long the balancer took
    pings: list = field(default_factory=lambda: EVERYONE)
    wires: dict = field(default_factory=dict)  # {interface of the host: (of the datacentre, its address)} beside the first


def vms(*streams):
    return {name: Target(f'fl{name}', PLACES[f'fl{name}'], n) for name, n in zip(VM_PORTS, streams)}


def places(queues):
    """In words: vm1 on 3, vm1.1 on 4."""
    return ', '.join(f'{q["port"] or q["vport"]}{"." + str(q["index"]) if q["index"] else ""} on {q["processor"]}' for q in queues)


def vm_queues(rpc):
    held = {row['queue'] for row in rpc.call('vmq.list') if row['port'] in VM_PORTS}
    return [q for q in rpc.call('queue.list') if q['id'] in held]


def spread(queues, what, at_least=SPREAD):
    if len({q['processor'] for q in queues}) < at_least:
        raise ActFailed(f'{what} do not stand on {at_least} processors: {places(queues)}')
    return places(queues)


def check_none(rpc):
    if rpc.call('vmq.show', adapter=ADAPTER)['operational']:
        raise ActFailed('VM queues are still in use')
    return 'all on the default queue'


def check_vmq(rpc):
    queues = vm_queues(rpc)
    if len(queues) != len(VM_PORTS):
        raise ActFailed(f'the VMs do not have a queue each: {places(queues)}')
    return spread(queues, 'the VMs')


def ready_dvmq(rpc):
    queues, base = vm_queues(rpc), rpc.call('vmq.show', adapter=ADAPTER)['base_processor']
    if len(queues) != len(VM_PORTS) or any(q['processor'] != base for q in queues):
        raise ActFailed(f'the VMs\' queues do not stand on the home processor, {base}: {places(queues)}')
    return places(queues)


def check_vrss(rpc):
    return spread([q for q in rpc.call('queue.list') if q['port'] == 'vm1'], 'the queues of vm1')


def check_rss(rpc):
    state = rpc.call('rss.show', adapter=ADAPTER)
    if not state['operational']:
        raise ActFailed(f'RSS is not operational: {state["reason"]}')
    return spread([q for q in rpc.call('queue.list') if q['vport'] == ADAPTER], 'the queues of the adapter')


STORES, NETS = ('store1', 'store2'), ('net1', 'net2')


def check_pairs(rpc):
    """Storage by RSS and VMs by VM queues, on processors that the other pair does not have."""
    queues = rpc.call('queue.list')
    storage = [q for q in queues if q['vport'] in STORES]
    behind = [q for q in queues if q['port'] in VM_PORTS]
    modes = {row['name']: row['mode'] for row in rpc.call('adapter.list')}
    if modes != {**dict.fromkeys(STORES, 'rss'), **dict.fromkeys(NETS, 'vmq')}:
        raise ActFailed(f'the adapters are not two pairs: {modes}')
    spread(storage, 'the storage queues', 2)
    both = {q['processor'] for q in storage} & {q['processor'] for q in behind}
    if both:
        raise ActFailed(f'storage and VMs share processors {sorted(both)}: {places(storage + behind)}')
    return f'storage: {places(storage)}; VMs: {places(behind)}'


def pairs_targets():
    return {'store1': Target('flhost', '10.77.1.1', 8), 'store2': Target('flhost', '10.77.2.1', 8),
            'vm1': Target('flvm1', '10.77.3.11'), 'vm2': Target('flvm2', '10.77.3.12'), 'vm3': Target('flvm3', '10.77.4.13')}


def acts():
    host = 'converged-host.yaml'
    return [
        Act('none', 'no VM queues: every frame from the wire is the work of one processor', host, vms(1, 1, 1), check_none,
            commands=[['vmq', 'disable', ADAPTER]]),
        Act('vmq', 'a VM queue for each VM, each on a processor of its own', host, vms(1, 1, 1), check_vmq,
            commands=[['vmq', 'enable', ADAPTER]], compared_with='none', before_says='no VM queues'),
        Act('dvmq', 'dynamic VMQ: the VMs begin on one processor, and the balancer moves their queues when load comes',
            'dynamic-vmq.yaml', vms(6, 2, 1), check_vmq, ready_dvmq, timed=True,
            before=[['vmq', 'set', ADAPTER, '--max-processors', '1']], before_says='all VMs on the home processor',
            commands=[['vmq', 'set', ADAPTER, '--max-processors', '7']]),
        Act('vrss', 'vRSS: one VM with four queue pairs, its flows spread over them and their processors', 'vrss.yaml',
            {'vm1': Target('flvm1', PLACES['flvm1'], 16)}, check_vrss, to='vm1',
            before=[['vrss', 'disable', 'vm1']], before_says='vRSS off', commands=[['vrss', 'enable', 'vm1']]),
        Act('rss', 'RSS: the flows to the host itself spread over the queues of its adapter', 'rss.yaml',
            {'host': Target('flhost', PLACES['flhost'], 16)}, check_rss, to='the host',
            before=[['rss', 'disable', ADAPTER]], before_says='RSS off', commands=[['rss', 'enable', ADAPTER]]),
        Act('pairs', 'four NICs: a pair with RSS for storage, a pair with VM queues for VMs', 'four-nics.yaml', pairs_targets(),
            check_pairs, to='storage and VMs', gain=0,
            pings=[('fldc', target.address) for target in pairs_targets().values()],
            wires={'flstore1': ('fldcs1', '10.77.1.100/24'), 'flstore2': ('fldcs2', '10.77.2.100/24'),
                   'flnet1': ('fldcn1', '10.77.3.100/24'), 'flnet2': ('fldcn2', '10.77.4.100/24')}),
    ]
