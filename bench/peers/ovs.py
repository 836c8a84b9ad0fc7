"""Peer: Open vSwitch with DPDK (userspace datapath), as Debian builds it.

Tried on TAP ports, one TCP stream, two cores: `type=tap` with userspace-tso-enable 14 Gb/s, `type=tap` as it comes 1.4 Gb/s,
DPDK's own TAP driver (`type=dpdk`, net_tap) 0.8 Gb/s with and without it. `type=tap` is served by the main thread, which sleeps;
PMD threads, which never do, serve DPDK's ports.
"""
import os
import shutil
import subprocess
import time
from pathlib import Path

from rig import LabError, call, family

DAEMON = Path('/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk')
SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
READY_S = 20
MEMORY_MIB = 512  # the least that its packet buffers for 64 vhost-user ports fit into


def installed():
    return DAEMON.exists() and shutil.which('ovsdb-tool') is not None


def version():
    return call([DAEMON, '--version']).stdout.split('\n')[0].split()[-1]


class Ovs:
    def __init__(self, lab, name, cpu, main_cpu, settings=()):
        """A bridge without ports in a namespace of its own. cpu: of its PMD threads; main_cpu: of its main thread."""
        self.lab = lab
        self.folder = lab.folder / name
        self.folder.mkdir()
        self.database = f'unix:{self.folder}/db.sock'
        self.env = dict(os.environ, OVS_RUNDIR=str(self.folder), OVS_DBDIR=str(self.folder), OVS_LOGDIR=str(self.folder),
                        RUNTIME_DIRECTORY=str(self.folder))  # the last: where DPDK keeps its files
        self.namespace = lab.netns(name)
        huge = lab.hugepages(MEMORY_MIB)
        call(['ovsdb-tool', 'create', self.folder / 'conf.db', SCHEMA], env=self.env)
        self.start('ovsdb-server', ['ovsdb-server', self.folder / 'conf.db', f'--remote=p{self.database}'])
        self.wait(lambda: (self.folder / 'db.sock').exists(), 'ovsdb-server did not start')
        self.control('--no-wait', 'init')
        self.control('--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:dpdk-init=true', f'other_config:dpdk-socket-mem={MEMORY_MIB}',
                     f'other_config:pmd-cpu-mask={1 << cpu:#x}', f'other_config:dpdk-lcore-mask={1 << main_cpu:#x}',
                     'other_config:vhost-sock-dir=.', f'other_config:dpdk-extra="--no-pci --file-prefix fl{name} --huge-dir {huge}"',
                     *(f'other_config:{setting}' for setting in settings))
        self.process = self.start('vswitchd', ['taskset', '-c', main_cpu, DAEMON, self.database, f'--pidfile={self.folder}/vs.pid'])
        self.control('add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev', timeout=READY_S)

    def start(self, name, argv):
        with open(self.folder / f'{name}.out', 'wb') as out:
            return self.lab.spawn(self.namespace, argv, stdout=out, stderr=subprocess.STDOUT, env=self.env)

    @staticmethod
    def wait(condition, sentence):
        end = time.monotonic() + READY_S
        while not condition():
            if time.monotonic() > end:
                raise LabError(f'Open vSwitch: {sentence} within {READY_S} s')
            time.sleep(0.05)

    def control(self, *words, timeout=10):
        return call(['ovs-vsctl', f'--timeout={timeout}', f'--db={self.database}', *words], timeout=timeout + 5, env=self.env).stdout

    def add_tap(self, interface, namespace, address):
        """A TAP port; its interface is moved into a namespace and brought up."""
        self.control('add-port', 'br0', interface, '--', 'set', 'Interface', interface, 'type=tap')
        call(['ip', '-n', self.namespace, 'link', 'set', interface, 'netns', namespace])
        call(['ip', '-n', namespace, 'address', 'add', address, 'dev', interface])
        call(['ip', '-n', namespace, 'link', 'set', interface, 'up'])

    def add_vhost_users(self, names):
        """Ports for guests, all at once."""
        words = []
        for name in names:
            words += ['--', 'add-port', 'br0', name, '--', 'set', 'Interface', name, 'type=dpdkvhostuser']
        self.control(*words[1:], timeout=READY_S)

    def add_dpdk(self, name, device):
        """A port on a device of DPDK, in DPDK's words."""
        self.control('add-port', 'br0', name, '--', 'set', 'Interface', name, 'type=dpdk', f'options:dpdk-devargs="{device}"', timeout=READY_S)

    def pids(self):
        return family(self.process)

    def connect_ports(self, one, other):
        """What enters one port leaves by the other: the cheapest rule that there is."""
        flows = ['ovs-ofctl', '--timeout=10']
        bridge = f'unix:{self.folder}/br0.mgmt'
        call([*flows, 'del-flows', bridge], env=self.env)
        for here, there in ((one, other), (other, one)):
            call([*flows, 'add-flow', bridge, f'in_port={here},actions=output:{there}'], env=self.env)

    def appctl(self, *words):
        control = next(self.folder.glob('*vswitchd*.ctl'))
        return call(['ovs-appctl', '--timeout=10', '-t', control, *words], timeout=15, env=self.env).stdout

    def clear(self):
        self.appctl('dpif-netdev/pmd-stats-clear')

    def busy(self):
        """Cycles of a packet since `clear`, polls that found nothing not counted."""
        for line in self.appctl('dpif-netdev/pmd-stats-show').splitlines():
            if 'avg processing cycles per packet' in line:
                return float(line.split(':')[1].split()[0])
        return None
