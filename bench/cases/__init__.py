"""The cases, in the order in which they are measured. Each is a module with HELP (a line), and measure(seconds): a list of Rows."""
from cases import filter, first_packet, idle, memory, queue_move, start, tap_tcp

CASES = {
    'filter': filter,
    'tap-tcp': tap_tcp,
    'idle': idle,
    'first-packet': first_packet,
    'queue-move': queue_move,
    'start': start,
    'memory': memory,
}
