"""scripts/guest-lab and what is under it: what guests boot, and that commands in them give back what they did."""
import lzma
import json
import os
import signal
import struct
import subprocess
import time

import pytest

from lib import ROOT, Lab, LabError, call, wait_for  # first: it makes the next two findable
import guest
import guestimage

GUEST_LAB = ROOT / 'scripts/guest-lab'


# ---- what is booted ----

def boot_image(payload):
    """As much of a bzImage as its reader needs: one sector of setup, a header with the payload's place, its size at the end."""
    head = bytearray(1024)
    head[0x1f1] = 1
    struct.pack_into('<II', head, 0x248, 64, len(payload) + 4)
    return bytes(head) + bytes(64) + payload + struct.pack('<I', 0) + b'what follows'


def zstd(data):
    return subprocess.run(['zstd', '-cq'], input=data, stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize('pack', [lzma.compress, zstd])
def test_a_kernel_is_unpacked_however_it_was_packed(pack):
    kernel = b'\x7fELF' + bytes(range(256)) * 64
    assert guestimage.unpack_kernel(boot_image(pack(kernel))) == kernel


@pytest.mark.parametrize('payload', [b'\x1f\x8b gzip', lzma.compress(b'no ELF file')])
def test_what_is_no_kernel_is_refused(payload):
    with pytest.raises(LabError):
        guestimage.unpack_kernel(boot_image(payload))


def test_an_initramfs_holds_what_was_put_into_it(tmp_path):
    archive = guestimage.Cpio()
    archive.folder('etc')
    archive.file('usr/lib/deep/file', b'odd')
    archive.link('bin/sh', 'dash')
    archive.file('etc/name', b'first')
    archive.file('etc/name', b'second')
    subprocess.run(['busybox', 'cpio', '-id'], input=archive.bytes(), cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / 'usr/lib/deep/file').read_bytes() == b'odd'
    assert (tmp_path / 'etc/name').read_bytes() == b'second'
    assert os.readlink(tmp_path / 'bin/sh') == 'dash'


@pytest.mark.parametrize('version, queues, vectors, again', [
    ((8, 0), 1, 4, 'reconnect=1'), ((9, 2), 4, 10, 'reconnect-ms=1000'), ((7, 2), 4, 0, 'reconnect=1')])
def test_a_nic_has_an_interrupt_for_each_ring_and_two_more_where_qemu_can(version, queues, vectors, again):
    words = guest.Nic('/run/a,b', '02:f1:00:00:00:01', queues).arguments(0, version)
    assert words[1] == f'socket,id=c0,path=/run/a,,b,{again}'
    assert f'vectors={vectors}' in words[-1].split(',')


def test_a_virtual_function_stands_behind_a_root_port_of_its_own(monkeypatch):
    monkeypatch.setattr(guest, 'qemu_words', lambda version: (['qemu'], version))
    monkeypatch.setattr(guestimage, 'image', lambda kernel: guestimage.Image('kernel', 'initrd'))
    words = guest.machine('6.1', [guest.Vf('/run/a,b'), guest.Vf('/run/c')])
    ports = [word for word in words if word.startswith('pcie-root-port')]
    devices = [json.loads(word) for word in words if 'vfio-user-pci' in word]
    assert [f"pcie-root-port,id={device['bus']},chassis={number}" for number, device in enumerate(devices, 1)] == ports
    assert devices[0]['socket'] == {'type': 'unix', 'path': '/run/a,b'}


@pytest.mark.parametrize('words, said', [
    ([], 'required'), (['run', '--kernel', '2.4', 'true'], '6.12'), (['run'], 'COMMAND'),
    (['run', '--nic', '/nonexistent', 'true'], 'is no socket'), (['run', '--nic', 'a,queues=x,server', 'true'], 'whole number'),
    (['run', '--nic', 'a,,server', 'true'], 'mac='), (['run', '--vf', '/nonexistent', 'true'], 'is no socket'),
])
def test_wrong_words_are_answered_before_anything_happens(words, said):
    done = call([GUEST_LAB, *words], check=False)
    assert done.returncode == 2
    assert said in done.stderr


# ---- what it runs ----

@pytest.fixture(params=guestimage.KERNELS)
def machine(request, tmp_path):
    lab = Lab('', tmp_path / 'lab')
    try:
        one = guest.Guest(lab, 'one', request.param)
        guest.start(one)
        yield one
    finally:
        lab.close()


@pytest.mark.guest
def test_a_command_gives_back_what_it_printed_and_its_status(machine):
    assert machine.run('uname -r').output.startswith(machine.kernel)
    assert machine.run('printf "one\\0two"; echo three >&2; exit 7', check=False) == (7, 'one\0twothree\n')
    assert machine.run('true') == (0, '')
    assert machine.run('cat; echo over') == (0, 'over\n')
    with pytest.raises(LabError, match='exit status 1: no such luck'):
        machine.run('echo no such luck; exit 1')
    # what looks like an answer is none
    assert machine.run('echo ready; echo 7 0 x 0; printf "\\r\\n"').output == 'ready\n7 0 x 0\n\r\n'
    assert len(machine.run('head -c 131072 /dev/zero').output) == 131072
    with pytest.raises(LabError, match='131073 bytes'):
        machine.run('head -c 131073 /dev/zero')
    with pytest.raises(LabError, match='too long'):
        machine.run('true ' + 'x' * 40000)


@pytest.mark.guest
def test_a_command_that_does_not_end_is_ended_with_all_its_processes(machine):
    begin = time.monotonic()
    assert machine.run('sleep 777 | cat', seconds=1, check=False).status == 124
    assert machine.run("trap '' TERM; while :; do :; done", seconds=1, check=False).status in (124, 137)  # whichever of the two it sees end
    assert time.monotonic() - begin < 10
    assert machine.run('ps | grep -c "[s]leep 777"; sleep 555 &').output == '0\n'
    assert machine.run('ps | grep -c "[s]leep 555"').output == '1\n'  # what was left in the background on purpose


@pytest.mark.guest
def test_a_guest_can_reboot_and_one_that_crashes_is_noticed(machine):
    machine.run('touch /tmp/before')
    machine.reboot()
    assert machine.run('ls /tmp').output == ''
    with pytest.raises(LabError, match='started anew'):
        machine.run('echo c >/proc/sysrq-trigger')
    assert 'sysrq' in machine.last_words(200)
    machine.process.kill()
    with pytest.raises(LabError, match='QEMU ended with status -9|takes no commands'):
        machine.run('true')


# ---- the command line ----

@pytest.mark.guest
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_guest_ends_with_the_command_that_started_it(how):
    lab = subprocess.Popen([GUEST_LAB, 'run', '--', 'sleep 60'], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a shell's background job ignores it
    assert 'was ready' in lab.stderr.readline()
    qemu = call(['pgrep', '-P', lab.pid]).stdout.split()
    lab.send_signal(how)
    lab.wait(10)
    lab.stderr.close()
    assert len(qemu) == 1
    assert wait_for(lambda: not running(qemu[0]))
    call([GUEST_LAB, 'run', '--', 'true'], timeout=60)  # sweeps what the killed one left
    assert not os.path.exists(f'/run/fairlead-guests/{lab.pid}')


def running(pid):
    """Not: a process that is gone, or that nobody has waited for yet."""
    try:
        with open(f'/proc/{pid}/stat') as stat:
            return stat.read().rpartition(') ')[2][0] != 'Z'
    except OSError:
        return False
