# SPDX-License-Identifier: Apache-2.0
"""Every process of a training has random states of its own, and gets them back."""

from pathlib import Path

PROGRAM = Path(__file__).with_name('train_two_ranks.py')


def test_two_ranks_resume_as_if_never_killed(run_cli, tmp_path):
    printed = run_cli(['python', PROGRAM, tmp_path], timeout=300).stdout
    results = {}
    for line in printed.splitlines():
        if line.startswith('result'):
            _, name, rank, result = line.split(maxsplit=3)
            results[name, rank] = result
    assert len(results) == 4
    for rank in '01':
        assert results['killed', rank] == results['straight', rank]
    assert results['straight', '0'] != results['straight', '1']
