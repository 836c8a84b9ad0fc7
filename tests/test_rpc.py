"""The RPC socket is an enemy's, too: whatever comes in, the answer is an error, and the next client is served."""
import json
import random

import pytest

from lib import Rpc

GARBAGE = [
    b'\n', b'\0\n', b'nonsense\n', b'{\n', b'[]\n', b'"text"\n', b'1\n', b'null\n', b'{}\n', b'[1, 2]\n', b'{"jsonrpc": "2.0"}\n',
    b'{"jsonrpc": "1.0", "id": 1, "method": "port.list"}\n',
    b'{"jsonrpc": "2.0", "id": 1, "method": 5}\n',
    b'{"jsonrpc": "2.0", "id": 1, "method": "port.nothing"}\n',
    b'{"jsonrpc": "2.0", "id": 1, "method": "port.show", "params": "vm1"}\n',
    b'{"jsonrpc": "2.0", "id": 1, "method": "port.show", "params": {"port": 7}}\n',
    b'{"jsonrpc": "2.0", "id": 1, "method": "port.show", "params": {"port": "vm1", "prot": "vm1"}}\n',
    b'{"jsonrpc": "2.0", "id": 1, "method": "port.set", "params": {"port": "vm1", "vlan": 99999999999999999999}}\n',
    b'{"jsonrpc": "2.0", "id": 1, "method": "port.show", "params": {"port": "' + b'x' * 100_000 + b'"}}\n',
    b'[' * 5000 + b'\n',
    b'{"a":' * 2000 + b'1' + b'}' * 2000 + b'\n',
    b'{"jsonrpc": "2.0", "id": 1, "method": "\xff\xfe"}\n',
    '{"jsonrpc": "2.0", "id": 1, "method": "pört.list"}\n'.encode(),
]


def alive(daemon):
    """Whether a client is answered within a second."""
    with Rpc(daemon.rpc, seconds=5) as rpc:
        return [port['name'] for port in rpc.call('port.list')['result']] == ['host', 'vm1', 'vm2', 'vm3']


@pytest.mark.parametrize('number', range(len(GARBAGE)))
def test_garbage_is_answered_with_an_error(converged, number):
    """An error, or, for what is too long, an error and the end of the connection; the next request is served."""
    with Rpc(converged.daemon.rpc) as rpc:
        rpc.send(GARBAGE[number])
        if GARBAGE[number] == b'\n':
            return
        answer = rpc.line()
        assert answer is None or 'error' in (answer[0] if isinstance(answer, list) else answer)
    assert alive(converged.daemon)


def test_random_bytes_stop_nobody(converged):
    rng = random.Random(7)
    for _ in range(200):
        with Rpc(converged.daemon.rpc) as rpc:
            try:
                rpc.send(rng.randbytes(rng.randrange(1, 4000)) + b'\n' * rng.randrange(2))
            except (BrokenPipeError, ConnectionResetError):
                pass  # it may hang up on us
    assert alive(converged.daemon)


def test_a_client_that_withholds_half_a_message_delays_nobody(converged):
    stalled = [Rpc(converged.daemon.rpc) for _ in range(20)]
    for rpc in stalled:
        rpc.send(b'{"jsonrpc": "2.0", "id": 1, "method": "port')
    assert alive(converged.daemon)
    for rpc in stalled:
        rpc.close()


def test_a_client_that_does_not_read_delays_nobody(converged):
    with Rpc(converged.daemon.rpc) as deaf:
        deaf.socket.settimeout(0.5)
        request = json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'queue.list'}).encode() + b'\n'
        try:
            for _ in range(20_000):
                deaf.send(request)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass  # the daemon has stopped reading, or hung up: both are right
        assert alive(converged.daemon)


def test_an_endless_line_is_not_kept(converged):
    with Rpc(converged.daemon.rpc) as rpc:
        try:
            for _ in range(64):
                rpc.send(b'x' * (1 << 20))
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
        assert alive(converged.daemon)


def test_many_clients_at_once_are_served(converged):
    clients = [Rpc(converged.daemon.rpc) for _ in range(100)]
    for rpc in clients:
        rpc.send(b'{"jsonrpc": "2.0", "id": 5, "method": "processor.list"}\n')
    assert all(len(rpc.line()['result']) == 8 for rpc in clients)
    for rpc in clients:
        rpc.close()


def test_requests_in_one_piece_or_byte_by_byte_are_the_same(converged):
    request = b'{"jsonrpc": "2.0", "id": 5, "method": "port.list"}\n'
    with Rpc(converged.daemon.rpc) as rpc:
        rpc.send(request + request)
        whole = [rpc.line(), rpc.line()]
        for byte in request:
            rpc.send(bytes([byte]))
        pieces = rpc.line()
    assert [port['name'] for port in whole[0]['result']] == [port['name'] for port in pieces['result']]
    assert whole[1]['id'] == 5


def test_the_read_only_socket_changes_nothing(converged):
    with Rpc(converged.daemon.rpc.with_name('fairlead-ro.sock')) as rpc:
        assert 'result' in rpc.call('port.list')
        answer = rpc.call('port.set', port='vm1', vlan=7)
        assert 'error' in answer and 'read' in answer['error']['message']
    assert converged.port('vm1')['vlan'] == 0


def test_an_error_says_what_and_where(converged):
    with Rpc(converged.daemon.rpc) as rpc:
        error = rpc.call('port.show', port='vm9')['error']
    assert 'vm9' in error['message']
    assert set(error) == {'code', 'message', 'data'}


def test_every_change_leaves_an_audit_line(converged):
    converged.daemon.cli('port', 'set', 'vm1', '--vmq-weight', '50')
    converged.daemon.cli('port', 'set', 'vm9', '--vmq-weight', '50', check=False)
    lines = [line for line in converged.daemon.log.read_text().splitlines() if 'port.set' in line]
    assert len(lines) == 2 and all('uid=0' in line for line in lines)
    assert 'vm1' in lines[0] and 'vm9' in lines[1]


def test_the_socket_is_not_for_everyone(converged):
    """0660: owner and group may; a socket of mode 0660 cannot be connected to by others."""
    assert converged.daemon.rpc.stat().st_mode & 0o777 == 0o660


def test_a_shutdown_while_clients_are_connected_is_clean(converged):
    clients = [Rpc(converged.daemon.rpc) for _ in range(5)]
    clients[0].send(b'{"jsonrpc"')
    assert converged.daemon.stop() == 0
    clients[1].socket.settimeout(2)
    assert clients[1].socket.recv(100) == b''
    assert not converged.daemon.rpc.exists()
    for rpc in clients:
        rpc.close()
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        Rpc(converged.daemon.rpc)
