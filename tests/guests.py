"""Hosts with real guests: scripts/guest.py boots them, this gives them ports, addresses and something to send."""
import hashlib
import re
import socket
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'scripts'))
import guest  # noqa: E402
from guestimage import KERNELS  # noqa: E402,F401
from lib import LabError, Host, blocks, mac, socket_in  # noqa: E402

DATA_BYTES = 4 << 20  # what a guest without KVM makes, hashes and sends within a second or two
PATIENCE_S = 60  # of a TCP transfer


class GuestHost(Host):
    """A daemon with an internal switch, guests on vhost ports, and VMs that are namespaces."""

    def __init__(self, lab, name='host', wire=False):
        super().__init__(lab, name, wire=wire)
        self.guests = {}
        self.numbers = {}

    def guest(self, name, number, kernel, queues=1, cpus=1, role='server', device=None, msi_x=False, **port):
        """Makes a guest, not yet on; returns its port for the configuration: address 10.77.0.<number>, MAC 02:f1:00:00:00:<number>.

        role: the daemon's end of the socket. device: properties of QEMU's NIC. msi_x: an interrupt for each ring, whatever QEMU it takes.
        """
        path = self.lab.folder / self.name / f'{name}.sock'  # the daemon's own choice: its run directory, the port's name
        nic = guest.Nic(path, mac(number), queues, server=role == 'client', **(device or {}))
        self.guests[name] = guest.Guest(self.lab, f'{self.name}{name}', kernel, [nic], cpus, msi_x=msi_x)
        self.numbers[name] = number
        self.lab.guests.append(self.guests[name])
        own_role = {} if role == 'server' else {'role': role}
        return {'name': name, 'nic': 'vhost', 'mac': mac(number), 'queues': queues, **own_role, **port}

    def vf(self, name, number, kernel, cpus=1, device=None, **port):
        """The same with a virtual function of the adapter that wired() has."""
        path = self.lab.folder / self.name / f'{name}.sock'
        self.guests[name] = guest.Guest(self.lab, f'{self.name}{name}', kernel, [guest.Vf(path, **(device or {}))], cpus)
        self.numbers[name] = number
        self.lab.guests.append(self.guests[name])
        return {'name': name, 'nic': 'vf', 'adapter': 'wire', 'mac': mac(number), 'socket': f'{name}.sock', **port}

    def switch(self, *ports):
        return self.config([{'name': 'ext', 'kind': 'internal', 'ports': list(ports)}], adapters=[])

    def wired(self, *ports, uplink='null', vfs=4):
        """An adapter with virtual functions, and an external switch behind it."""
        return self.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': list(ports)}],
                           adapters=[{'name': 'wire', 'uplink': uplink, 'mode': 'vmq', 'vfs': vfs}])

    def boot(self):
        guest.start(*self.guests.values())
        for name in self.guests:
            self.dress(name)

    def dress(self, name, mtu=None):
        """Gives a guest that has just booted its address, and silence: no IPv6 of its own."""
        if mtu:
            self.guests[name].run(f'ip link set eth0 mtu {mtu}')
        self.guests[name].run('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && ip link set eth0 up && '
                              f'ip address add 10.77.0.{self.numbers[name]}/24 dev eth0')


def lost(machine, address, count=5, size=56, wait=4):
    """How many of count pings from a guest were not answered. One at a time: ping calls what is late lost when it sends several."""
    one = f'ping -n -q -c 1 -W {wait} -M do -s {size} {address} >/dev/null'
    done = machine.run(f'for i in $(seq {count}); do {one} || echo lost; done', seconds=count * (wait + 1) + 5)
    return done.output.count('lost')


# ---- TCP with a hash ----

def serve(machine, size=DATA_BYTES):
    """Makes data in a guest, /srv/data, and serves it by HTTP. Returns its hash."""
    done = machine.run(f'mkdir -p /srv && head -c {size} /dev/urandom >/srv/data && sha256sum </srv/data', seconds=PATIENCE_S)
    machine.run('pidof httpd >/dev/null || httpd -h /srv')
    return done.output.split()[0]


def tcp_arrives(server, client, address, times=1):
    """Whether client, another guest, gets whole what server at address sends, that many times at once.

    By HTTP, so that the client sends something first: where it only listens, and the server's backlog was full, both wait for ever.
    """
    sent = serve(server)
    get = rf"exec 3<>/dev/tcp/{address}/80; printf 'GET /data HTTP/1.0\r\n\r\n' >&3; tail -c {DATA_BYTES} <&3 | sha256sum"
    done = client.run(f'for i in $(seq {times}); do bash -c "{get}" & done; wait', seconds=PATIENCE_S)
    return [line.split()[0] for line in done.output.splitlines()] == [sent] * times


def sent_to(machine, address, port=7001):
    """Sends /srv/data from a guest to a socket elsewhere."""
    machine.run(f"bash -c 'cat /srv/data >/dev/tcp/{address}/{port}'", seconds=PATIENCE_S)


def received_from(machine, address, port=7000):
    """The hash of what a guest hears from a socket elsewhere."""
    return machine.run(f"bash -c 'cat </dev/tcp/{address}/{port}' | sha256sum", seconds=PATIENCE_S).output.split()[0]


class TcpSource(threading.Thread):
    """Sends size bytes to who connects first; digest is their hash."""

    def __init__(self, namespace, address, size=DATA_BYTES, port=7000):
        super().__init__(daemon=True)
        self.listener = socket_in(namespace, socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(1)
        self.listener.settimeout(PATIENCE_S)
        self.data = b''.join(blocks(size, namespace))
        self.digest = hashlib.sha256(self.data).hexdigest()
        self.start()

    def run(self):
        with self.listener:
            connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(PATIENCE_S)
            connection.sendall(self.data)


# ---- queues ----

def received_by_queues(machine):
    """{queue: packets} that a guest's eth0 received, as its driver counts them; of the kernel 6.1, later ones do not show it."""
    found = re.findall(r'rx_queue_(\d+)_packets: (\d+)', machine.run('ethtool -S eth0').output)
    if not found:
        raise LabError(f'ethtool -S eth0 of guest {machine.name} shows no counters of queues')
    return {int(queue): int(count) for queue, count in found}


def sent_by_queues(machine):
    """{queue: packets} that a guest's eth0 sent, as its queueing disciplines count them."""
    found = re.findall(r'parent :([0-9a-f]+) .*\n Sent \d+ bytes (\d+) pkt', machine.run('tc -s qdisc show dev eth0').output)
    if not found:
        raise LabError(f'tc -s qdisc show dev eth0 of guest {machine.name} shows no counters of queues')
    return {int(queue, 16) - 1: int(count) for queue, count in found}
