"""The small converged host of examples/converged-host.yaml, in namespaces of the benchmark."""
import os
import socket

from rig import PREFIX, ROOT, LabError, libc, write_config

EXAMPLE = ROOT / 'examples/converged-host.yaml'
MAC = '02:f1:00:00:00:01'  # of vm1
ADDRESS = '10.77.0.100/24'  # of the datacentre
CLONE_NEWNET = 0x40000000


class Host:
    def __init__(self, lab):
        self.lab = lab
        self.names = {short: lab.netns(short) for short in ('host', 'dc', 'vm1', 'vm2', 'vm3')}
        lab.wire(self.names['host'], 'flwire0', self.names['dc'], 'fldc0', ADDRESS)
        text = EXAMPLE.read_text()
        if 'netns: flvm1' not in text or MAC not in text:
            raise LabError(f'{EXAMPLE.name} does not put {MAC} into flvm1 any more')
        self.config = write_config(lab, text.replace('netns: flvm', f'netns: {PREFIX}vm'))

    def start(self, wait=True):
        return self.lab.daemon(self.names['host'], self.config, wait=wait)

    def socket(self, short, ethertype):
        """A packet socket of one of the namespaces; the calling thread stays where it is."""
        own = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        other = os.open(f'/run/netns/{self.names[short]}', os.O_RDONLY)
        try:
            if libc.setns(other, CLONE_NEWNET) != 0:
                raise LabError(f'cannot enter namespace {self.names[short]}')
            try:
                return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethertype))
            finally:
                libc.setns(own, CLONE_NEWNET)
        finally:
            os.close(own)
            os.close(other)
