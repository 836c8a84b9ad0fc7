"""Virtual functions in software: packets between two of them, the time of one frame, and what many idle ones cost."""
import json
import subprocess
import time

from rig import ROUNDS, Bench, LabError, Row, cpu_ns, family, spread
from vmlab import PEERS, Fairlead, Metered, contenders, load_cpu, switch_cpu

SHAPE = ('--ring', 256, '--in-flight', 256, '--mbufs', 1)
COUNT = 20000
FUNCTIONS = 256
IDLE_GOAL = 1.5  # percent of a core
FIRST_GOALS = {'mapped': 5500, 'trapped': 300}  # us, p99
IDLE_MS = 100  # longer than the longest look at a doorbell
TRIES_PER_S = 5
SETTLE_S = 2
ATTACH_S = 60

CONFIG = """\
version: 1
processors: {{count: 1, cpus: [{cpu}]{idle}}}
adapters:
  - {{name: wire, uplink: "null", vfs: {vfs}}}
switches:
  - name: lab
    kind: external
    uplink: wire
    ports:
"""


class Functions(Metered):
    """Two functions of an adapter, and as many more of it as wanted."""

    def __init__(self, lab, name='fairlead', prefix='vf', idle='sleep', doorbell='mapped', more=0):
        ports = [('a', '02:f1:00:00:00:0a'), ('b', '02:f1:00:00:00:0b'), *((f'vf{i}', f'02:f1:00:00:{i // 256 + 1:02x}:{i % 256:02x}') for i in range(more))]
        path = lab.folder / f'config{prefix}.yaml'
        path.write_text(CONFIG.format(cpu=switch_cpu(), idle='' if idle == 'sleep' else f', idle: {idle}', vfs=len(ports)) + ''.join(
            f'      - {{name: {port}, nic: vf, socket: {port}.vf.sock, mac: "{mac}", doorbell: {doorbell}}}\n' for port, mac in ports))
        self.daemon = lab.daemon(lab.netns(f'host{prefix}'), path, name=f'{name}{prefix}')
        super().__init__(lab, name, [self.daemon.folder / f'{port}.vf.sock' for port in 'ab'], family(self.daemon.process))


class VfBounce:
    """A case: frames of one size between two functions, and the same between two guests of a peer."""

    def __init__(self, case, size, peer, goal):
        self.case, self.size, self.peer, self.goal = case, size, peer, goal
        self.HELP = f'{size}-byte frames between two virtual functions; {peer}'

    def measure(self, seconds):
        words = ('--size', self.size, *SHAPE)
        with Bench(self.case) as lab, contenders(lab, Functions, PEERS[self.peer]) as (ours, peer):
            for _ in range(ROUNDS):
                for one, program in ((ours, 'vfbounce'), (peer, 'vmbounce')):
                    with one.awake():
                        one.note(*one.packets(program, *words, seconds=max(1, round(seconds / ROUNDS))))
        return [Row(self.case, **spread(ours.values), unit='Mpps', busy_cycles=ours.busy(), busy_unit='cycles/packet', peer=peer.name,
                    peer_value=peer.value(), peer_busy_cycles=peer.busy(), ratio=ours.busy() / peer.busy(), goal=self.goal,
                    rate_ratio=ours.value() / peer.value(), note=f'switch on CPU {switch_cpu()}, guests on CPU {load_cpu()}').judge()]


class VfLatency:
    HELP = 'a frame from function to function and back: p50, beside two guests on vhost-user ports of the same daemon'

    def measure(self, seconds):
        def polling_functions(lab):
            return Functions(lab, idle='poll')

        def polling_guests(lab):
            return Fairlead(lab, name='fairlead-vhost', idle='poll')

        with Bench('vf-latency') as lab, contenders(lab, polling_functions, polling_guests) as (ours, guests):
            for _ in range(ROUNDS):
                for one, program in ((ours, 'vfping'), (guests, 'vmping')):
                    with one.awake():
                        report = one.play(program, '--count', COUNT, seconds=max(1, round(seconds / ROUNDS)))
                        one.note(report['p50_us'], report['p99_us'])
        return [Row('vf-latency', **spread(ours.values), unit='us, p50', peer=guests.name, peer_value=guests.value(), ratio=ours.value() / guests.value(),
                    goal=0.7, note=f'there and back, idle: poll; p99 {ours.busy():.1f} us beside {guests.busy():.1f}').judge()]


class IdleVf:
    HELP = f'CPU time of a daemon with {FUNCTIONS} functions whose drivers are idle; the first frame of one after silence, mapped and trapped'

    def measure(self, seconds):
        rows = []
        for doorbell, goal in FIRST_GOALS.items():
            percents, attach_ms, first = idle(doorbell, seconds)
            if doorbell == 'mapped':
                mine = spread(percents)
                rows.append(Row('idle-vf', **mine, unit='% of a core', ratio=mine['value'], goal=IDLE_GOAL,
                                note=f'{FUNCTIONS} functions, mapped doorbells; {FUNCTIONS - 2} drivers attached in {attach_ms:.0f} ms').judge())
            row = Row(f'idle-vf-first-{doorbell}', first['p99_us'], 'us, p99', ratio=first['p99_us'], goal=goal, runs=first['count'], low=first['min_us'],
                      high=first['max_us'], note=f'one way, to a receiver that polls; p50 {first["p50_us"]:.0f} us, {first["lost"]} lost').judge()
            row.met = row.met and first['lost'] == 0
            rows.append(row)
        return rows


def idle(doorbell, seconds):
    with Bench('idle-vf') as lab, contenders(lab, lambda it: Functions(it, doorbell=doorbell, more=FUNCTIONS - 2)) as (ours,), ours.awake():
        drivers = lab.spawn(lab.netns('drivers'), [lab.program('vfidle'), '--prefix', ours.daemon.folder / 'vf', '--functions', FUNCTIONS - 2,
                                                   '--cpu', load_cpu()], stdout=subprocess.PIPE, text=True)
        line = drivers.stdout.readline()
        if not line:
            raise LabError('vfidle: not all drivers came up')
        time.sleep(SETTLE_S)
        percents = []
        for _ in range(ROUNDS):
            before, began = cpu_ns(ours.pids), time.monotonic_ns()
            time.sleep(min(seconds, 10) / ROUNDS)
            percents.append(100 * (cpu_ns(ours.pids) - before) / (time.monotonic_ns() - began))
        tries = seconds * TRIES_PER_S
        first = ours.play('vfping', '--one-way', '--interval-ms', IDLE_MS, '--count', tries, seconds=tries * IDLE_MS // 1000 + 10)
    return percents, json.loads(line)['attach_ms'], first


vf_64 = VfBounce('vf-64', 64, 'testpmd-vhost-io', 0.6)
vf_1500 = VfBounce('vf-1500', 1500, 'ovs-dpdk', 0.35)
vf_latency = VfLatency()
idle_vf = IdleVf()
