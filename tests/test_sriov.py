"""Virtual functions from outside: a driver of ours (bench/vfecho.c) on some, namespaces and vhost ports on the same switch."""
import subprocess

import pytest

from lib import BUILD, call, mac, wait_for

START_S = 20


@pytest.fixture
def host(lab):
    """One adapter that leads nowhere, two functions, and a namespace."""
    host = lab.host(wire=False)
    host.start(host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': [
        vf('vm1', 1), vf('vm2', 2, vlan={'mode': 'access', 'id': 10}), host.vm('ns', 9)]}],
        adapters=[{'name': 'wire', 'uplink': 'null', 'vfs': 2}]))
    return host


def vf(name, number, **more):
    return {'name': name, 'nic': 'vf', 'mac': mac(number), **more}


def row(host, name):
    return next(row for row in host.daemon.show('vf', 'list') if row['port'] == name)


def boot(host, name, number):
    """A guest at 10.77.0.<number> behind a function, answering pings."""
    process = host.lab.spawn(host.namespace, [BUILD / 'bench/vfecho', row(host, name)['socket'], f'10.77.0.{number}'],
                             stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith('up ')
    assert wait_for(lambda: row(host, name)['state'] == 'up', START_S), row(host, name)
    return process


def test_a_namespace_and_a_function_reach_each_other(host, lab):
    assert row(host, 'vm1')['state'] == 'no client'
    boot(host, 'vm1', 1)
    assert lab.ping(host.vms['ns'], '10.77.0.1') == 0
    shown = host.port('vm1')
    assert (shown['nic'], shown['mac']) == ('vf', mac(1))
    assert shown['tx_packets'] >= 4 and shown['rx_packets'] >= 4  # an ARP and three echoes, each way
    lab.check_books()


def test_a_function_that_its_guest_leaves_waits_for_the_next_one(host, lab):
    process = boot(host, 'vm1', 1)
    process.kill()
    process.wait()
    assert wait_for(lambda: row(host, 'vm1')['state'] == 'no client', START_S)
    boot(host, 'vm1', 1)
    assert lab.ping(host.vms['ns'], '10.77.0.1') == 0
    assert host.daemon.show('vf', 'show', 'vm1')['clients'] == 2


def test_settings_hold_while_the_driver_runs(host, lab):
    boot(host, 'vm2', 2)
    assert lab.cannot_ping(host.vms['ns'], '10.77.0.2'), 'it is in VLAN 10, the namespace is not'
    host.daemon.cli('vf', 'set', 'vm2', '--untagged')
    assert lab.ping(host.vms['ns'], '10.77.0.2') == 0
    host.daemon.cli('vf', 'set', 'vm2', '--link', 'off')
    assert lab.cannot_ping(host.vms['ns'], '10.77.0.2'), 'its link is down'
    host.daemon.cli('vf', 'set', 'vm2', '--link', 'on', '--rate-mbps', '10', '--trust', 'on')
    assert lab.ping(host.vms['ns'], '10.77.0.2') == 0
    shown = row(host, 'vm2')
    assert (shown['vlan'], shown['link'], shown['rate_mbps'], shown['trust']) == (0, 'up', 10, True)
    lab.check_books()


def test_the_configuration_says_what_was_set(host):
    host.daemon.cli('vf', 'set', 'vm1', '--rate-mbps', '100')
    assert 'rate_mbps: 100' in host.daemon.cli('config', 'show').stdout


def test_one_function_too_many_is_refused_by_its_place(lab, tmp_path):
    path = tmp_path / 'many.yaml'
    path.write_text('version: 1\nadapters: [{name: wire, uplink: "null", vfs: 1}]\nswitches:\n- name: ext\n  kind: external\n'
                    '  uplink: wire\n  ports:\n  - {name: a, nic: vf}\n  - {name: b, nic: vf}\n')
    done = call([BUILD / 'fairlead', 'config', 'check', path], check=False)
    assert done.returncode == 1
    assert "many.yaml:9:20: port 'b': nic vf is one too many: vfs of adapter 'wire' is 1" in done.stdout + done.stderr
