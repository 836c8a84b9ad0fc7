"""What the documents print is so: each command that they show works, each file that they name exists."""
import re
import shlex

import pytest

from lib import ROOT

DOCUMENTS = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md')])
# what ./run's own tests play, and what needs more than a daemon
NOT_FOR_A_DAEMON = {'completion'}


def commands():
    """(document, command line) of every `fairlead ...` that a document prints, without those with a placeholder."""
    found = set()
    for document in DOCUMENTS:
        for line in re.findall(r'(?:^ {4}|`)((?:build/)?fairlead [a-z][^`#\n]*?)(?:`|\s+#|\s*$)', document.read_text(), re.M):
            if not re.search(r'\b[A-Z]{3,}\b|<|\.\.\.', line):
                found.add((document.name, line.strip()))
    return sorted(found)


def test_every_command_that_a_document_prints_works(converged):
    assert len(commands()) > 10, 'the documents print commands; if none is found, the pattern is wrong'
    failed = []
    for document, line in commands():
        words = shlex.split(line)[1:]
        if words[0] in NOT_FOR_A_DAEMON:
            continue
        done = converged.daemon.cli(*words, check=False)
        if done.returncode != 0:
            failed.append((document, line, done.stderr.strip()))
    assert failed == []


def test_every_example_of_the_help_works(converged):
    """Each command's --help ends with an example that works with the example configuration."""
    nouns = re.findall(r'^  ([a-z]+)', converged.daemon.cli('--help').stdout, re.M)
    assert len(set(nouns)) > 5
    failed = []
    for noun in sorted(set(nouns)):
        for example in re.findall(r'fairlead [a-z][^\n]*', converged.daemon.cli(noun, '--help', check=False).stdout):
            failed += refused(converged, example)
    assert failed == []


def refused(host, example):
    if re.search(r'[A-Z]{2,}|[[|]', example):
        return []  # a usage line
    done = host.daemon.cli(*shlex.split(example)[1:], check=False)
    return [(example, done.stderr.strip())] if done.returncode else []


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(document):
    for name in re.findall(r'`((?:src|tests|scripts|examples|docs|bench|plan|\.ci)/[\w./-]*)`', document.read_text()):
        assert (ROOT / name).exists(), f'{document.name} names {name}'
