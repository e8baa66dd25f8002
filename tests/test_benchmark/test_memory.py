# SPDX-License-Identifier: Apache-2.0
"""Peak memory, and the plain way to the features."""

import numpy as np
import pytest
import torch

from centergroup_mm.lab.benchmark import Method, Settings, dense_features, peak_bytes

MEBIBYTE = 2**20


def allocate():
    return torch.zeros(MEBIBYTE // 4)


def one_after_the_other():
    for _ in range(5):
        allocate()


def at_once():
    return [allocate() for _ in range(5)]


def with_what_was_there(existing):
    return existing + 1


@pytest.mark.parametrize(
    ('function', 'expected'), [(one_after_the_other, 1), (at_once, 5)]
)
def test_peak_counts_what_lives_at_once(function, expected):
    assert expected <= peak_bytes(function, 'cpu') / MEBIBYTE < expected + 0.1


def test_peak_leaves_out_what_was_there_before():
    existing = torch.zeros(10 * MEBIBYTE // 4)
    peak = peak_bytes(lambda: with_what_was_there(existing), 'cpu')
    assert 10 <= peak / MEBIBYTE < 10.1


def test_enlarged_maps_cost_memory_and_give_the_same_poses(repo_root):
    path = str(repo_root / 'configs' / 'centergroup_tiny.py')
    method = Method(path, Settings(size=(128, 64)))
    method.show(5)
    lean = peak_bytes(method.predict, 'cpu')
    (sample,) = method.samples
    expected = sample.pred_instances
    with dense_features(method.model):
        dense = peak_bytes(method.predict, 'cpu')
    found = sample.pred_instances
    assert len(found) > 0
    np.testing.assert_allclose(found.keypoints, expected.keypoints, atol=1e-3)
    np.testing.assert_allclose(found.bbox_scores, expected.bbox_scores, atol=1e-4)
    # Both views of 48 channels at full resolution, in float32.
    assert dense > lean and dense > 2 * 48 * 128 * 64 * 4
