"""Frames between a wire, which is a memif, and a guest on a vhost-user port (bench/vmwire), one way, through fairlead and OVS-DPDK in turn."""
import json

from cases.vm_bounce import Several
from peers import ovs
from rig import ROUNDS, Bench, BusyMeter, LabError, Row, call, family, spread
from vmlab import MACS, Contender, contenders, load_cpu, switch_cpu

CONFIG = """\
version: 1
processors: {{count: 1, cpus: [{cpu}]}}
adapters:
  - {{name: wire, uplink: "memif:{wire}"}}
switches:
  - name: lab
    kind: external
    uplink: wire
    ports:
      - {{name: vm, nic: vhost, socket: vm.sock, mac: "{mac}"}}
"""


class Through(Contender):
    """A switch between a memif, whose server it is, and a vhost-user port. sockets: of both."""

    def play(self, program, *words, seconds=10):
        argv = [self.lab.program(program), '--wire', self.sockets[0], '--vm', self.sockets[1], '--mac-vm', MACS[0], '--cpu', load_cpu(),
                '--seconds', seconds, '--hugepages', *words]
        with BusyMeter(self.pids) as meter:
            done = call(argv, timeout=seconds + 30, check=False)
        try:
            report = json.loads(done.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise LabError(f'{program} with {self.name}: {(done.stderr or done.stdout).strip()[-300:]}') from error
        return report | {'cpu_cycles': meter.cycles(), 'cpu_ns': meter.ns}

    def packets(self, *words, seconds):
        """Rate, and cycles for each that arrived."""
        report = self.play('vmwire', *words, seconds=seconds)
        return report['mpps'], self.cycles_of(report)


class Fairlead(Through):
    def __init__(self, lab):
        config = lab.folder / 'config.yaml'
        wire = lab.folder / 'fairlead.memif'
        config.write_text(CONFIG.format(cpu=switch_cpu(), wire=wire, mac=MACS[0]))
        daemon = lab.daemon(lab.netns('host'), config, name='fairlead')
        super().__init__(lab, 'fairlead', [wire, daemon.folder / 'vm.sock'], family(daemon.process))

    def cycles_of(self, report):
        return report['cpu_cycles'] / max(1, report['received'])


class Ovs(Through):
    def __init__(self, lab):
        self.switch = ovs.Ovs(lab, 'ovs', cpu=switch_cpu(), main_cpu=load_cpu())
        wire = self.switch.folder / 'memif'
        self.switch.add_vhost_users(['vm'])
        self.switch.add_dpdk('wire', f'net_memif0,role=server,socket={wire},socket-abstract=no')
        self.switch.connect_ports(1, 2)
        super().__init__(lab, 'ovs-dpdk', [wire, self.switch.folder / 'vm'], self.switch.pids())

    def packets(self, *words, seconds):
        self.switch.clear()
        return super().packets(*words, seconds=seconds)

    def play(self, program, *words, seconds=10):
        # a queue for its main thread, too, and the other one is for the thread that has the frames
        return super().play(program, '--wire-queues', 2, *words, seconds=seconds)

    def cycles_of(self, report):
        return self.switch.busy()


class WireVm:
    """A case: frames of one size, one way."""

    GOAL = 0.7  # of the peer's busy cycles

    def __init__(self, case, way, size):
        self.case, self.way, self.size = case, way, size
        self.HELP = f'{size}-byte frames from {"a memif to a guest" if way == "to-vm" else "a guest to a memif"}; ovs-dpdk'

    def measure(self, seconds):
        words = ['--way', self.way, '--size', self.size]
        with Bench(self.case) as lab, contenders(lab, Fairlead, Ovs) as everyone:
            for _ in range(ROUNDS):
                for one in everyone:
                    with one.awake():
                        one.note(*one.packets(*words, seconds=max(1, round(seconds / ROUNDS))))
        ours, peer = everyone
        return [Row(self.case, **spread(ours.values), unit='Mpps', busy_cycles=ours.busy(), busy_unit='cycles/packet', peer=peer.name,
                    peer_value=peer.value(), peer_busy_cycles=peer.busy(), ratio=ours.busy() / peer.busy(), goal=self.GOAL,
                    rate_ratio=ours.value() / peer.value(),
                    note=f'switch on CPU {switch_cpu()}, both ends on CPU {load_cpu()}; 256 packets under way, rings of 1024 at the wire '
                         'and of 256 in the guest').judge()]


wire_vm = Several(WireVm('wire-vm-64', 'to-vm', 64), WireVm('wire-vm-1500', 'to-vm', 1500))
vm_wire = Several(WireVm('vm-wire-64', 'to-wire', 64), WireVm('vm-wire-1500', 'to-wire', 1500))
