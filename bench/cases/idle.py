"""CPU time of a host without traffic: 64 ports, half TAP, half for guests, and an uplink; both of the daemon's processes, all threads."""
import time

from peers import ovs
from rig import Bench, LabError, cpu_ns, cpus, family, Row, ROUNDS, spread, write_config

HELP = 'CPU time of a daemon with 64 ports (32 TAP, 32 vhost-user with guests) and an uplink, and no traffic'
PORTS = 64
GOAL = 1  # percent of a core
SILENCE_MS = 10000  # the longest that vmping has: the measurement ends before
SETTLE_S = 2  # announcements and first timers of new interfaces


def config(namespace):
    nics = [f'tap, netns: {namespace}, interface: t{i}' if i < PORTS // 2 else f'vhost, socket: vm{i}.sock' for i in range(PORTS)]
    ports = '\n'.join(f'      - {{name: vm{i}, nic: {nic}, mac: "02:f1:00:00:01:{i:02x}"}}' for i, nic in enumerate(nics))
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


def attach_guests(lab, namespace, daemon):
    """A driver at each port for a guest, and silence: a first frame passes after the measurement."""
    for i in range(PORTS // 2, PORTS, 2):
        a, b = (daemon.folder / f'vm{n}.sock' for n in (i, i + 1))
        lab.spawn(namespace, [lab.program('vmping'), '--a', a, '--b', b, '--mac-a', f'02:f1:00:00:01:{i:02x}', '--mac-b', f'02:f1:00:00:01:{i + 1:02x}',
                              '--seconds', 3600, '--interval-ms', SILENCE_MS])
    end = time.monotonic() + SETTLE_S * 5
    while sum(port['state'] == 'up' for port in daemon.show('port', 'list')) < PORTS:
        if time.monotonic() > end:
            raise LabError('not all guests are up')
        time.sleep(0.1)


def ours(seconds):
    with Bench('idle') as lab:
        vms, host, dc = (quiet_netns(lab, short) for short in ('vms', 'host', 'dc'))
        lab.wire(host, 'flwire0', dc, 'fldc0')
        daemon = lab.daemon(host, write_config(lab, config(vms)))
        attach_guests(lab, host, daemon)
        time.sleep(SETTLE_S)
        return percents(family(daemon.process), min(seconds, SILENCE_MS / 1000 - SETTLE_S - 1))


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
