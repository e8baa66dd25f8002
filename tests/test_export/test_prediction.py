# SPDX-License-Identifier: Apache-2.0
"""What ``centergroup`` writes, which files it leaves alone, and what it refuses."""

import pytest

from centergroup_mm.command.command_line import main
from centergroup_mm.command.demo import show_demo
from centergroup_mm.runtime import DEMO_MODEL, PoseModel


@pytest.fixture(scope='module')
def model():
    return PoseModel(DEMO_MODEL, threads=1)


def test_the_demonstration_shows_one_crowd_by_default(model, tmp_path):
    show_demo(model, tmp_path / 'a.png')
    assert main(['demo', '--out', str(tmp_path / 'b.png')]) == 0
    assert (tmp_path / 'a.png').read_bytes() == (tmp_path / 'b.png').read_bytes()
