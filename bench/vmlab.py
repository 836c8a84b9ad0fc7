"""What the cases about guests share: a switch with two vhost-user ports, ours or a peer's, and guests played by bench/vm* between them.

The switch has the first CPU, the guests the last. Of fairlead, the CPU time of all threads counts; of a peer, which polls, what it
says of the polls that found something. Only one switch runs at a time: the others are stopped where they stand.
"""
import json
import os
import signal
from contextlib import contextmanager
from statistics import median

from peers import ovs, testpmd
from rig import BusyMeter, LabError, call, cpus, family

LOAD_MIB = 256  # memory of the guests, in huge pages
MACS = ('02:00:00:00:00:0a', '02:00:00:00:00:0b')  # what bench/vm* call themselves

CONFIG = """\
version: 1
processors: {{count: 1, cpus: [{cpu}]{idle}}}
switches:
  - name: lab
    kind: private
    fdb_entries: {fdb_entries}
    ports:
      - {{name: a, nic: vhost, socket: a.sock, mac: "{macs[0]}"}}
      - {{name: b, nic: vhost, socket: b.sock, mac: "{macs[1]}"}}
{more}"""


def switch_cpu():
    return cpus()[0]


def load_cpu():
    return cpus()[-1]


class Contender:
    """A switch with two ports. sockets: of both; pids: what is to be stopped and metered."""

    def __init__(self, lab, name, sockets, pids):
        self.lab, self.name, self.sockets, self.pids = lab, name, sockets, pids
        self.values, self.cycles = [], []
        self.signal(signal.SIGSTOP)

    def signal(self, number):
        for pid in self.pids:
            os.kill(pid, number)

    @contextmanager
    def awake(self):
        self.signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.signal(signal.SIGSTOP)

    def play(self, program, *words, seconds=10):
        """Guests on both ports: one of bench/vm*. Returns its report, with the switch's CPU time in it as cpu_cycles and cpu_ns."""
        argv = [self.lab.program(program), '--a', self.sockets[0], '--b', self.sockets[1], '--cpu', load_cpu(), '--seconds', seconds, '--hugepages',
                *words]
        with BusyMeter(self.pids) as meter:
            done = call(argv, timeout=seconds + 30, check=False)
        try:
            report = json.loads(done.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise LabError(f'{program} with {self.name}: {(done.stderr or done.stdout).strip()[-300:]}') from error
        return report | {'cpu_cycles': meter.cycles(), 'cpu_ns': meter.ns}

    def note(self, value, cycles):
        self.values.append(value)
        self.cycles.append(cycles)

    def value(self):
        return median(self.values)

    def busy(self):
        return median(self.cycles)

    def close(self):
        self.signal(signal.SIGCONT)


class Metered(Contender):
    """One whose CPU time of all threads counts."""

    def packets(self, program, *words, seconds=10):
        """A run of packets: rate, and cycles for each that arrived."""
        report = self.play(program, *words, seconds=seconds)
        return report['mpps'], report['cpu_cycles'] / max(1, report['received'])


class Fairlead(Metered):
    """prefix: tells several in one laboratory apart."""

    def __init__(self, lab, name='fairlead', prefix='', idle='sleep', fdb_entries=8192, more=''):
        text = CONFIG.format(cpu=switch_cpu(), idle='' if idle == 'sleep' else f', idle: {idle}', macs=MACS, fdb_entries=fdb_entries,
                             more=more)
        path = lab.folder / f'config{prefix}.yaml'
        path.write_text(text)
        self.daemon = lab.daemon(lab.netns(f'host{prefix}'), path, name=f'{name}{prefix}')
        super().__init__(lab, name, [self.daemon.folder / f'{port}.sock' for port in 'ab'], family(self.daemon.process))


class Polling(Contender):
    """A peer that tells its own busy cycles."""

    def __init__(self, lab, name, peer, sockets, pids):
        super().__init__(lab, name, sockets, pids)
        self.peer = peer

    def packets(self, program, *words, seconds=10):
        self.peer.clear()
        report = self.play(program, *words, seconds=seconds)
        return report['mpps'], self.peer.busy()


def start_ovs(lab):
    switch = ovs.Ovs(lab, 'ovs', cpu=switch_cpu(), main_cpu=load_cpu())
    switch.add_vhost_users(['a', 'b'])
    switch.connect_ports(1, 2)
    return Polling(lab, 'ovs-dpdk', switch, [switch.folder / 'a', switch.folder / 'b'], switch.pids())


def start_testpmd(lab):
    sockets = [lab.folder / f'tp-{port}' for port in 'ab']
    peer = testpmd.Testpmd(lab, 'tp', switch_cpu(), load_cpu(),
                           [f'net_vhost{number},iface={path},queues=1' for number, path in enumerate(sockets)])
    return Polling(lab, 'testpmd-vhost-io', peer, sockets, family(peer.process))


PEERS = {'ovs-dpdk': start_ovs, 'testpmd-vhost-io': start_testpmd}


@contextmanager
def contenders(lab, *starts):
    """Starts them one after the other, each stopped before the next; lets them go on at the end, so that they can end."""
    lab.hugepages(LOAD_MIB)
    everyone = []
    try:
        for start in starts:
            everyone.append(start(lab))
        yield everyone
    finally:
        for one in everyone:
            one.close()
