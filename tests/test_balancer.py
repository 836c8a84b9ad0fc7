"""The report of docs/balancer.md is what the program says today."""
import importlib.machinery
import importlib.util
import sys

import pytest

from lib import BUILD, ROOT, call


def generator():
    loader = importlib.machinery.SourceFileLoader('gen_balancer', str(ROOT / 'scripts/gen_balancer'))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('gen_balancer', loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


GEN = generator()
TABLES = {match.group(2): match.group(3) for match in GEN.TABLE.finditer(GEN.PAGE.read_text())}


# What takes long is looked at by a few rows; scripts/gen_balancer takes half a minute for all.
SAMPLES = {'--size 3': ['steps, TCP', 'Zipf'], '--settings': ['samples']}


@pytest.mark.parametrize('arguments, only', [(arguments, row) for arguments in TABLES for row in SAMPLES.get(arguments, [None])])
def test_the_report_has_the_figures_of_today(arguments, only):
    lines = GEN.table(BUILD, arguments, only).splitlines()
    missing = [line for line in lines if line not in TABLES[arguments].splitlines()]
    assert len(lines) > 4 and missing == [], 'scripts/gen_balancer writes it anew'
    assert only or lines == TABLES[arguments].splitlines()


def test_the_report_has_all_sizes():
    assert len(TABLES) == 6 and all(text.count('|') > 50 for text in TABLES.values())


def test_a_recorded_host_can_be_simulated(converged, tmp_path):
    port = converged.daemon.show('port', 'list')[0]['name']
    done = call([ROOT / 'scripts/record_loads', '--rpc', converged.daemon.rpc, '--fairlead', BUILD / 'fairlead', '--seconds', '2'])
    lines = done.stdout.splitlines()
    assert port and lines[1] == '# row_ms=500' and len(lines) >= 5
    assert all(len(line.split(',')) == 8 for line in lines[2:])
    trace = tmp_path / 'mine.csv'
    trace.write_text(done.stdout)
    printed = call([BUILD / 'bench/balance_sim', '--size', '0', trace], timeout=30).stdout
    assert '| mine |' in printed


def test_what_is_no_trace_is_refused(tmp_path):
    for text in ('', '# row_ms=500\n', '1,2,3,4,5,6,7,8\n', '# row_ms=500\n1,2,3\n', '# row_ms=500\n1,2,3,4,5,6,7,101\n'):
        (tmp_path / 'bad.csv').write_text(text)
        done = call([BUILD / 'bench/balance_sim', '--size', '0', tmp_path / 'bad.csv'], check=False)
        assert done.returncode == 1 and 'bad.csv is no trace' in done.stderr
