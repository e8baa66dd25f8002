# SPDX-License-Identifier: Apache-2.0
"""What a tool has started ends with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd
from centergroup_mm.lab.mim import CommandFailed, run_mim

# Starts a process that starts another, as mim does, and tells the id of their group.
TOOL = """
import runpy, signal, subprocess, sys
# In the background and under nohup the suite itself ignores these.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# Without the package around them, which takes its time.
run_tool = runpy.run_path(sys.argv[1] + '/command_line.py')['run_tool']
ended_with_this_process = runpy.run_path(sys.argv[1] + '/mim.py')[
    'ended_with_this_process'
]

def work():
    command = ['sh', '-c', 'sleep 1000 & sleep 1000']
    process = subprocess.Popen(command, start_new_session=True)
    with ended_with_this_process(process):
        print(process.pid, flush=True)
        process.wait()

sys.exit(run_tool('tool', work))
"""


def members(group: int) -> list[str]:
    """The processes of a group that are not merely waiting to be collected."""
    found = []
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = stat.read_text().rpartition(')')[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in 'ZX':
            found.append(stat.parent.name)
    return found


@pytest.fixture
def tool(repo_root):
    """The running tool and the group that it has started."""
    command = [sys.executable, '-c', TOOL, str(repo_root / 'centergroup_mm' / 'lab')]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    group = int(process.stdout.readline())
    try:
        assert members(group)
        yield process, group
    finally:
        process.kill()
        process.wait()
        if members(group):
            os.killpg(group, signal.SIGKILL)


@pytest.mark.skipif(not Path('/proc/self/stat').exists(), reason='needs /proc')
@pytest.mark.parametrize(
    ('number', 'code'),
    [
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGINT, 130),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_nothing_outlives_its_tool(tool, number, code):
    process, group = tool
    process.send_signal(number)
    assert process.wait(timeout=300) == code
    deadline = time.monotonic() + 300
    while members(group):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_under_nohup_the_end_of_the_terminal_is_ignored(repo_root):
    script = """
import os, runpy, signal, sys
run_tool = runpy.run_path(sys.argv[1] + '/command_line.py')['run_tool']
signal.signal(signal.SIGHUP, signal.SIG_IGN)
sys.exit(run_tool('tool', lambda: os.kill(os.getpid(), signal.SIGHUP)))
"""
    command = [sys.executable, '-c', script, str(repo_root / 'centergroup_mm' / 'lab')]
    assert subprocess.run(command).returncode == 0


@pytest.mark.slow
def test_an_own_error_is_told_alone(repo_root, tmp_path):
    generate_crowd(tmp_path / 'crowd', CrowdSpec(num_train=1, num_val=1, size=64))
    (tmp_path / 'text.pth').write_text('hello')
    arguments = ['test', 'mmpose', repo_root / 'configs' / 'centergroup_tiny.py']
    arguments += ['--checkpoint', tmp_path / 'text.pth', '--work-dir', tmp_path]
    data = f'test_dataloader.dataset.data_root={tmp_path}/crowd/'
    evaluator = f'test_evaluator.ann_file={tmp_path}/crowd/annotations/val.json'
    with pytest.raises(CommandFailed, match='text.pth .5 bytes') as raised:
        run_mim([*arguments, '--cfg-options', data, evaluator])
    assert str(raised.value).startswith('mim test ended with exit code 1: ')
    assert '\n' not in str(raised.value)
