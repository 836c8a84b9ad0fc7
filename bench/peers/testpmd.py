"""Peer: DPDK's testpmd with two vhost-user ports in io mode. No switch at all: the floor of DPDK's vhost library itself."""
import os
import re
import select
import shutil
import subprocess
import time

from rig import LabError

MEMORY_MIB = 256
READY_S = 20


def installed():
    return shutil.which('dpdk-testpmd') is not None


class Testpmd:
    def __init__(self, lab, name, cpu, main_cpu, vdevs, forward='io', extra=()):
        """Forwards between two devices on one CPU. vdevs: DPDK's words for them."""
        self.folder = lab.folder / name
        self.folder.mkdir()
        huge = lab.hugepages(MEMORY_MIB)
        self.process = lab.spawn(lab.netns(name), [
            'stdbuf', '-oL', 'dpdk-testpmd', '-l', f'{main_cpu},{cpu}', '--main-lcore', main_cpu, '--socket-mem', MEMORY_MIB, '--no-pci', '--huge-dir', huge,
            '--file-prefix', f'fl{name}', *(f'--vdev={device}' for device in vdevs),
            '--', '-i', '--nb-cores=1', f'--coremask={1 << cpu:#x}', '--burst=64', f'--forward-mode={forward}', *extra],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, RUNTIME_DIRECTORY=str(self.folder)))
        self.read('testpmd> ')
        self.command('set record-core-cycles on')
        self.command('start')

    def read(self, until):
        """What it prints up to something that fits the pattern: the last of these."""
        text, end = '', time.monotonic() + READY_S
        while not re.search(until, text):
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise LabError(f'testpmd did not print "{until}" within {READY_S} s: {text[-300:]}')
            piece = os.read(self.process.stdout.fileno(), 65536).decode(errors='replace')
            if not piece:
                raise LabError(f'testpmd ended: {text[-500:]}')
            text += piece
        return re.findall(until, text)[-1]

    def command(self, words):
        self.process.stdin.write(words.encode() + b'\n')
        self.process.stdin.flush()

    def clear(self):
        self.command('clear fwd stats all')

    def busy(self):
        """Cycles of a packet since `clear`, polls that found nothing not counted."""
        self.command('show fwd stats all')
        return float(self.read(r'CPU cycles/packet=([0-9.]+) '))

    def pids(self):
        return [self.process.pid]
