# SPDX-License-Identifier: Apache-2.0
"""Data workers end with their trainer, and it with them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from centergroup_mm.folder_lock import FolderLock

TRAINING = Path(__file__).with_name('train_with_workers.py')
LINUX = pytest.mark.skipif(sys.platform != 'linux', reason='the kernel is asked')


def running(process: int) -> bool:
    """Whether a process is there and not merely waiting to be collected."""
    try:
        state = Path('/proc', str(process), 'stat').read_text()
    except OSError:
        return False
    return state.rpartition(')')[2].split()[0] not in 'ZX'


@pytest.fixture
def training(tmp_path):
    """A training that goes on until it is ended, and its two workers."""
    command = [sys.executable, str(TRAINING), str(tmp_path)]
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with subprocess.Popen(command, **streams) as trainer:
        try:
            told = next(line for line in trainer.stdout if line.startswith('workers'))
            workers = [int(process) for process in told.split()[1:]]
            assert len(workers) == 2
            yield trainer, workers
        finally:
            trainer.kill()


@LINUX
def test_workers_end_when_their_trainer_is_killed(training, tmp_path):
    trainer, workers = training
    assert all(map(running, workers))
    trainer.kill()
    trainer.wait()
    deadline = time.monotonic() + 300
    while any(map(running, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # Nobody has the folder any more.
    FolderLock(tmp_path, '').check()


@LINUX
def test_a_killed_worker_ends_the_training(training):
    trainer, workers = training
    os.kill(workers[0], signal.SIGKILL)
    printed, _ = trainer.communicate(timeout=300)
    assert trainer.returncode == 1
    last = error_in(printed)
    assert last.startswith('RuntimeError: DataLoader worker')
    assert str(workers[0]) in last
    assert 'num_workers' in last


def error_in(printed: str) -> str:
    """The last error; whoever else ends may have something to say after it."""
    lines = printed.splitlines()
    return [line for line in lines if line.startswith(('RuntimeError', 'OSError'))][-1]


def in_small_shared_memory(free: int) -> list[str]:
    """Begin of a command that runs another with an own /dev/shm of so many kB."""
    mount = 'mount -t tmpfs -o size=64k tmpfs /dev/shm'
    fill = f'head -c {64 - free}k /dev/zero > /dev/shm/others'
    mount = f'{mount} && {fill} && exec "$@"'
    command = ['unshare', '-m', 'sh', '-c', mount, 'sh']
    allowed = shutil.which('unshare') and (
        subprocess.run([*command, 'true'], capture_output=True).returncode == 0
    )
    if not allowed:
        pytest.skip('only root can have a /dev/shm of its own')
    return command


@LINUX
@pytest.mark.parametrize('free', [64, 0])
def test_a_small_shared_memory_is_an_error_and_no_wait(tmp_path, free):
    command = [*in_small_shared_memory(free), sys.executable, TRAINING, tmp_path]
    # Without the mend it would wait for ever.
    result = subprocess.run(
        list(map(os.fspath, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert result.returncode == 1
    last = error_in(result.stdout)
    if free == 0:
        # It fails before there is a training; the advice is above.
        assert last == 'OSError: [Errno 28] No space left on device'
        lines = result.stdout.splitlines()
        last = next(line for line in lines if '--shm-size' in line)
    else:
        # For want of room for a batch, or for the locks that workers share.
        assert last.startswith(
            ('RuntimeError: DataLoader worker', 'RuntimeError: No data worker can')
        )
    assert '/dev/shm' in last
    assert '--shm-size' in last
    assert 'num_workers' in last
