# SPDX-License-Identifier: Apache-2.0
"""Nearest candidates, on points set by hand and against a plain loop."""

import torch

from centergroup_mm.ops.nearest import nearest_candidates
from centergroup_mm.structures import Candidates


def candidates(coords, scores=None, valid=None) -> Candidates:
    coords = torch.tensor(coords)
    shape = coords.shape[:-1]
    return Candidates(
        coords,
        torch.ones(shape) if scores is None else torch.tensor(scores),
        torch.ones(shape, dtype=torch.bool) if valid is None else torch.tensor(valid),
    )


def test_each_center_takes_the_nearest_of_each_type():
    keypoints = candidates([[[[0, 0], [100, 0]], [[90, 10], [5, 5]]]])
    centers = torch.tensor([[[10, 0], [80, 0]]])
    assert nearest_candidates(keypoints, centers).tolist() == [
        [[[0, 0], [5, 5]], [[100, 0], [90, 10]]]
    ]


def test_invalid_and_weak_candidates_are_passed_over():
    coords = [[[[10, 0], [20, 0], [30, 0]]]]
    centers = torch.tensor([[[9, 0]]])
    keypoints = candidates(
        coords, scores=[[[0.9, 0.05, 0.2]]], valid=[[[False, True, True]]]
    )
    assert nearest_candidates(keypoints, centers).tolist() == [[[[20, 0]]]]
    assert nearest_candidates(keypoints, centers, 0.2).tolist() == [[[[30, 0]]]]


def test_a_type_without_candidates_lies_at_the_center():
    keypoints = candidates([[[[10, 0]], [[20, 0]]]], valid=[[[False], [True]]])
    centers = torch.tensor([[[7, 3]]])
    assert nearest_candidates(keypoints, centers).tolist() == [[[[7, 3], [20, 0]]]]


def test_agrees_with_a_loop():
    generator = torch.Generator().manual_seed(0)
    keypoints = Candidates(
        torch.randint(0, 64, (2, 3, 7, 2), generator=generator),
        torch.rand(2, 3, 7, generator=generator),
        torch.rand(2, 3, 7, generator=generator) > 0.3,
    )
    centers = torch.randint(0, 64, (2, 4, 2), generator=generator)
    found = nearest_candidates(keypoints, centers, 0.2)
    assert found.shape == (2, 4, 3, 2)
    for image, center, kind in torch.cartesian_prod(*map(torch.arange, (2, 4, 3))):
        own = centers[image, center]
        taken = keypoints.valid[image, kind] & (keypoints.scores[image, kind] >= 0.2)
        assert taken.any()
        best = (keypoints.coords[image, kind][taken] - own).square().sum(-1).min()
        assert (found[image, center, kind] - own).square().sum() == best
