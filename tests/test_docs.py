"""What the documents print is so: each command that they show works, each file that they name exists."""
import re
import shlex
import sys

import pytest

from console import BLOCK
from lib import BUILD, ROOT, call

DOCUMENTS = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md')])
PLAYED = [path for path in DOCUMENTS if BLOCK.search(path.read_text())]
PLAY_S = 55
# what ./run's own tests play, and what needs more than a daemon
NOT_FOR_A_DAEMON = {'completion'}
# RSS and VM queues exclude each other: who switches one of them on has switched the other off
FIRST = {('rss', 'enable'): ['vmq', 'disable', 'wire'], ('vmq', 'enable'): ['rss', 'disable', 'wire']}


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
        if tuple(words[:2]) in FIRST:
            converged.daemon.cli(*FIRST[tuple(words[:2])])
        if words[1:2] == ['watch']:  # until it is interrupted
            done = call(['timeout', '--signal=INT', '--preserve-status', '1', BUILD / 'fairlead', '--rpc', converged.daemon.rpc, *words], check=False)
        else:
            done = converged.daemon.cli(*words, check=False)
        if done.returncode != 0:
            failed.append((document, line, done.stderr.strip()))
    assert failed == []


def test_every_example_of_the_help_works(converged, lab):
    """Each command's --help ends with an example that works with the configuration of ./run, or with one for guests."""
    guests = lab.host('guests', wire=False)
    guests.start((ROOT / 'examples/vm-host.yaml').read_text())
    functions = lab.host('functions', wire=False)
    functions.start((ROOT / 'examples/sriov.yaml').read_text())
    nouns = re.findall(r'^  ([a-z]+)', converged.daemon.cli('--help').stdout, re.M)
    assert len(set(nouns)) > 5
    failed = []
    for noun in sorted(set(nouns)):
        for example in re.findall(r'fairlead [a-z][^\n]*', converged.daemon.cli(noun, '--help', check=False).stdout):
            if refused(guests, example) and refused(functions, example):
                failed += refused(converged, example)
    assert failed == []


def refused(host, example):
    if re.search(r'[A-Z]{2,}|[\[|]', example):
        return []  # a usage line
    done = host.daemon.cli(*shlex.split(example)[1:], check=False)
    return [(example, done.stderr.strip())] if done.returncode else []


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(document):
    for name in re.findall(r'`((?:src|tests|scripts|examples|docs|bench|plan|\.ci)/[\w./-]*)`', document.read_text()):
        assert (ROOT / name).exists(), f'{document.name} names {name}'


@pytest.mark.parametrize('document', PLAYED, ids=lambda path: path.name)
def test_what_a_page_shows_is_what_happens(document):
    """Its console blocks, played from the first to the last on the host that ./run lays out: tests/console.py."""
    done = call(['unshare', '-m', '--propagation', 'private', sys.executable, ROOT / 'tests/console.py', document], timeout=PLAY_S,
                check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_page_that_is_wrong_is_noticed(tmp_path):
    """Or the test above could not fail: a message, a table, a status and a ping that are not so."""
    page = tmp_path / 'wrong.md'
    page.write_text("""```console
$ fairlead port set vm1 --vmq-weight 50
port vm1 altered
$ fairlead queue list
ID  VPORT  OWNER
$ fairlead port show vm9
name: vm9
$ ip netns exec flvm1 ping -n -q -c 1 -W 1 10.77.0.100
1 packets transmitted, 0 received, 100% packet loss, time 0ms
$ fairlead vmq list
QUEUE  PORT  MAC                VLAN  PROCESSOR  DYNAMIC
...
```
""")
    done = call(['unshare', '-m', '--propagation', 'private', sys.executable, ROOT / 'tests/console.py', page], timeout=PLAY_S, check=False)
    assert done.returncode == 1
    assert [line.split(': ')[0] for line in done.stdout.splitlines()] == [
        'fairlead port set vm1 --vmq-weight 50', 'fairlead queue list', 'fairlead port show vm9',
        'ip netns exec flvm1 ping -n -q -c 1 -W 1 10.77.0.100'], done.stdout + done.stderr


def yaml_of(document):
    """Each YAML block as a whole file; parts of one lack the version."""
    for text in re.findall(r'^```yaml\n(.*?)^```$', document.read_text(), re.M | re.S):
        yield text if 'version:' in text else f'version: 1\n{text}'


@pytest.mark.parametrize('document', [path for path in DOCUMENTS if '```yaml' in path.read_text()], ids=lambda path: path.name)
def test_every_configuration_that_a_page_shows_is_right(document, tmp_path):
    for text in yaml_of(document):
        (tmp_path / 'part.yaml').write_text(text)
        call([BUILD / 'fairlead', 'config', 'check', tmp_path / 'part.yaml'])


def test_every_reason_for_a_drop_has_a_row_in_the_books():
    names = re.findall(r'X\([A-Z_]+, "([a-z_]+)"', (ROOT / 'src/pkt/drop.h').read_text())
    rows = re.findall(r'^\| `([a-z_]+)` \|', (ROOT / 'docs/books.md').read_text(), re.M)
    assert len(names) > 10 and rows == names


def longest_run(words, source):
    """How many of the words stand one after the other in the source."""
    return max(n - i for i in range(len(words)) for n in range(i, len(words) + 1) if ' '.join(words[i:n]) in source)


def test_every_message_in_troubleshooting_is_one_of_the_programs():
    """More than half of it, between the words in capitals that stand for the reader's own, is one text of the source."""
    files = [*(ROOT / 'src').rglob('*.c'), *(ROOT / 'plan').glob('*.h')]
    source = re.sub(r'"\s+"', '', ''.join(path.read_text() for path in files))
    messages = re.findall(r'^\| `(.+?)` \|', (ROOT / 'docs/troubleshooting.md').read_text().split('## Messages of', 1)[1], re.M)
    assert len(messages) > 20
    pieces = [max(re.split(r"\W*\b[A-Z]+\b\W*", message), key=len).split() for message in messages]
    assert [' '.join(words) for words in pieces if longest_run(words, source) <= len(words) / 2] == []


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_every_page_that_a_page_links_to_exists(document):
    for link in re.findall(r'\]\(([^)#:]+)\)', document.read_text()):
        assert (document.parent / link).exists(), f'{document.name} links to {link}'


def test_every_page_is_in_the_index():
    linked = set(re.findall(r'\]\(([a-z-]+\.md)\)', (ROOT / 'docs/README.md').read_text()))
    assert linked == {path.name for path in (ROOT / 'docs').glob('*.md')} - {'README.md'}


def test_every_function_that_the_architecture_names_exists():
    source = '\n'.join(path.read_text() for folder in ('src', 'plan') for path in (ROOT / folder).rglob('*.c'))
    for name in re.findall(r'`([a-z]+_[a-z_]+)`', (ROOT / 'ARCHITECTURE.md').read_text()):
        assert re.search(rf'^{name}\(|static .*{name}\(', source, re.M) or name == 'epoll_wait', f'ARCHITECTURE.md names {name}()'
