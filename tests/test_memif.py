"""A memif uplink: DPDK's testpmd at its other end answers pings, goes, and comes again."""
import os
import shutil
import signal
import subprocess

import pytest

from lib import mac, wait_for

PEER = '10.77.0.200'  # testpmd answers for any address


class Peer:
    """dpdk-testpmd as the client of a memif, echoing ICMP and answering ARP."""

    def __init__(self, lab, socket):
        self.folder = lab.folder / 'peer'
        self.folder.mkdir(exist_ok=True)
        self.log = open(self.folder / 'log', 'ab')
        self.process = lab.spawn(lab.namespace_of_peer, [
            'nice', 'dpdk-testpmd', '--lcores', '0@0,1@0', '--no-huge', '-m', '128', '--no-pci', '--no-telemetry', '--file-prefix', lab.folder.name,
            f'--vdev=net_memif0,role=client,socket={socket},socket-abstract=no,mac=02:00:00:00:00:77',
            '--', '--forward-mode=icmpecho', '--total-num-mbufs=4096', '--mbcache=64'],
            stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT, env=dict(os.environ, RUNTIME_DIRECTORY=str(self.folder)))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()


@pytest.fixture
def host(lab):
    assert shutil.which('dpdk-testpmd'), 'scripts/deps --test installs it'
    lab.namespace_of_peer = lab.netns('peer')
    host = lab.host(wire=False)
    host.socket = lab.folder / 'wire.memif'
    adapter = {'name': 'wire', 'uplink': f'memif:{host.socket}'}
    host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': [host.vm('vm1', 1)]}], adapters=[adapter]))
    return host


def state(host):
    return host.daemon.show('adapter', 'show', 'wire')['state']


def test_a_dpdk_application_at_a_memif_goes_and_comes_again(lab, host):
    vm = host.vms['vm1']
    assert state(host) == 'down'
    assert lab.cannot_ping(vm, PEER)
    assert host.drops('wire').get('link_down', 0) > 0
    for _ in range(3):
        peer = Peer(lab, host.socket)
        assert wait_for(lambda: state(host) == 'up', 20)
        assert wait_for(lambda: lab.ping(vm, PEER, count=1, wait=1) == 0, 10)  # it has yet to post buffers
        assert lab.ping(vm, PEER, count=20, interval=0.02) == 0
        peer.kill()
        assert wait_for(lambda: state(host) == 'down', 5)
        assert lab.cannot_ping(vm, PEER)
    books = host.daemon.show('adapter', 'show', 'wire')
    assert books['rx_packets'] >= 60 and books['tx_packets'] >= 60
    assert books['driver'] == 'memif' and not books['front_end_thread']


def test_a_memif_has_no_vm_queues_and_says_so(lab):
    host = lab.host(wire=False)
    adapter = {'name': 'wire', 'uplink': f'memif:{lab.folder}/wire.memif', 'mode': 'vmq', 'queues': 4}
    host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': [host.vm('vm1', 1)]}], adapters=[adapter]))
    assert 'memif' in host.daemon.show('vmq', 'show', 'wire')['reason']
    assert all(row['mac'] != mac(1) for row in host.daemon.show('vmq', 'list'))


def test_the_socket_of_a_memif_is_taken_once_and_removed(lab, host):
    other = lab.host('other', wire=False)
    with pytest.raises(Exception, match='cannot listen'):
        other.start(other.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': []}],
                                 adapters=[{'name': 'wire', 'uplink': f'memif:{host.socket}'}]))
    host.daemon.process.send_signal(signal.SIGKILL)  # as in a crash: what it leaves is in nobody's way
    host.daemon.process.wait()
    host.daemon.ended = True
    assert host.socket.exists()
    again = host.start(host.config_path.read_text())
    assert state(host) == 'down'
    assert again.stop() == 0
    assert not host.socket.exists()
