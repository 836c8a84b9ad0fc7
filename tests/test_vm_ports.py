"""VM ports from outside: QEMU and libvirt take what `fairlead port qemu-args` prints, and find their port again after a restart."""
import os
import re
import subprocess

import pytest

from lib import BUILD, ROOT, call, mac, wait_for

START_S = 20  # of QEMU on a busy machine; alone it takes 0.2 s

DOMAIN = '''<domain type='kvm'>
<name>vm</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>
{memory}<devices>{interface}</devices></domain>
'''


@pytest.fixture
def host(lab):
    return lab.host(wire=False)


def vhost(name, **more):
    return {'name': name, 'nic': 'vhost', **more}


def start(host, *ports):
    return host.start(host.config([{'name': 'lan', 'kind': 'private', 'ports': ports}]))


def state(host, name):
    return host.port(name)['state']


def reaches(host, name, wanted):
    assert wait_for(lambda: state(host, name) == wanted, START_S), f'{name} is {host.port(name)}'


def qemu(host, name, *words):
    """A VM without a system, by the lines as they are printed: they are a shell's."""
    lines = host.daemon.cli('port', 'qemu-args', name, '--memory', '64', *words).stdout
    script = f'exec qemu-system-x86_64 -S -nodefaults -display none \\\n{lines}'
    errors = open(host.lab.folder / f'{name}.qemu', 'w+')
    return host.lab.spawn(host.namespace, ['sh', '-c', script], stderr=errors), errors


def said(errors):
    errors.seek(0)
    return errors.read().splitlines()


@pytest.mark.parametrize('keys', [{}, {'queues': 4, 'mtu': 9000, 'mac': mac(1)}, {'role': 'client', 'queues': 16}],
                         ids=['plain', 'several queues', 'QEMU listens'])
def test_qemu_takes_the_options_as_they_are_printed(host, keys):
    start(host, vhost('vm1', **keys))
    assert state(host, 'vm1') == 'no front end'
    process, errors = qemu(host, 'vm1')
    reaches(host, 'vm1', 'waiting for the driver')
    guest = host.port('vm1')['guest']
    assert guest['mtu'] == keys.get('mtu', 9216)
    assert {'MQ', 'REPLY_ACK', 'NET_MTU'} <= set(guest['protocol_features'])
    assert guest['role'] == keys.get('role', 'server') and guest['last_error'] is None
    process.terminate()
    process.wait(START_S)
    assert [line for line in said(errors) if not re.search('terminating on signal|info: QEMU waiting for connection', line)] == []
    reaches(host, 'vm1', 'no front end')


def test_the_words_for_a_program_are_those_of_the_lines(host):
    start(host, vhost('vm1', queues=2))
    shown = host.daemon.show('port', 'qemu-args', 'vm1')
    assert shown['text'].replace('\\\n', '').split() == shown['args']


def test_qemu_finds_a_daemon_that_started_anew(host):
    """Until then the VM has no link; nothing has to be done to it."""
    daemon = start(host, vhost('vm1'))
    qemu(host, 'vm1')
    reaches(host, 'vm1', 'waiting for the driver')
    assert daemon.stop() == 0
    start(host, vhost('vm1'))
    reaches(host, 'vm1', 'waiting for the driver')


def test_a_port_that_is_made_anew_is_found_again(host):
    start(host, vhost('vm1'), vhost('vm2'))
    qemu(host, 'vm1')
    qemu(host, 'vm2')
    reaches(host, 'vm1', 'waiting for the driver')
    reaches(host, 'vm2', 'waiting for the driver')
    host.write(host.config([{'name': 'lan', 'kind': 'private', 'ports': [vhost('vm1', socket_mode='0600'), vhost('vm2', mtu=1500)]}]))
    host.daemon.cli('config', 'apply', host.config_path)
    reaches(host, 'vm1', 'waiting for the driver')
    assert host.port('vm1')['guest']['front_ends'] == 1  # of the new port
    assert state(host, 'vm2') == 'waiting for the driver' and host.port('vm2')['guest']['front_ends'] == 1  # left alone


def elements(xml):
    """(memoryBacking, interface) of what is printed for libvirt."""
    return [re.search(rf'<{name}.*?</{name}>', xml, re.S).group() for name in ('memoryBacking', 'interface')]


def validate(path):
    call(['virt-xml-validate', path, 'domain'])


@pytest.mark.parametrize('keys', [{}, {'queues': 4, 'mtu': 9000, 'mac': mac(1)}, {'role': 'client'}],
                         ids=['plain', 'several queues', 'QEMU listens'])
def test_libvirt_takes_the_elements_as_they_are_printed(host, keys):
    start(host, vhost('vm1', **keys))
    memory, interface = elements(host.daemon.cli('port', 'qemu-args', 'vm1', '--format', 'libvirt').stdout)
    path = host.lab.folder / 'domain.xml'
    path.write_text(DOMAIN.format(memory=memory, interface=interface))
    validate(path)


def test_the_example_for_libvirt_is_what_is_printed(host):
    example = (ROOT / 'examples/libvirt-domain.xml').read_text()
    validate(ROOT / 'examples/libvirt-domain.xml')
    host.start((ROOT / 'examples/vm-host.yaml').read_text())
    printed = host.daemon.cli('port', 'qemu-args', 'vm2', '--format', 'libvirt').stdout
    for wanted, element in zip(elements(printed), elements(example), strict=True):
        assert re.sub(r'\s+', ' ', element) == re.sub(r'\s+', ' ', wanted).replace(str(host.daemon.folder), '/run/fairlead')


@pytest.mark.guest
def test_the_example_boots_a_guest(host):
    """examples/qemu-vm.sh, with a kernel and an initramfs; its second serial port is the guest's agent's, which nobody asks here."""
    import guestimage
    image = guestimage.image(next(iter(guestimage.KERNELS)))
    host.start((ROOT / 'examples/vm-host.yaml').read_text())
    environment = {**os.environ, 'PATH': f'{BUILD}:{os.environ["PATH"]}', 'FAIRLEAD_RPC': str(host.daemon.rpc), 'ACCEL': 'tcg',
                   'MEMORY': '192', 'APPEND': 'quiet'}
    host.lab.spawn(host.namespace, [ROOT / 'examples/qemu-vm.sh', 'vm1', image.kernel, image.initrd, '-serial', 'null'],
                   stdout=subprocess.DEVNULL, env=environment)
    assert wait_for(lambda: state(host, 'vm1') == 'up', 100, 0.5), host.port('vm1')
    assert host.port('vm1')['guest']['memory'] == 192 << 20
