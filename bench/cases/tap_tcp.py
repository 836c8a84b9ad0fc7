"""One TCP stream between two namespaces on TAP ports, through each switch in turn, several times around.

The switch has the first CPU (fairlead's one worker, or the main thread of Open vSwitch, which serves TAP ports), iperf3 of both ends
the last one. A kernel bridge has no thread of its own, its work is done by the sender's and the receiver's: these have both CPUs.
"""
import json
from statistics import median

from peers import ovs
from rig import ROUNDS, Bench, BusyMeter, LabError, Row, call, cpus, family, spread, write_config

HELP = 'one TCP stream between namespaces on TAP ports; OVS-DPDK, and a kernel bridge beside it'
GOAL = 2  # times the peer's rate
BYTES = 1000  # that busy cycles are told for
PORT = 5201

CONFIG = """\
version: 1
processors: {{count: 1, cpus: [{cpu}]}}
switches:
  - name: lab
    kind: private
    ports:
      - {{name: a, nic: tap, netns: {a}, interface: eth0, address: 10.78.0.1/24, mac: "02:f1:00:00:00:01"}}
      - {{name: b, nic: tap, netns: {b}, interface: eth0, address: 10.78.0.2/24, mac: "02:f1:00:00:00:02"}}
"""


class Contender:
    """A switch between two namespaces of its own, 10.78.0.1 and 10.78.0.2."""

    def __init__(self, lab, short, client_cpu, server_cpu):
        self.lab = lab
        self.client_cpu, self.server_cpu = client_cpu, server_cpu
        self.a, self.b = lab.netns(f'{short}a'), lab.netns(f'{short}b')
        self.pids = []  # of the switch; none: nothing to meter
        self.gbps, self.cycles = [], []

    def listen(self):
        self.lab.spawn(self.b, ['taskset', '-c', self.server_cpu, 'iperf3', '--server'])
        self.lab.run(self.a, ['ping', '-n', '-q', '-c', 3, '-i', 0.2, '-W', 1, '10.78.0.2'])

    def round(self, seconds):
        with BusyMeter(self.pids) as meter:
            out = self.lab.run(self.a, ['taskset', '-c', self.client_cpu, 'iperf3', '--client', '10.78.0.2', '--time', seconds, '--json'],
                               timeout=seconds + 15, check=False).stdout
        report = json.loads(out or '{"error": "iperf3 printed nothing"}')
        if 'error' in report:
            raise LabError(f'iperf3 in {self.a}: {report["error"]}')
        received = report['end']['sum_received']
        self.gbps.append(received['bits_per_second'] / 1e9)
        self.cycles.append(meter.cycles() / (received['bytes'] / BYTES))

    def busy(self):
        return median(self.cycles) if self.pids else None


def start_fairlead(lab, cpu, tool_cpu):
    one = Contender(lab, 'fl', tool_cpu, tool_cpu)
    host = lab.netns('host')
    daemon = lab.daemon(host, write_config(lab, CONFIG.format(cpu=cpu, a=one.a, b=one.b)))
    one.pids = family(daemon.process)
    return one


def start_ovs(lab, short, cpu, tool_cpu, settings=()):
    one = Contender(lab, short, tool_cpu, tool_cpu)
    switch = ovs.Ovs(lab, f'{short}ovs', cpu=cpu, main_cpu=cpu, settings=settings)
    switch.add_tap(f'fl{short}0', one.a, '10.78.0.1/24')
    switch.add_tap(f'fl{short}1', one.b, '10.78.0.2/24')
    one.pids = switch.pids()
    return one


def start_bridge(lab, both):
    one = Contender(lab, 'br', both, both)
    host = lab.netns('bridge')
    call(['ip', '-n', host, 'link', 'add', 'br0', 'type', 'bridge'])
    call(['ip', '-n', host, 'link', 'set', 'br0', 'up'])
    for number, namespace in ((1, one.a), (2, one.b)):
        call(['ip', '-n', host, 'link', 'add', f'v{number}', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace])
        call(['ip', '-n', host, 'link', 'set', f'v{number}', 'master', 'br0', 'up'])
        call(['ip', '-n', namespace, 'address', 'add', f'10.78.0.{number}/24', 'dev', 'eth0'])
        call(['ip', '-n', namespace, 'link', 'set', 'eth0', 'up'])
    return one


def measure(seconds):
    cpu, tool_cpu = cpus()[0], cpus()[-1]
    with Bench('tap-tcp') as lab:
        ours = start_fairlead(lab, cpu, tool_cpu)
        plain = start_ovs(lab, 'op', cpu, tool_cpu)
        tso = start_ovs(lab, 'ot', cpu, tool_cpu, ['userspace-tso-enable=true'])
        bridge = start_bridge(lab, f'{cpu},{tool_cpu}')
        everyone = [ours, plain, tso, bridge]
        for one in everyone:
            one.listen()
        for _ in range(ROUNDS):
            for one in everyone:
                one.round(max(1, round(seconds / ROUNDS)))
    where = f'switch on CPU {cpu}, iperf3 on CPU {tool_cpu}; '
    return [
        row('tap-tcp', ours, plain, 'ovs-dpdk', GOAL, where + 'Open vSwitch as it comes'),
        row('tap-tcp-tso', ours, tso, 'ovs-dpdk-tso', None, where + 'Open vSwitch with userspace-tso-enable, which is off unless asked for'),
        row('tap-tcp-bridge', ours, bridge, 'kernel-bridge', None, f'veth and a kernel bridge; iperf3 on CPUs {cpu} and {tool_cpu}'),
    ]


def row(case, ours, peer, name, goal, note):
    return Row(case, **spread(ours.gbps), unit='Gb/s', busy_cycles=ours.busy(), busy_unit=f'cycles/{BYTES} B', peer=name,
               peer_value=median(peer.gbps), peer_busy_cycles=peer.busy(), ratio=median(ours.gbps) / median(peer.gbps), goal=goal,
               note=note).judge(at_least=True)
