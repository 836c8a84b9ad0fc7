"""The picture that explains it: a bar per processor, and the queues that stand on it. What scripts/story shows while an act runs."""
import os
import shutil
import sys
import textwrap
import time

BAR = 24 if shutil.get_terminal_size((100, 24)).columns >= 92 else 16  # a line with all names behind it takes 62 more


class Screen:
    """Lines that stay, and below them a picture that is drawn over again."""

    def __init__(self):
        self.live = sys.stdout.isatty() and os.environ.get('TERM', 'dumb') != 'dumb'
        self.drawn = 0

    def wipe(self):
        if self.drawn:
            print(f'\x1b[{self.drawn}A\x1b[J', end='')
            self.drawn = 0

    def say(self, text=''):
        self.wipe()
        print(text, flush=True)

    def explain(self, text):
        """As say(), but a terminal breaks long lines between words."""
        width = shutil.get_terminal_size().columns if self.live else 1000
        self.say('\n'.join(textwrap.fill(line, width, subsequent_indent='  ', break_on_hyphens=False) if len(line) > width else line
                           for line in text.split('\n')))

    def draw(self, lines):
        if not self.live:
            return
        width, height = shutil.get_terminal_size()
        lines = lines[:height - 1]  # what has left the screen cannot be drawn over
        self.wipe()
        print(*(line[:width - 1] for line in lines), sep='\n', flush=True)
        self.drawn = len(lines)


def bar(busy, waiting=0):
    full = round(BAR * min(busy, 100) / 100)
    wait = min(round(BAR * waiting / 100), BAR - full)
    return '█' * full + '▒' * wait + '·' * (BAR - full - wait)


def processor_line(id, busy, waiting, standing):
    return f' processor {id:2} {bar(busy, waiting)} {busy:3.0f} % busy {waiting:3.0f} % waiting  {standing}'.rstrip()


def front_end_line(adapter, percent):
    name = f'{adapter}\'s NIC'
    return f' {name:12} {bar(percent)} {percent:3.0f} % busy (front end, not capped)'


def queue_name(queue):
    """As wire, vm1, and vm1.2 for its third."""
    name = queue['port'] or queue['vport']
    return f'{name}.{queue["index"]}' if queue['index'] else name


class Sampler:
    """Asks the daemon what its processors do, and keeps the sums of a while."""

    def __init__(self, rpc):
        self.rpc = rpc
        self.adapters = [row['name'] for row in rpc.call('adapter.list')]
        self.samples = 0
        self.busy = {}
        self.waiting = {}
        self.front_end = dict.fromkeys(self.adapters, 0)
        self.standing = {}  # names of the queues on each processor, as last seen
        self.last = None  # (time, bytes from the wires)

    def take(self):
        """One look; returns its picture."""
        processors = self.rpc.call('processor.list')
        queues = self.rpc.call('queue.list')
        adapters = [self.rpc.call('adapter.show', adapter=name) for name in self.adapters]
        self.samples += 1
        for p in processors:
            self.busy[p['id']] = self.busy.get(p['id'], 0) + p['busy_percent']
            self.waiting[p['id']] = self.waiting.get(p['id'], 0) + p['waiting_percent']
            self.standing[p['id']] = ' '.join(queue_name(q) for q in queues if q['processor'] == p['id'])
        lines = [processor_line(p['id'], p['busy_percent'], p['waiting_percent'], self.standing[p['id']]) for p in processors]
        for adapter in adapters:
            self.front_end[adapter['name']] += adapter['front_end_percent']
            lines.append(front_end_line(adapter['name'], adapter['front_end_percent']))
        return [*lines, f' {self.rate(sum(adapter["rx_bytes"] for adapter in adapters))}']

    def rate(self, from_wires):
        now, last = time.monotonic(), self.last
        self.last = (now, from_wires)
        return f'{(from_wires - last[1]) * 8 / (now - last[0]) / 1e9:.2f} Gb/s' if last else ''

    def means(self):
        return {id: total / self.samples for id, total in sorted(self.busy.items())}

    def front_ends(self):
        return {name: total / self.samples for name, total in self.front_end.items()}

    def summary(self):
        """The picture of all looks together."""
        lines = [processor_line(id, busy, self.waiting[id] / self.samples, self.standing[id]) for id, busy in self.means().items()]
        return [*lines, *(front_end_line(name, percent) for name, percent in self.front_ends().items())]
