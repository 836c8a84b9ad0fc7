"""What the cases share: a laboratory of their own, the machine's figures, and the row that a case gives back."""
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'scripts'))
from lab import ROOT, Lab, LabError, Rpc, call, libc, namespaces, ping_all, stop, sweep  # noqa: E402,F401

FOLDER = Path('/run/fairlead-bench')
PREFIX = 'flbench'
HUGEPAGES = Path('/proc/sys/vm/nr_hugepages')
ROUNDS = 5  # at least, for a median that one disturbed round does not move


@dataclass
class Row:
    """One line of the result. ratio and rate_ratio are judged against goal and rate_goal; a goal that is None is not judged."""
    case: str
    value: float
    unit: str
    busy_cycles: float = None
    peer: str = None
    peer_value: float = None
    peer_busy_cycles: float = None
    ratio: float = None
    goal: float = None
    rate_ratio: float = None
    rate_goal: float = None
    met: bool = None
    # beyond the contract's keys: what a figure needs to be believed
    busy_unit: str = None  # of both busy_cycles
    runs: int = None
    low: float = None  # of value, over the runs
    high: float = None
    note: str = ''

    def judge(self, at_least=False, rate_at_least=False):
        """Sets met: True when each goal that there is is kept, None when there is none."""
        kept = [got >= goal if more else got <= goal
                for got, goal, more in ((self.ratio, self.goal, at_least), (self.rate_ratio, self.rate_goal, rate_at_least))
                if goal is not None]
        self.met = all(kept) if kept else None
        return self

    def json(self):
        return json.dumps({key: rounded(value) for key, value in asdict(self).items()})


def rounded(value):
    """Four significant digits say all that a benchmark knows."""
    return float(f'{value:.4g}') if isinstance(value, float) else value


def spread(values):
    """The part of a Row that several runs give."""
    return {'value': median(values), 'runs': len(values), 'low': min(values), 'high': max(values)}


def percentile(values, percent):
    """The smallest value that at least that share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


# ---- the machine ----

def tsc_hz():
    """The time-stamp counter's frequency: the kernel prints twice its MHz as "bogomips" (init/calibrate.c, lpj_fine)."""
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.lower().startswith('bogomips'):
            return float(line.split(':')[1]) / 2 * 1e6
    raise LabError('/proc/cpuinfo has no bogomips line to tell the frequency of the time-stamp counter')


def cpus():
    return sorted(os.sched_getaffinity(0))


def cpu_ns(pids):
    """CPU time of all threads of these processes so far, ns, waiting not counted (Documentation/scheduler/sched-stats)."""
    total = 0
    for pid in pids:
        for task in Path(f'/proc/{pid}/task').iterdir():
            total += int((task / 'schedstat').read_text().split()[0])
    return total


def family(process):
    """Pids of a started command and everything below it."""
    pids, found = [process.pid], []
    while pids:
        pid = pids.pop()
        found.append(pid)
        for children in Path(f'/proc/{pid}/task').glob('*/children'):
            pids += [int(child) for child in children.read_text().split()]
    return found


class BusyMeter:
    """CPU time that a switch took between the begin and the end of a with block."""

    def __init__(self, pids):
        self.pids = pids
        self.ns = 0

    def __enter__(self):
        self.ns = -cpu_ns(self.pids)
        return self

    def __exit__(self, *_):
        self.ns += cpu_ns(self.pids)

    def cycles(self):
        return self.ns / 1e9 * tsc_hz()


# ---- the daemon ----

def write_config(lab, text):
    path = lab.folder / 'config.yaml'
    path.write_text(text)
    return path


# ---- a laboratory per case, and nothing left of it ----

class Bench(Lab):
    """A Lab for one case; raises the number of hugepages on demand and puts it back."""

    def __init__(self, name):
        super().__init__(PREFIX, FOLDER / name)
        self.pages = None  # what nr_hugepages was
        self.mounts = 0

    def hugepages(self, mib):
        """At least so many MiB of free 2 MiB pages; returns a folder where they are mounted."""
        have = {line.split(':')[0]: line.split()[1] for line in Path('/proc/meminfo').read_text().splitlines()}
        missing = mib // 2 - int(have.get('HugePages_Free', 0))
        if missing > 0:
            self.pages = self.pages or HUGEPAGES.read_text().strip()
            HUGEPAGES.write_text(str(int(HUGEPAGES.read_text()) + missing))
        self.mounts += 1
        folder = FOLDER / f'huge{self.mounts}'
        folder.mkdir()
        call(['mount', '-t', 'hugetlbfs', '-o', 'pagesize=2M', 'none', folder])
        return folder

    def program(self, name):
        """A program of bench/ that the build made."""
        path = ROOT / 'build/bench' / name
        if not path.exists():
            raise LabError(f'build/bench/{name} is missing: scripts/build build')
        return path

    def close(self):
        super().close()
        clean_mounts()
        if self.pages is not None:
            HUGEPAGES.write_text(self.pages)
            self.pages = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def clean_mounts():
    for line in reversed(Path('/proc/self/mounts').read_text().splitlines()):
        where = line.split()[1]
        if where.startswith(f'{FOLDER}/'):
            call(['umount', where], check=False)
            call(['rmdir', where], check=False)


def clean_up():
    """Takes away what an earlier run left that could not do it itself."""
    sweep(namespaces(PREFIX))
    clean_mounts()
    call(['rm', '-rf', '--one-file-system', FOLDER], check=False)


def guard():
    """Leaves a process that cleans up when this one ends in a way that it cannot see (kill -9). It holds the lock until then.

    Returns a descriptor to close at the very end.
    """
    read, write = os.pipe()
    pages = HUGEPAGES.read_text()
    if os.fork():
        os.close(read)
        return write
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.close(write)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.read(read, 1)  # returns when the last holder of the other end has ended
    clean_up()
    if HUGEPAGES.read_text() != pages:
        HUGEPAGES.write_text(pages)
    os._exit(0)
