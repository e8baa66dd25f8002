# SPDX-License-Identifier: Apache-2.0
"""Trainings killed by SIGKILL go on as if nothing had happened."""

import json
import subprocess
import sys

import pytest
import torch

from .kill_harness import LEFT, differences
from .kill_points import INTERVAL, POINTS

RANDOM = 5


@pytest.fixture(scope='module')
def trials(repo_root, tmp_path_factory) -> list[dict]:
    """One of each point of a save and some at random times, in one process."""
    out = tmp_path_factory.mktemp('trials') / 'results.json'
    command = [sys.executable, '-m', 'test_engine.kill_harness', '--points']
    run = subprocess.run(
        [*command, '--random', str(RANDOM), '--out', out],
        cwd=repo_root / 'tests',
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert out.is_file(), run.stdout[-8000:]
    return json.loads(out.read_text())


@pytest.mark.slow
@pytest.mark.parametrize('number', range(len(POINTS) + RANDOM))
def test_killed_and_resumed_is_never_killed(trials, number):
    trial = trials[number]
    if number < len(POINTS):
        assert trial['point'] == POINTS[number]
        assert trial['killed']
        assert trial['resumed'] > 0
    assert trial['unreadable'] == []
    assert trial['lost'] <= INTERVAL
    assert trial['different'] == []
    assert trial['left'] == LEFT


def test_the_comparison_notices_a_bit():
    one = dict(weights=[torch.ones(3)], step=1)
    other = dict(weights=[torch.ones(3)], step=1)
    assert differences(one, other) == []
    other['weights'][0][1] = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))
    assert differences(one, other) == ['.weights.0']
    assert differences(one, dict(weights=[], step=2)) != []
