# SPDX-License-Identifier: Apache-2.0
"""What a tool has started ends with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
