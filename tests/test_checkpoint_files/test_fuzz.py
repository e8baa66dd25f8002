# SPDX-License-Identifier: Apache-2.0
"""Files that were changed at random do no harm; see fuzz.py for more of them."""

import json
from pathlib import Path

import pytest

FUZZ = Path(__file__).with_name('fuzz.py')
MUTATIONS = 300


@pytest.mark.slow
def test_random_changes_do_no_harm(run_cli, repo_root, tmp_path):
    run_cli(
        ['python', FUZZ, tmp_path, '--mutations', MUTATIONS],
        cwd=repo_root,
        timeout=2400,
    )
    figures = json.loads((tmp_path / 'fuzz.json').read_text())
    assert len(figures) == 6
    for figure in figures:
        assert figure['faults'] == []
        assert figure['code'] == 0
        assert figure['taken'] + figure['refused'] == MUTATIONS
        # Both ends are reached: changes that matter, and such as do not.
        assert figure['taken'] > 0 and figure['refused'] > MUTATIONS // 4
        bound = 6 * figure['largest_file'] + 256 * 2**20
        assert figure['peak_bytes'] < bound
