"""What it costs to read the statistics ten times a second: packets, and CPU time of the thread that answers."""
import threading
from pathlib import Path

from rig import ROUNDS, Bench, Row, Rpc, cpu_ns, spread
from vmlab import Fairlead, contenders

HELP = 'processors, queues, ports and drops read ten times a second beside 2 Mpps each way between two guests, 64 ports: packets lost, CPU time'
GOAL = 0.5  # percent of a core, which is the most that a switch on that core can lose of its rate
HZ = 10
PORTS = 64
MPPS = 2  # well below what goes through, so that what is lost is the reader's
QUESTIONS = ('processor.list', 'queue.list', 'port.list', 'drops')  # what a picture of the host is made of


def more_ports():
    return ''.join(f'      - {{name: v{i}, nic: vhost, socket: v{i}.sock, mac: "02:f1:01:00:00:{i:02x}"}}\n' for i in range(PORTS - 2))


class Reader:
    """Asks for the picture, HZ times a second, while it is in a with block."""

    def __init__(self, socket):
        self.rpc = Rpc(socket)
        self.rounds = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.read)

    def read(self):
        while not self.over.wait(1 / HZ):
            for question in QUESTIONS:
                self.rpc.call(question)
            self.rounds += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.rpc.close()


def control_ns(pid):
    """CPU time of a process's first thread, which answers; ns (Documentation/scheduler/sched-stats)."""
    return int(Path(f'/proc/{pid}/task/{pid}/schedstat').read_text().split()[0])


def play(ours, pid, seconds):
    """Returns the load's report, and percent of a core that the answering thread took."""
    before = control_ns(pid)
    report = ours.play('vmbounce', '--mode', 'both', '--rate', 2 * MPPS, seconds=seconds)
    return report, 100 * (control_ns(pid) - before) / 1e9 / (report['seconds'] + 0.5)  # and vmbounce's warming up


def measure(seconds):
    each = max(1, round(seconds / ROUNDS / 2))
    lost, costs, rounds = {False: 0, True: 0}, [], 0
    with Bench('statistics') as lab, contenders(lab, lambda lab: Fairlead(lab, more=more_ports())) as (ours,):
        pid = max(ours.pids, key=lambda pid: cpu_ns([pid]))  # the data plane: it has booted DPDK
        for _ in range(ROUNDS):
            with ours.awake():
                quiet, idle = play(ours, pid, each)
                with Reader(ours.daemon.rpc) as reader:
                    read, busy = play(ours, pid, each)
            lost[False] += quiet['lost']
            lost[True] += read['lost']
            rounds += reader.rounds
            costs.append(busy - idle)
    mine = spread(costs)
    row = Row('statistics', **mine, unit='% of a core', ratio=mine['value'], goal=GOAL,
              note=f'{lost[True]} packets lost while read, {lost[False]} while not; {rounds} rounds of {len(QUESTIONS)} questions; {PORTS} ports').judge()
    row.met = row.met and lost[True] == 0
    return [row]
