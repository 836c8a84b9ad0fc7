"""CPU time of a host without traffic: 64 VMs on TAP ports and an uplink; both of the daemon's processes, all threads."""
import time

from peers import ovs
from rig import Bench, cpu_ns, cpus, family, Row, ROUNDS, spread, write_config

HELP = 'CPU time of a daemon with 64 TAP ports and an uplink, and no traffic'
PORTS = 64
GOAL = 1  # percent of a core
SETTLE_S = 2  # announcements and first timers of new interfaces


def config(namespace):
    ports = '\n'.join(f'      - {{name: vm{i}, nic: tap, netns: {namespace}, interface: t{i}, mac: "02:f1:00:00:01:{i:02x}"}}'
                      for i in range(PORTS))
    return f"""\
version: 1
processors: {{count: {len(cpus())}}}
adapters:
  - {{name: wire, uplink: "af_xdp:flwire0", mode: vmq, queues: {PORTS}, speed: 10G}}
switches:
  - name: ext
    kind: external
    uplink: wire
    ports:
{ports}
"""


def quiet_netns(lab, short):
    """A namespace whose interfaces never speak by themselves."""
    name = lab.netns(short)
    for which in ('all', 'default'):
        lab.run(name, ['sysctl', '-q', f'net.ipv6.conf.{which}.disable_ipv6=1'])
    return name


def percents(pids, seconds):
    """CPU time of these processes, percent of one core, ROUNDS times within seconds."""
    found = []
    for _ in range(ROUNDS):
        before, began = cpu_ns(pids), time.monotonic_ns()
        time.sleep(seconds / ROUNDS)
        found.append(100 * (cpu_ns(pids) - before) / (time.monotonic_ns() - began))
    return found


def ours(seconds):
    with Bench('idle') as lab:
        vms, host, dc = (quiet_netns(lab, short) for short in ('vms', 'host', 'dc'))
        lab.wire(host, 'flwire0', dc, 'fldc0')
        daemon = lab.daemon(host, write_config(lab, config(vms)))
        time.sleep(SETTLE_S)
        return percents(family(daemon.process), seconds)


def peers(seconds):
    """Open vSwitch with 64 ports for guests (vhost-user: PMD threads serve them)."""
    with Bench('idle') as lab:
        switch = ovs.Ovs(lab, 'ovs', cpu=cpus()[0], main_cpu=cpus()[-1])
        switch.add_vhost_users([f'vm{i}' for i in range(PORTS)])
        time.sleep(SETTLE_S)
        return percents(switch.pids(), seconds)


def measure(seconds):
    mine, others = spread(ours(seconds)), spread(peers(min(seconds, 5)))
    return [Row('idle', **mine, unit='% of a core', peer='ovs-dpdk', peer_value=others['value'], ratio=mine['value'], goal=GOAL,
                note=f'{PORTS} ports; of Open vSwitch, vhost-user ones').judge()]
