# SPDX-License-Identifier: Apache-2.0
"""Every process of a training has random states of its own, and gets them back."""

import json
from pathlib import Path

PROGRAM = Path(__file__).with_name('train_two_ranks.py')


def test_two_ranks_resume_as_if_never_killed(run_cli, tmp_path):
    run_cli(['python', PROGRAM, tmp_path], timeout=300)
    results = {
        (name, rank): json.loads((tmp_path / f'{name}_{rank}.json').read_text())
        for name in ('straight', 'killed')
        for rank in '01'
    }
    for rank in '01':
        assert results['killed', rank] == results['straight', rank]
    assert results['straight', '0'] != results['straight', '1']
