"""The configuration of a running daemon: changed by the difference, taken back by itself, never half."""
import json
import threading
import time

import pytest

from lib import ping_all, wait_for


@pytest.fixture
def host(lab):
    host = lab.host()
    host.ports = [host.vm(f'vm{n}', n) for n in (1, 2)]
    host.extra = host.vm('vm3', 3)
    host.start(config(host))
    return host


def config(host, *more, **changes):
    ports = [dict(port, **changes.get(port['name'], {})) for port in host.ports]
    return host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': [*ports, *more]}])


def apply(host, text, *options, check=True):
    path = host.lab.folder / 'next.yaml'
    path.write_text(text)
    return host.daemon.cli('config', 'apply', path, *options, '--json', check=check)


def names(host):
    return sorted(port['name'] for port in host.daemon.show('port', 'list'))


def test_a_port_comes_and_goes_while_another_loses_nothing(lab, host):
    """vm1 and the datacentre ping each other every 10 ms while vm3 is added, changed and removed four times."""
    def change():
        for _ in range(4):
            apply(host, config(host, host.extra))
            apply(host, config(host, dict(host.extra, vlan={'mode': 'access', 'id': 9})))
            apply(host, config(host))
    changes = threading.Thread(target=change)
    changes.start()
    pairs = [(host.vms['vm1'], '10.77.0.100'), (host.dc, '10.77.0.1'), (host.vms['vm1'], '10.77.0.2')]
    lost = ping_all(lab, pairs, count=200, interval=0.01)
    changes.join()
    assert set(lost.values()) == {0}, f'{lost}; drops: {host.daemon.show("drops")}'
    assert names(host) == ['vm1', 'vm2']


def test_an_added_port_works_and_a_removed_one_is_gone(lab, host):
    apply(host, config(host, host.extra))
    assert lab.ping(host.vms['vm3'], '10.77.0.1') == 0
    apply(host, config(host))
    assert 'eth0' not in lab.run(host.vms['vm3'], ['ip', 'link']).stdout


def test_applying_twice_changes_nothing(host):
    text = config(host, host.extra)
    assert json.loads(apply(host, text).stdout)['changed'] is True
    again = json.loads(apply(host, text).stdout)
    assert again['changed'] is False and again['steps'] == []


def test_an_unconfirmed_change_takes_itself_back(host):
    apply(host, config(host, host.extra), '--confirm', '2')
    assert names(host) == ['vm1', 'vm2', 'vm3']
    assert wait_for(lambda: names(host) == ['vm1', 'vm2'], seconds=5)


def test_a_confirmed_change_stays(host):
    text = config(host, host.extra)
    apply(host, text, '--confirm', '2')
    apply(host, text)
    time.sleep(3)
    assert names(host) == ['vm1', 'vm2', 'vm3']


def test_a_file_with_mistakes_changes_nothing(lab, host):
    before = host.daemon.show('config', 'show')['text']
    done = apply(host, config(host, dict(host.extra, vlna={})), check=False)
    assert done.returncode == 1
    assert 'vlna' in done.stderr and 'vlan' in done.stderr
    assert host.daemon.show('config', 'show')['text'] == before
    assert lab.ping(host.vms['vm1'], '10.77.0.2') == 0


def test_a_change_that_cannot_be_done_changes_nothing(lab, host):
    """vm1's VLAN would change, but vm3's namespace does not exist: all or nothing."""
    before = host.daemon.show('config', 'show')['text']
    text = config(host, dict(host.extra, netns='flnowhere'), vm1={'vlan': {'mode': 'access', 'id': 9}})
    done = apply(host, text, check=False)
    assert done.returncode == 1
    assert 'flnowhere' in done.stderr
    assert host.daemon.show('config', 'show')['text'] == before
    assert lab.ping(host.vms['vm1'], '10.77.0.2') == 0


def test_an_uplink_is_opened_anew_as_often_as_its_settings_ask(lab, host):
    """The MTU of an adapter cannot change while it runs: its interface is closed and opened again, at once."""
    for mtu in (1400, 1300, 1500):
        text = json.loads(config(host))
        text['adapters'][0]['mtu'] = mtu
        apply(host, json.dumps(text))
        assert host.daemon.show('adapter', 'show', 'wire')['mtu'] == mtu
        assert lab.ping(host.vms['vm1'], '10.77.0.100') == 0


def test_an_uplink_that_cannot_be_had_leaves_the_one_that_was(lab, host):
    text = config(host).replace('flwire0', 'flnone')
    assert apply(host, text, check=False).returncode == 1
    assert names(host) == ['vm1', 'vm2']
    assert lab.ping(host.vms['vm1'], '10.77.0.100') == 0


def test_what_is_shown_can_be_applied(host):
    shown = host.daemon.show('config', 'show')
    assert shown['drift'] == []
    assert json.loads(apply(host, shown['text']).stdout)['changed'] is False


def test_drift_is_named_until_it_is_saved(host):
    host.daemon.cli('port', 'set', 'vm1', '--vmq-weight', '50')
    assert any('vm1' in line for line in host.daemon.show('config', 'show')['drift'])
    assert host.daemon.show('config', 'save')['changed'] is True
    assert host.daemon.show('config', 'show')['drift'] == []
    assert 'vmq_weight: 50' in host.config_path.read_text()


def test_a_saved_configuration_starts_the_same_host(lab, host):
    host.daemon.cli('port', 'set', 'vm1', '--vmq-weight', '50')
    host.daemon.cli('config', 'save')
    before = host.daemon.show('config', 'show')['text']
    assert host.daemon.stop() == 0
    host.start(host.config_path.read_text())
    assert host.daemon.show('config', 'show')['text'] == before
    assert lab.ping(host.vms['vm1'], '10.77.0.2') == 0


def test_a_changed_address_reaches_the_guest(lab, host):
    apply(host, config(host, vm1={'address': '10.77.0.91/24'}))
    assert lab.ping(host.vms['vm2'], '10.77.0.91') == 0
    assert lab.cannot_ping(host.vms['vm2'], '10.77.0.1')


QUEUE_SETTINGS = {
    'dynamic': True, 'max_processors': 2, 'max_processor': 1, 'balance': {'high_percent': 80, 'low_percent': 30, 'period_ms': 50},
    'rss': {'profile': 'closest', 'hash_types': ['ipv4', 'tcp-ipv4'], 'entries': 64, 'key': '5a' * 40}, 'offload': {'rx_checksum': False},
}


def adapter_text(host, **changes):
    port = dict(host.ports[0], queues=2, vrss={'min_queues': 2, 'scheduling': 'static'})
    return host.config([{'name': 'ext', 'kind': 'external', 'uplink': 'wire', 'ports': [port, host.ports[1]]}],
                       [{'name': 'wire', 'uplink': 'af_xdp:flwire0', 'mode': 'vmq', **changes}])


def test_settings_of_queues_are_applied_shown_and_taken_back(host):
    """Each key, in a daemon that runs: it is shown, the text that is shown changes nothing, and without the keys all is as it was."""
    before = adapter_text(host)
    apply(host, before)
    apply(host, adapter_text(host, **QUEUE_SETTINGS))
    vmq, rss = host.daemon.show('vmq', 'show', 'wire'), host.daemon.show('rss', 'show', 'wire')
    assert (vmq['dynamic'], vmq['high_percent'], vmq['low_percent'], vmq['period_ms']) == (True, 80, 30, 50)
    assert (rss['profile'], rss['hash_types'], rss['entries'], rss['key']) == ('closest', ['ipv4', 'tcp-ipv4'], 64, '5a' * 40)
    assert rss['operational'] is False and 'VM queues' in rss['reason'], 'kept, without effect'
    assert host.daemon.show('offload', 'show', 'wire')['rx_checksum'] is False
    vrss = host.daemon.show('vrss', 'show', 'vm1')
    assert (vrss['queues'], vrss['min_queues'], vrss['scheduling']) == (2, 2, 'static')
    assert json.loads(apply(host, host.daemon.show('config', 'show')['text']).stdout)['changed'] is False
    steps = json.loads(apply(host, before).stdout)['steps']
    assert any('adapter wire' in step and 'rss.key' in step for step in steps), steps
    assert host.daemon.show('vmq', 'show', 'wire')['dynamic'] is False


def test_modes_change_while_a_ping_goes_on(lab, host):
    """The adapter goes from VM queues to RSS and back, five times; a ping through it loses nothing."""
    def change():
        for _ in range(5):
            for mode in ('rss', 'none', 'vmq'):
                apply(host, adapter_text(host, mode=mode, queues=2))
    apply(host, adapter_text(host))
    changes = threading.Thread(target=change)
    changes.start()
    lost = ping_all(lab, [(host.vms['vm2'], '10.77.0.100'), (host.dc, '10.77.0.2')], count=200, interval=0.01)
    changes.join()
    assert set(lost.values()) == {0}, f'{lost}; drops: {host.daemon.show("drops")}'
