# SPDX-License-Identifier: Apache-2.0
"""A crowd in a folder: drawn once, by processes that may be killed, on a command."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd

TOOL = Path(__file__).parents[2] / 'tools' / 'make_crowd.py'
SMALL = CrowdSpec(num_train=5, num_val=4, size=128, seed=3)


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('make_crowd', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_all(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def test_bytes_depend_on_the_seed_alone(tmp_path):
    generate_crowd(tmp_path / 'one', SMALL, workers=1)
    generate_crowd(tmp_path / 'two', SMALL, workers=2)
    first = read_all(tmp_path / 'one')
    assert len(first) == SMALL.num_train + SMALL.num_val + 3
    assert first == read_all(tmp_path / 'two')


def test_nothing_half_written_stays_after_an_interruption(tmp_path):
    def give_up(images, total):
        yield next(images)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_crowd(tmp_path / 'crowd', SMALL, progress=give_up)
    assert not list(tmp_path.iterdir())


def test_a_killed_command_leaves_nothing(tmp_path):
    command = [sys.executable, str(TOOL), str(tmp_path / 'crowd'), '--workers', '2']
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 300
            while not list(tmp_path.glob('.crowd-*/crowd/train/*.jpg')):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=300) == 143
        finally:
            process.kill()
    assert not list(tmp_path.iterdir())


def children(parent: int) -> set[int]:
    """Living processes that another one has started."""
    found = set()
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = stat.read_text().rpartition(')')[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] not in 'ZX':
            found.add(int(stat.parent.name))
    return found


@pytest.fixture
def drawing(tmp_path):
    """A running tool and its two workers, which draw."""
    command = [sys.executable, str(TOOL), str(tmp_path / 'crowd'), '--workers', '2']
    silent = dict(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen(command, **silent) as process:
        try:
            deadline = time.monotonic() + 300
            workers = set()
            while len(workers) < 2 or not list(tmp_path.glob('.crowd-*/*/train/*')):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
                # A server forks them.
                workers = set().union(*map(children, children(process.pid)))
            yield process, workers
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform != 'linux', reason='needs /proc')
def test_a_killed_worker_is_an_error_and_no_wait(drawing, tmp_path):
    process, workers = drawing
    os.kill(min(workers), signal.SIGKILL)
    # It would wait for ever.
    assert process.wait(timeout=300) == 1
    said = process.stderr.read().strip().splitlines()[-1]
    assert said.startswith('make_crowd: a process that drew images was killed')
    assert '--workers' in said
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != 'linux', reason='the kernel is asked')
def test_workers_end_with_a_tool_that_is_killed_and_the_next_cleans_up(
    drawing, tmp_path
):
    process, workers = drawing
    process.kill()
    process.wait()
    deadline = time.monotonic() + 300
    while any(Path('/proc', str(worker)).exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [path.name[:7] for path in tmp_path.iterdir()] == ['.crowd-']
    (tmp_path / '.crowd-of-mine').mkdir()
    generate_crowd(tmp_path / 'crowd', CrowdSpec(num_train=1, num_val=1, size=64))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ['.crowd-of-mine', 'crowd']


def test_a_standing_crowd_is_kept_and_others_replaced_only_on_demand(tmp_path):
    folder = tmp_path / 'crowd'
    folder.mkdir()
    tiny = CrowdSpec(num_train=1, num_val=1, size=64)
    assert generate_crowd(folder, tiny)
    before = read_all(folder)
    assert not generate_crowd(folder, tiny)
    other = CrowdSpec(num_train=1, num_val=1, size=64, seed=1)
    with pytest.raises(FileExistsError, match='other parameters'):
        generate_crowd(folder, other)
    assert read_all(folder) == before
    assert generate_crowd(folder, other, overwrite=True)
    assert read_all(folder) != before
    (folder / 'val' / '000000.jpg').unlink()
    with pytest.raises(FileExistsError, match='incomplete'):
        generate_crowd(folder, other)
    assert [path.name for path in tmp_path.iterdir()] == ['crowd']


def test_a_folder_that_is_no_crowd_is_never_replaced(tmp_path):
    (tmp_path / 'letters').mkdir()
    (tmp_path / 'letters' / 'dear.txt').write_text('dear')
    with pytest.raises(FileExistsError, match='no crowd'):
        generate_crowd(tmp_path / 'letters', SMALL, overwrite=True)
    with pytest.raises(FileExistsError, match='not a folder'):
        generate_crowd(tmp_path / 'letters' / 'dear.txt', SMALL, overwrite=True)
    assert (tmp_path / 'letters' / 'dear.txt').read_text() == 'dear'


@pytest.mark.parametrize(
    'values',
    [
        dict(keypoints='hand'),
        dict(size=0),
        dict(seed=-1),
        dict(crowding=1.5),
        dict(num_val=-2),
    ],
)
def test_values_out_of_range_are_named(values):
    name, value = next(iter(values.items()))
    with pytest.raises(ValueError, match=f'{name} is {value!r}'):
        CrowdSpec(**values)


def test_help_tells_the_defaults(tool):
    text = ' '.join(tool.make_parser().format_help().split())
    for option, value in asdict(CrowdSpec()).items():
        name = option.replace('_', '-')
        told = re.findall(rf' --{name} [A-Z_]+ (?:(?! --).)*?default (\S+)', text)
        assert told == [str(value)], option


def test_command_line(tmp_path, tool, capsys):
    def run(*args):
        try:
            return tool.main([str(a) for a in args])
        except SystemExit as end:
            return end.code

    few = ('--num-train', 1, '--num-val', 1, '--size', 64, '--workers', 1)
    assert run('--help') == 0
    assert '--crowding' in capsys.readouterr().out
    assert run(tmp_path / 'a', '--keypoints', 'hand') == 2
    assert "keypoints is 'hand'" in capsys.readouterr().err
    assert run(tmp_path / 'a', '--workers', 0) == 2
    assert not list(tmp_path.iterdir())
    assert run(tmp_path / 'a', *few, '--keypoints', 'crowdpose') == 0
    assert run(tmp_path / 'a', *few, '--keypoints', 'crowdpose') == 0
    assert 'nothing to do' in capsys.readouterr().out
    assert run(tmp_path / 'a', *few) == 1
    assert 'other parameters' in capsys.readouterr().err
    assert run(tmp_path / 'a', *few, '--overwrite') == 0
