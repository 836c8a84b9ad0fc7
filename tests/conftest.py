"""Fixtures: a laboratory that is empty again after each test, whatever happened in it."""
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lib import FOLDER, TestLab, namespaces, sweep_stale  # noqa: E402

TEST_S = 60  # of one test, its laboratory included
GUEST_TEST_S = 300  # of one with guests, which take their time on a busy machine


def pytest_configure(config):
    config.addinivalue_line('markers', 'guest: boots guests; the tier of that name')
    config.addinivalue_line('markers', 'smoke: the one of the tier guest that the tier system plays, too')


def pytest_sessionstart(session):
    FOLDER.mkdir(parents=True, exist_ok=True)
    sweep_stale()


def pytest_sessionfinish(session):
    if FOLDER.exists() and not any(FOLDER.iterdir()):
        FOLDER.rmdir()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    seconds = GUEST_TEST_S if item.get_closest_marker('guest') else TEST_S

    def too_long(number, frame):
        raise TimeoutError(f'the test took longer than {seconds} s')
    previous = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    lab = item.funcargs.get('lab') if hasattr(item, 'funcargs') else None
    if report.failed and lab is not None:
        for daemon in lab.daemons:
            report.sections.append((f'log of {daemon.folder.name}', daemon.last_words(40) if daemon.log.exists() else '(gone)'))
        report.sections += [(f'console of {guest.name}', guest.last_words()) for guest in lab.guests]


@pytest.fixture
def lab():
    """A TestLab. After the test its books are checked, everything is removed, and that is checked, too."""
    laboratory = TestLab()
    try:
        yield laboratory
        laboratory.check_books()
        laboratory.stop_daemons()
    finally:
        laboratory.close()
    assert namespaces(laboratory.prefix) == [], 'namespaces were left behind'


@pytest.fixture
def converged(lab):
    """examples/converged-host.yaml, running."""
    return lab.converged_host()
