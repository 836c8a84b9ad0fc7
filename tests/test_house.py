"""The house's own checks: that they find what they are for, and that what counts the tests counts them right."""
import importlib.machinery
import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import pytest

from lib import ROOT, call


def load(script):
    """A script without .py as a module."""
    loader = importlib.machinery.SourceFileLoader(script, str(ROOT / 'scripts' / script))
    spec = importlib.util.spec_from_loader(script, loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def tree(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


# ---- layers ----

LAYERS = [
    ('src/pkt/a.c', '#include "base/err.h"', True),
    ('src/nic/a.c', '#include "pkt/pkt.h"', True),
    ('src/nic/a.c', '#include "nic/queue.h"', True),
    ('src/pkt/a.c', '#include "nic/queue.h"', False),
    ('src/pkt/a.c', '  #  include "nic/queue.h"', False),
    ('src/base/a.h', '#include "pkt/pkt.h"', False),
    ('src/team/a.c', '#include "ipsec/sa.h"', False),
    ('src/guest/a.c', '#include "vsw/port.h"', False),
    ('src/vsw/a.c', '#include "guest/tap.h"', True),
    ('src/vsw/a_test.c', '#include "ctl/config.h"', False),
    ('src/ctl/a.c', '#include "keep/keep.h"', True),
    ('src/guest/a.c', '#include "keep/keep.h"', True),
    ('src/guest/a.c', '#include "keep/proto.h"', False),
    ('src/pkt/a.c', '#include "keep/keep.h"', False),
    ('src/keep/a.c', '#include "base/err.h"', True),
    ('src/keep/a.c', '#include "pkt/pkt.h"', False),
    ('src/keep/a.c', '#include <rte_ring.h>', False),
    ('src/cli/a.c', '#include "ctl/schema.h"', True),
    ('src/cli/a.c', '#include "nic/queue.h"', False),
    ('src/nic/a.c', '#include "worker.h"', False),
    ('src/nic/a.c', '#include "plan/rule.h"', True),
    ('src/attic/a.c', '', False),
    ('src/main.c', '#include "cli/cli.h"', True),
    ('plan/a.c', '#include <stdint.h>', True),
    ('plan/a.c', '#include <time.h>', False),
    ('plan/a.c', '#include <rte_ring.h>', False),
    ('plan/a.c', '#include "base/err.h"', False),
]


@pytest.mark.parametrize('name, line, allowed', LAYERS)
def test_an_upward_include_is_found(tmp_path, name, line, allowed):
    done = call([ROOT / 'scripts/check_layers', tree(tmp_path, {name: line + '\n'})], check=False)
    assert (done.returncode == 0) is allowed, done.stdout
    assert allowed or f'{name}:1: ' in done.stdout


# ---- style ----

def function(lines):
    return 'int\nlong_one(void)\n{\n' + '\tcall();\n' * (lines - 3) + '}\n'


STYLE = [
    ('src/base/a.c', function(100) + function(2) * 20, None),
    ('src/base/a.c', function(101) + function(2) * 20, 'long_one() has 101 lines'),
    ('src/base/a.c', function(61) * 3 + function(5) * 9, '90th percentile'),
    ('src/base/a.c', function(30) * 5, 'median'),
    ('src/base/a.c', '/* */\n' * 601, '601 lines'),
    ('src/base/a.h', '/* */\n' * 151, '151 lines'),
    ('src/main.c', '/* */\n' * 121, '121 lines'),
    ('src/keep/a.c', '/* */\n' * 600, None),
    ('src/base/a.c', '/* TO' 'DO: more */\n', 'unfinished'),
    ('src/base/a.c', '#if' ' 0\n', 'unfinished'),
    ('src/base/a.c', 'int a; \n', 'blanks'),
    ('docs/a.md', 'see /ho' 'me/me/x\n', 'a path of this machine'),
]


@pytest.mark.parametrize('name, text, said', STYLE, ids=[f'{name}: {said}' for name, _, said in STYLE])
def test_what_is_over_a_limit_is_found(tmp_path, name, text, said):
    subprocess.run(['git', 'init', '-q', tmp_path], check=True)
    done = call([ROOT / 'scripts/check_style', '--no-format', tree(tmp_path, {name: text})], check=False)
    assert done.returncode == (0 if said is None else 1), done.stdout
    assert said is None or said in done.stdout


def test_a_keeper_of_more_than_800_lines_is_found(tmp_path):
    subprocess.run(['git', 'init', '-q', tmp_path], check=True)
    tree(tmp_path, {'src/keep/a.c': 'int a;\n' * 500, 'src/keep/b.c': 'int a;\n' * 301 + '/* why */\n\n', 'src/keep/client.c': 'int a;\n' * 9})
    done = call([ROOT / 'scripts/check_style', '--no-format', tmp_path], check=False)
    assert done.returncode == 1 and '801 lines of code' in done.stdout


# ---- counting ----

CMOCKA_PROGRAM = r'''
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
static void right(void **s) { (void)s; }
static void wrong(void **s) { (void)s; assert_int_equal(1, 2); }
static void left_out(void **s) { (void)s; skip(); }
static void may_crash(void **s) { (void)s; if (getenv("FL_CRASH")) abort(); }
static int no_setup(void **s) { (void)s; return -1; }
int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(right), cmocka_unit_test(wrong), cmocka_unit_test(left_out),
		cmocka_unit_test_setup(right, no_setup), cmocka_unit_test(may_crash), cmocka_unit_test(right) };
	cmocka_run_group_tests(tests, NULL, NULL);
	return getenv("FL_STATUS") ? 3 : 0;
}
'''


def outcomes(cases):
    return [case.outcome for case in cases]


def test_each_case_of_a_cmocka_program_counts(tmp_path):
    """Six cases; with a crash in the fifth, that one and the sixth, which was not reached, have failed."""
    tiers = load('tiers')
    source, program = tmp_path / 'a.c', tmp_path / 'a'
    source.write_text(CMOCKA_PROGRAM)
    call(['gcc', source, '-o', program, '-lcmocka'], timeout=30)
    done = subprocess.run([program], capture_output=True, text=True)
    assert outcomes(tiers.cmocka_cases('a', done.stdout, done.stderr, 0)) == \
        ['passed', 'failed', 'skipped', 'failed', 'passed', 'passed']
    crashed = subprocess.run([program], capture_output=True, text=True, env={'FL_CRASH': '1'})
    assert outcomes(tiers.cmocka_cases('a', crashed.stdout, crashed.stderr, crashed.returncode)) == \
        ['passed', 'failed', 'skipped', 'failed', 'failed', 'failed']


@pytest.mark.parametrize('out, status, expected', [
    ('', 0, ['passed']),
    ('', 1, ['failed']),
    ('[==========] Running 1 test(s).\n', 0, ['failed']),
    ('', 139, ['failed']),
    ('[==========] Running 1 test(s).\n[ RUN      ] a\n[       OK ] a\n', 0, ['passed']),
    ('[==========] Running 1 test(s).\n[ RUN      ] a\n[       OK ] a\n', 23, ['passed', 'failed']),
    ('[==========] tests: Running 2 test(s).\n[ RUN      ] a\n[       OK ] a\n', 1, ['passed', 'failed']),
])
def test_a_program_that_says_less_than_its_status_fails(out, status, expected):
    assert outcomes(load('tiers').cmocka_cases('a', out, '', status)) == expected


JUNIT = '''<testsuites><testsuite>
<testcase classname="tests.test_a" name="one"/>
<testcase classname="tests.test_a" name="two"><failure message="no"/></testcase>
<testcase classname="tests.test_a" name="three"><skipped message="no means"/></testcase>
<testcase classname="tests.test_a" name="four"/><testcase classname="tests.test_a" name="four"><error message="teardown"/></testcase>
</testsuite></testsuites>'''


def test_pytests_report_counts_each_test_once(tmp_path):
    (tmp_path / 'report.xml').write_text(JUNIT)
    assert outcomes(load('tiers').pytest_cases(tmp_path / 'report.xml')) == ['passed', 'failed', 'skipped', 'failed']


def test_a_tier_that_does_not_exist_fails_when_it_is_named():
    for tier in load('tiers').ABSENT:
        done = call([ROOT / 'scripts/tiers', tier], check=False)
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1] == '0 passed, 1 failed, 0 skipped'


# ---- what an act of ./run must show ----

class FakeRpc:
    """A daemon whose VMs have VM queues on these processors."""

    def __init__(self, *processors):
        self.processors = processors

    def call(self, method, **params):
        if method == 'vmq.list':
            return [{'queue': n, 'port': f'vm{n}'} for n, _ in enumerate(self.processors, 1)]
        return [{'id': n, 'vport': f'vm{n}', 'port': f'vm{n}', 'index': 0, 'processor': p} for n, p in enumerate(self.processors, 1)]


def test_an_act_whose_queues_share_processors_fails():
    acts = load('acts.py')
    assert acts.check_vmq(FakeRpc(1, 2, 3)) == 'vm1 on 1, vm2 on 2, vm3 on 3'
    with pytest.raises(acts.ActFailed, match='do not stand on 3 processors'):
        acts.check_vmq(FakeRpc(1, 1, 2))
    with pytest.raises(acts.ActFailed, match='do not have a queue each'):
        acts.check_vmq(FakeRpc(1, 2))


@pytest.mark.parametrize('gbps, works', [(0.2, True), (0.13, True), (0.12, False)])
def test_an_act_that_gains_too_little_fails(gbps, works):
    """0.1 Gb/s before: at least 1.3 times as much has to be moved after."""
    story = load('story')
    act = next(act for act in story.acts() if act.name == 'dvmq')
    before, after = (SimpleNamespace(gbps=rate, busy={0: 100, 1: 0}, standing='') for rate in (0.1, gbps))
    play = story.Story(story.Screen())
    if works:
        play.compare(act, before, after)
    else:
        with pytest.raises(story.ActFailed, match='less than 1.3 x'):
            play.compare(act, before, after)


# ---- the commands' own words ----

@pytest.mark.parametrize('words, said', [
    (['--seconds', '0'], 'whole number'), (['--seconds'], 'needs a value'), (['--act', 'nothing'], 'none, vmq'),
    (['--sceonds', '3'], '--help'), (['--config', 'x.yaml', '--act', 'vmq'], 'acts'),
])
def test_wrong_words_for_run_are_answered_before_anything_happens(words, said):
    done = call([ROOT / 'run', *words], check=False)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_configuration_that_is_not_there_is_named(tmp_path):
    done = call([ROOT / 'run', '--config', tmp_path / 'none.yaml'], check=False)
    assert done.returncode == 1
    assert 'none.yaml' in done.stderr


def test_run_and_test_explain_themselves():
    for command in ('run', 'test'):
        done = call([ROOT / command, '--help'])
        assert 'usage' in done.stdout
