"""What is wrong with interfaces is said in a sentence that names them, and leaves nothing behind."""
import json

import pytest

from lib import BUILD, ROOT, LabError, call, wait_for

SWITCH = 'ext'


def links(lab, namespace):
    """Names of the interfaces of a namespace, loopback left out."""
    out = lab.run(namespace, ['ip', '-j', 'link']).stdout
    return sorted(link['ifname'] for link in json.loads(out) if link['ifname'] != 'lo')


def external(*ports):
    return [{'name': SWITCH, 'kind': 'external', 'uplink': 'wire', 'ports': list(ports)}]


def refusal(host, text):
    """Starts a daemon that must refuse; returns what it said."""
    daemon = host.lab.daemon(host.namespace, host.write(text), name='refused', wait=False)
    assert daemon.process.wait(15) == 1
    assert 'ready' not in daemon.out.read_text()
    return daemon.log.read_text() + daemon.out.read_text()


def test_an_uplink_that_does_not_exist_is_named(lab):
    host = lab.host(wire=False)
    adapters = [{'name': 'wire', 'uplink': 'af_xdp:flnone', 'mode': 'none'}]
    said = refusal(host, host.config(external(), adapters))
    assert 'flnone' in said and 'wire' in said


def test_a_namespace_that_does_not_exist_is_named(lab):
    host = lab.host()
    port = {'name': 'vm1', 'nic': 'tap', 'netns': 'flnowhere', 'interface': 'eth0'}
    said = refusal(host, host.config(external(port)))
    assert 'flnowhere' in said and 'vm1' in said
    assert links(lab, host.namespace) == ['flwire0']


def test_an_interface_that_exists_already_is_refused_and_left_alone(lab):
    host = lab.host()
    ports = [host.vm('vm1', 1), host.vm('vm2', 2)]
    lab.run(host.vms['vm2'], ['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1'])
    said = refusal(host, host.config(external(*ports)))
    assert 'eth0' in said and 'vm2' in said
    assert links(lab, host.vms['vm1']) == []
    assert links(lab, host.vms['vm2']) == ['eth0', 'eth1']


def test_an_uplink_in_use_by_another_daemon_is_refused(lab):
    host = lab.host()
    host.start(host.config(external(host.vm('vm1', 1))))
    other = lab.daemon(host.namespace, host.write(host.config(external(host.vm('vm2', 2)))), name='second', wait=False)
    assert other.process.wait(15) == 1
    assert 'flwire0' in other.log.read_text() + other.out.read_text()
    assert lab.ping(host.vms['vm1'], '10.77.0.100') == 0


@pytest.fixture
def owned(lab):
    """A host whose only way out is the wire: address and default route stand on flwire0."""
    host = lab.host()
    for words in (['address', 'add', '10.77.0.50/24', 'dev', 'flwire0'], ['route', 'add', 'default', 'via', '10.77.0.100']):
        lab.run(host.namespace, ['ip', *words])
    own = {'name': 'host', 'nic': 'tap', 'interface': 'flown'}
    return host, host.config(external(own, host.vm('vm1', 1)))


def test_the_hosts_own_way_out_is_not_taken_unasked(lab, owned):
    host, text = owned
    said = refusal(host, text)
    assert 'flwire0' in said and '--take-over' in said
    assert lab.ping(host.namespace, '10.77.0.100') == 0, 'the host must still reach its network'


def test_the_hosts_own_way_out_moves_to_its_vnic_when_asked(lab, owned):
    host, text = owned
    mac = lab.run(host.namespace, ['cat', '/sys/class/net/flwire0/address']).stdout
    host.start(text, options=['--take-over'])
    assert lab.run(host.namespace, ['cat', '/sys/class/net/flown/address']).stdout == mac
    route = lab.run(host.namespace, ['ip', 'route', 'show', 'default']).stdout
    assert 'dev flown' in route and 'via 10.77.0.100' in route
    assert lab.ping(host.namespace, '10.77.0.100') == 0
    assert lab.ping(host.vms['vm1'], '10.77.0.50') == 0
    assert host.daemon.stop() == 0
    assert 'dev flwire0' in lab.run(host.namespace, ['ip', 'route', 'show', 'default']).stdout
    assert lab.ping(host.namespace, '10.77.0.100') == 0, 'what was taken over must be given back'


def test_everything_that_was_made_is_gone_at_the_end(lab):
    host = lab.host()
    own = {'name': 'host', 'nic': 'tap', 'interface': 'flown', 'address': '10.77.0.200/24'}
    daemon = host.start(host.config(external(own, host.vm('vm1', 1))))
    assert links(lab, host.namespace) == ['flown', 'flwire0']
    assert daemon.stop() == 0
    assert links(lab, host.namespace) == ['flwire0']
    assert links(lab, host.vms['vm1']) == []
    assert not daemon.rpc.exists()


def test_a_namespace_may_be_made_anew(lab):
    """A port is in the namespace that has the name now, with the address it had; meanwhile the others work on."""
    host = lab.host()
    host.start(host.config(external(host.vm('vm1', 1), host.vm('vm2', 2))))
    call(['ip', 'netns', 'del', host.vms['vm2']])
    assert lab.ping(host.vms['vm1'], '10.77.0.100') == 0
    call(['ip', 'netns', 'add', host.vms['vm2']])
    assert wait_for(lambda: host.port('vm2')['state'] == 'up', seconds=5)
    assert lab.ping(host.vms['vm1'], '10.77.0.2') == 0


def test_the_wire_may_go_and_come(lab):
    """Its peer goes down and up again: frames are counted as lost meanwhile, and pass afterwards."""
    host = lab.host()
    host.start(host.config(external(host.vm('vm1', 1))))
    assert lab.ping(host.vms['vm1'], '10.77.0.100') == 0
    lab.run(host.dc, ['ip', 'link', 'set', 'fldc0', 'down'])
    assert lab.cannot_ping(host.vms['vm1'], '10.77.0.100')
    assert wait_for(lambda: 'uplink has no link adapter=wire' in host.daemon.last_words())
    assert host.daemon.show('adapter', 'show', 'wire')['state'] == 'down'
    lab.run(host.dc, ['ip', 'link', 'set', 'fldc0', 'up'])
    assert lab.ping(host.vms['vm1'], '10.77.0.100', count=10, interval=0.2) <= 5
    assert lab.ping(host.vms['vm1'], '10.77.0.100') == 0
    assert wait_for(lambda: 'uplink has a link again adapter=wire' in host.daemon.last_words())
    assert host.daemon.last_words().count('uplink has') == 2


def test_the_command_line_says_what_is_wrong_with_a_file(tmp_path):
    """Two mistakes in one file, told at once with their lines; nothing runs for it."""
    path = tmp_path / 'wrong.yaml'
    path.write_text('version: 1\nswitches:\n  - name: ext\n    kind: externl\n    prots: []\n')
    done = call([BUILD / 'fairlead', 'config', 'check', path], check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert 'wrong.yaml:4' in said and 'externl' in said and 'external' in said
    assert 'wrong.yaml:5' in said and 'prots' in said and 'ports' in said


@pytest.mark.parametrize('path', sorted((ROOT / 'examples').glob('*.yaml')), ids=lambda path: path.name)
def test_each_example_is_right(path):
    call([BUILD / 'fairlead', 'config', 'check', path])


def test_without_a_daemon_the_command_line_says_so(tmp_path):
    done = call([BUILD / 'fairlead', '--rpc', tmp_path / 'none.sock', 'port', 'list'], check=False)
    assert done.returncode == 1
    assert str(tmp_path / 'none.sock') in done.stderr


def test_wrong_usage_has_a_status_of_its_own():
    for words in (['prot', 'list'], ['port', 'lsit'], ['port', 'show'], ['port', 'list', '--jsno']):
        assert call([BUILD / 'fairlead', *words], check=False).returncode == 2, words


def test_a_refusal_has_status_one_and_a_sentence(converged):
    with pytest.raises(LabError, match='exit status 1'):
        converged.daemon.cli('port', 'show', 'vm9')
    done = converged.daemon.cli('port', 'show', 'vm9', check=False)
    assert 'vm9' in done.stderr
