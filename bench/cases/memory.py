"""Resident memory of the demonstration's daemon after traffic: what its two processes share is counted once."""
from pathlib import Path

from cases.demo import Host
from rig import ROUNDS, Bench, LabError, Row, family, ping_all, spread

HELP = 'resident memory of the daemon with the demonstration\'s configuration, after traffic'
GOAL_MIB = 96
PLACES = {'vm1': '10.77.0.11', 'vm2': '10.77.0.12', 'vm3': '10.77.0.13', 'host': '10.77.0.1', 'dc': '10.77.0.100'}


def pss_kib(pid):
    """Documentation/filesystems/proc: a page that n processes map counts 1/n in each."""
    for line in Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
        if line.startswith('Pss:'):
            return int(line.split()[1])
    raise LabError(f'/proc/{pid}/smaps_rollup has no Pss line')


def one_run(host):
    """Returns (MiB of each process, pings lost)."""
    daemon = host.start()
    pairs = [(host.names[source], address) for source in PLACES for target, address in PLACES.items() if source != target]
    lost = sum(ping_all(host.lab, pairs).values())
    parts = [pss_kib(pid) / 1024 for pid in family(daemon.process)]
    if daemon.stop() != 0:
        raise LabError(f'the daemon did not end well:\n{daemon.last_words()}')
    return parts, lost


def measure(_seconds):
    with Bench('memory') as lab:
        host = Host(lab)
        runs = [one_run(host) for _ in range(ROUNDS)]
    took = spread([sum(parts) for parts, _ in runs])
    note = f'PSS after pings, {" + ".join(f"{part:.1f}" for part in runs[-1][0])} (keeper, data plane); {sum(lost for _, lost in runs)} pings lost'
    return [Row('memory', **took, unit='MiB', ratio=took['value'], goal=GOAL_MIB, note=note).judge()]
