"""The first frame after silence: from the wire (a veth pair by AF_XDP) to a VM's TAP, three sleepers on its way, and from VM to VM."""
import json
from statistics import median

from rig import Bench, Row, percentile, write_config
from vmlab import Fairlead, contenders, switch_cpu

HELP = 'time of the first frame after silence, from the wire to a VM, and from VM to VM'
GOAL_US = 150  # p99
IDLE_MS = 1000
VM_IDLE_MS = 250  # everything sleeps after one, too; so many tries need their time
TRIES_PER_S = 20  # of --seconds: 200 tries at its default of 10
MAC = '02:f1:00:00:00:01'

CONFIG = """\
version: 1
adapters:
  - {{name: wire, uplink: "af_xdp:flwire0", mode: vmq, queues: 8, speed: 10G}}
switches:
  - name: ext
    kind: external
    uplink: wire
    ports:
      - {{name: vm1, nic: tap, netns: {vm}, interface: eth0, address: 10.78.0.1/24, mac: "{mac}"}}
"""


def measure(seconds):
    tries = seconds * TRIES_PER_S
    return [from_wire(tries), between_vms(tries)]


def from_wire(tries):
    with Bench('first-packet') as lab:
        host, dc, vm = (lab.netns(short) for short in ('host', 'dc', 'vm'))
        for name in (host, dc, vm):
            for which in ('all', 'default'):  # no announcement may wake what is to sleep
                lab.run(name, ['sysctl', '-q', f'net.ipv6.conf.{which}.disable_ipv6=1'])
        lab.wire(host, 'flwire0', dc, 'fldc0')
        lab.wire(dc, 'bare0', vm, 'bare1')
        lab.daemon(host, write_config(lab, CONFIG.format(vm=vm, mac=MAC)))
        out = lab.run(host, [lab.program('firstframe'), '--from', f'{dc}:fldc0', '--to', f'{vm}:eth0', '--mac', MAC, '--tries', tries,
                             '--idle', IDLE_MS, '--floor-from', f'{dc}:bare0', '--floor-to', f'{vm}:bare1'],
                      timeout=tries * (IDLE_MS / 1000 + 0.1) + 30).stdout
    got = json.loads(out)
    way, floor = got['way_us'], got['floor_us']
    p99 = percentile(way, 99)
    note = (f'p50 {median(way):.0f} us; over a veth pair without a switch p50 {median(floor):.0f}, p99 {percentile(floor, 99):.0f}; '
            f'{got["way_lost"]} lost')
    result = Row('first-packet', p99, 'us, p99', ratio=p99, goal=GOAL_US, runs=len(way), low=min(way), high=max(way), note=note).judge()
    result.met = result.met and got['way_lost'] == 0
    return result


def between_vms(tries):
    """Guests on vhost-user ports whose receiver sleeps until it is interrupted."""
    with Bench('first-packet') as lab, contenders(lab, Fairlead) as (switch,), switch.awake():
        got = switch.play('vmping', '--sleep', '--interval-ms', VM_IDLE_MS, '--count', tries, '--floor-cpu', switch_cpu(),
                          seconds=tries * (VM_IDLE_MS + 100) // 1000 + 5)
    p99 = got['p99_us']
    result = Row('first-packet-vm', p99, 'us, p99', ratio=p99, goal=GOAL_US, runs=got['count'], low=got['min_us'], high=got['max_us'],
                 note=f'vhost-user ports, the receiver sleeps; p50 {got["p50_us"]:.0f} us; two wake-ups of sleeping threads on the same CPUs '
                      f'p50 {got["floor_p50_us"]:.0f}, p99 {got["floor_p99_us"]:.0f}; {got["lost"]} lost').judge()
    result.met = result.met and got['lost'] == 0
    return result
