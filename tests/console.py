#!/usr/bin/python3
"""Plays the console blocks of a document on the host that ./run lays out, and says where the document is not so. Another of the
examples runs there when the document says so: <!-- host: examples/vm-host.yaml -->.

usage: unshare -m --propagation private tests/console.py [--record] DOCUMENT

It has a /run of its own, so that namespaces and sockets have the very names that the document prints, whoever else is at work on
this machine. A block is one shell's: lines after "$ " are run in order, the others are what they print, with "..." for what was cut.
Of a fairlead command the headers of tables, the keys of an object, and every sentence must be as printed, and it must fail where
fairlead is seen to complain; figures may differ. Other commands are run, and a ping that nobody answers must find nobody.
--record prints the document with what the commands print now.
"""
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'scripts'))
from lab import BUILD, ROOT, Lab, LabError, call  # noqa: E402

FOLDER = Path('/run/fairlead-run')
COMMAND_S = 30
HOST = re.compile(r'^<!-- host: (examples/[\w-]+\.yaml) -->$', re.M)
BLOCK = re.compile(r'^```console\n(.*?)^```$', re.M | re.S)


class Host:
    """The host of ./run: scripts/story, Story.build_host."""

    def __init__(self, config):
        call(['mount', '-t', 'tmpfs', 'none', '/run'])
        self.lab = Lab('fl', FOLDER)
        for name in ('host', 'dc', 'vm1', 'vm2', 'vm3'):
            self.lab.netns(name)
        self.lab.wire('flhost', 'flwire0', 'fldc', 'fldc0', '10.77.0.100/24')
        config = shutil.copy(ROOT / config, FOLDER / 'host.yaml')
        daemon = self.lab.daemon('flhost', config)
        self.environment = {**os.environ, 'FAIRLEAD_RPC': str(daemon.rpc), 'PATH': f'{BUILD}:{os.environ["PATH"]}', 'LC_ALL': 'C.UTF-8'}

    def run(self, command):
        """(exit status, lines of both outputs)."""
        # to a file: a server that a command leaves in the background keeps a pipe open
        with open(FOLDER / 'printed', 'w+') as printed:
            status = subprocess.run(['bash', '-c', command], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                                    stdout=printed, stderr=subprocess.STDOUT, timeout=COMMAND_S).returncode
            printed.seek(0)
            return status, [line.rstrip() for line in printed.read().replace('\0', '').splitlines()]


def steps(block):
    """[(command as printed, [lines of output])] of a console block; a command that ends with a backslash goes on in the next line."""
    found = []
    for line in block.splitlines():
        if line.startswith('$ '):
            found.append((line[2:], []))
        elif found[-1][0].endswith('\\') and not found[-1][1]:
            found[-1] = (f'{found[-1][0]}\n{line}', [])
        else:
            found[-1][1].append(line.rstrip())
    return found


def shape(lines):
    """What must be as printed: headers, keys and sentences; of a table's rows nothing."""
    found, table = [], False
    for line in lines:
        table = table and not line.startswith('offered ')  # the sum below `fairlead drops PORT`
        if re.fullmatch(r'[A-Z_]+(\s+[A-Z_]+)+', line):
            table = True
            found.append(' '.join(line.split()))
        elif line.strip() in ('', '...'):
            table = table and line != ''
        elif not table and re.fullmatch(r' *[a-z_]+: .*', line) and not line.lstrip().startswith(('fairlead: ', 'hint: ')):
            found.append(line.split(': ')[0])
        elif not table:
            found.append(re.sub(r'\b\d[\d,]*', 'N', line))
    return found


def asks_fairlead(command):
    return re.match(r'(sleep [\d.]+; )?fairlead ', command) and '|' not in command


def wrong(command, printed, status, lines):
    """What is not as the document says; empty when all is."""
    if asks_fairlead(command):
        complains = any(line.startswith(('fairlead: ', '  hint: ')) for line in printed)
        if bool(status) != complains:
            return [f'exit status {status}: {" / ".join(lines[:3])}']
        return [f'"{line}" is not printed (any more): {" / ".join(lines[:6])}' for line in shape(printed) if line not in shape(lines)]
    silent = any(', 0 received' in line for line in printed)
    if silent != any(', 0 received' in line for line in lines):
        return [f'pings were {"" if silent else "not "}answered: {" / ".join(lines[-3:])}']
    return []


def play(text, host, record):
    mistakes = []

    def once(match):
        out = []
        for command, printed in steps(match.group(1)):
            status, lines = host.run(command)
            out += [f'$ {command}', *lines]
            mistakes.extend(f'{command}: {what}' for what in wrong(command, printed, status, lines))
        return '```console\n' + '\n'.join(out) + '\n```'
    played = BLOCK.sub(once, text)
    return [played] if record else mistakes


def main():
    *options, document = sys.argv[1:]
    text = Path(document).read_text()
    other = HOST.search(text)
    host = Host(other.group(1) if other else 'examples/converged-host.yaml')
    time.sleep(1)  # the kernel's own first frames
    try:
        said = play(text, host, '--record' in options)
    finally:
        host.lab.close()
    print(*said, sep='\n')
    return 1 if said and '--record' not in options else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (LabError, subprocess.TimeoutExpired) as why:
        sys.exit(f'{why}')
