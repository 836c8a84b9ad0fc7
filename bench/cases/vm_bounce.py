"""Frames between two guests that send back what they get (bench/vmbounce), through fairlead and a peer in turn, several times around."""
from rig import ROUNDS, Bench, Row, spread
from vmlab import PEERS, Fairlead, contenders, load_cpu, switch_cpu

HOT = (256, 256, 1)  # ring, packets in flight each way, buffers (more if the rings need them): payload comes out of the second-level cache
COLD = (1024, 1024, 16384)  # so many buffers that payload comes out of the third-level cache, or from memory


class VmBounce:
    """A case: frames of one size against one peer. goals: of busy cycles and of the rate, as ratios."""

    def __init__(self, case, size, peer, goal, rate_goal=None, shape=HOT):
        self.case, self.size, self.peer, self.goal, self.rate_goal, self.shape = case, size, peer, goal, rate_goal, shape
        self.HELP = f'{size}-byte frames between two guests on vhost-user ports; {peer}'

    def measure(self, seconds):
        ring, in_flight, mbufs = self.shape
        words = ['--size', self.size, '--ring', ring, '--in-flight', in_flight, '--mbufs', mbufs]
        with Bench(self.case) as lab, contenders(lab, Fairlead, PEERS[self.peer]) as everyone:
            for _ in range(ROUNDS):
                for one in everyone:
                    with one.awake():
                        one.note(*one.packets('vmbounce', *words, seconds=max(1, round(seconds / ROUNDS))))
        ours, peer = everyone
        return [Row(self.case, **spread(ours.values), unit='Mpps', busy_cycles=ours.busy(), busy_unit='cycles/packet', peer=peer.name,
                    peer_value=peer.value(), peer_busy_cycles=peer.busy(), ratio=ours.busy() / peer.busy(), goal=self.goal,
                    rate_ratio=ours.value() / peer.value(), rate_goal=self.rate_goal,
                    note=f'switch on CPU {switch_cpu()}, guests on CPU {load_cpu()}; rings of {ring}{f", {mbufs} buffers" if mbufs > 1 else ""}').judge(rate_at_least=True)]


class Several:
    """Cases under one name."""

    def __init__(self, *cases):
        self.cases = cases
        self.HELP = '; '.join(case.HELP for case in cases)

    def measure(self, seconds):
        return [row for case in self.cases for row in case.measure(seconds)]


vm_64 = VmBounce('vm-64', 64, 'ovs-dpdk', 0.5, 1.2)
vm_1500 = VmBounce('vm-1500', 1500, 'ovs-dpdk', 0.4, 1.5)
vm_io = Several(VmBounce('vm-io-64', 64, 'testpmd-vhost-io', 0.8), VmBounce('vm-io-1500', 1500, 'testpmd-vhost-io', 0.6))
vm_cold = VmBounce('vm-cold', 1500, 'ovs-dpdk', 0.6, shape=COLD)
