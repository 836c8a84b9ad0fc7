"""The cases, in the order in which they are measured. Each is a module with HELP (a line), and measure(seconds): a list of Rows."""
from cases import balance, balancer_cost, cores, filter, first_packet, idle, idle_load, incast, memory, moderation, ports, queue_move, start, statistics, tap_tcp
from cases import table_change, vf, vm_bounce, vm_latency, vm_lso, wire_vm

CASES = {
    'filter': filter,
    'vm-64': vm_bounce.vm_64,
    'vm-1500': vm_bounce.vm_1500,
    'vm-io': vm_bounce.vm_io,
    'vm-cold': vm_bounce.vm_cold,
    'vm-lso': vm_lso,
    'vm-latency': vm_latency,
    'vf-64': vf.vf_64,
    'vf-1500': vf.vf_1500,
    'vf-latency': vf.vf_latency,
    'idle-vf': vf.idle_vf,
    'wire-vm': wire_vm.wire_vm,
    'vm-wire': wire_vm.vm_wire,
    'incast': incast,
    'cores-2': cores,
    'ports-1024': ports,
    'tap-tcp': tap_tcp,
    'idle': idle,
    'idle-load': idle_load,
    'first-packet': first_packet,
    'moderation': moderation,
    'queue-move': queue_move,
    'table-change': table_change,
    'balance': balance,
    'balancer-cost': balancer_cost,
    'start': start,
    'memory': memory,
    'statistics': statistics,
}
