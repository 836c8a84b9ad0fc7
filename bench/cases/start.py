"""From the start of the daemon to the first frame that it brought from the wire to a VM: the demonstration's configuration."""
import socket
import threading
import time

from rig import Bench, LabError, Row, ROUNDS, spread
from cases.demo import MAC, Host

HELP = 'time from the start of the daemon to the first frame that it forwarded'
GOAL_MS = 1000
PATIENCE_S = 20
EVERY_S = 0.001
ETHERTYPE = 0x88b5  # IEEE 802-2014, 9.2.3: for local experiments
FRAME = (bytes.fromhex(MAC.replace(':', '')) + bytes.fromhex('02f1ff000001') + ETHERTYPE.to_bytes(2, 'big')).ljust(60, b'\0')


def wait_for_frame(receiver, daemon):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and daemon.process.poll() is None:
        try:
            receiver.recv(128)
            return
        except socket.timeout:
            continue
    raise LabError(f'no frame arrived within {PATIENCE_S} s of the start:\n{daemon.last_words()}')


def first_frame_ms(host):
    """Starts the daemon while a frame leaves the datacentre every ms; until the VM has one."""
    receiver = host.socket('vm1', ETHERTYPE)  # of no interface yet: the daemon makes it
    receiver.settimeout(0.5)
    sender = host.socket('dc', 0)
    sender.bind(('fldc0', 0))
    done = threading.Event()

    def send():
        while not done.is_set():
            sender.send(FRAME)
            time.sleep(EVERY_S)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        began = time.monotonic()
        daemon = host.start(wait=False)
        wait_for_frame(receiver, daemon)
        took = time.monotonic() - began
    finally:
        done.set()
        thread.join()
        sender.close()
        receiver.close()
    daemon.wait_ready()
    if daemon.stop() != 0:
        raise LabError(f'the daemon did not end well:\n{daemon.last_words()}')
    return 1000 * took


def measure(_seconds):
    with Bench('start') as lab:
        host = Host(lab)
        took = spread([first_frame_ms(host) for _ in range(ROUNDS)])
    return [Row('start', **took, unit='ms', ratio=took['value'], goal=GOAL_MS, note='examples/converged-host.yaml, first frame wire to VM').judge()]
