# SPDX-License-Identifier: Apache-2.0
"""Nearest candidates, on points set by hand and against a plain loop."""

import torch

from centergroup_mm.ops.nearest import inside_boxes, nearest_candidates
from centergroup_mm.structures import Candidates


def candidates(coords, scores=None, valid=None) -> Candidates:
    coords = torch.tensor(coords)
    shape = coords.shape[:-1]
    return Candidates(
        coords,
        torch.ones(shape) if scores is None else torch.tensor(scores),
        torch.ones(shape, dtype=torch.bool) if valid is None else torch.tensor(valid),
    )


def choose(keypoints, points, min_score=0.0):
    """Nearest candidates to points (B, P, 2) that serve all types."""
    allowed = keypoints.valid & (keypoints.scores >= min_score)
    return nearest_candidates(keypoints, points[:, :, None], allowed[:, None])


def test_each_center_takes_the_nearest_of_each_type():
    keypoints = candidates([[[[0, 0], [100, 0]], [[90, 10], [5, 5]]]])
    coords, found = choose(keypoints, torch.tensor([[[10, 0], [80, 0]]]))
    assert coords.tolist() == [[[[0, 0], [5, 5]], [[100, 0], [90, 10]]]]
    assert found.all()


def test_each_type_may_have_a_point_of_its_own():
    keypoints = candidates([[[[0, 0], [100, 0]], [[0, 1], [100, 1]]]])
    points = torch.tensor([[[[90.0, 0.0], [10.0, 0.0]]]])
    coords, _ = nearest_candidates(keypoints, points, keypoints.valid[:, None])
    assert coords.tolist() == [[[[100, 0], [0, 1]]]]


def test_invalid_and_weak_candidates_are_passed_over():
    coords = [[[[10, 0], [20, 0], [30, 0]]]]
    centers = torch.tensor([[[9, 0]]])
    keypoints = candidates(
        coords, scores=[[[0.9, 0.05, 0.2]]], valid=[[[False, True, True]]]
    )
    assert choose(keypoints, centers)[0].tolist() == [[[[20, 0]]]]
    assert choose(keypoints, centers, 0.2)[0].tolist() == [[[[30, 0]]]]


def test_a_type_without_candidates_is_not_found():
    keypoints = candidates([[[[10, 0]], [[20, 0]]]], valid=[[[False], [True]]])
    coords, found = choose(keypoints, torch.tensor([[[7, 3]]]))
    assert found.tolist() == [[[False, True]]]
    assert coords[0, 0, 1].tolist() == [20, 0]


def test_candidates_in_boxes():
    keypoints = candidates([[[[5, 5], [10, 5]], [[11, 5], [5, 20]]]])
    boxes = torch.tensor([[[0.0, 0.0, 10.0, 10.0], [5.0, 20.0, 6.0, 21.0]]])
    assert inside_boxes(keypoints, boxes).tolist() == [
        [[[True, True], [False, False]], [[False, False], [False, True]]]
    ]


def test_agrees_with_a_loop():
    generator = torch.Generator().manual_seed(0)
    keypoints = Candidates(
        torch.randint(0, 64, (2, 3, 7, 2), generator=generator),
        torch.rand(2, 3, 7, generator=generator),
        torch.rand(2, 3, 7, generator=generator) > 0.3,
    )
    # Of every type at least one may be taken.
    keypoints.valid[..., 3], keypoints.scores[..., 3] = True, 0.9
    centers = torch.randint(0, 64, (2, 4, 2), generator=generator)
    coords, found = choose(keypoints, centers, 0.2)
    assert coords.shape == (2, 4, 3, 2)
    assert found.shape == (2, 4, 3)
    for image, center, kind in torch.cartesian_prod(*map(torch.arange, (2, 4, 3))):
        own = centers[image, center]
        taken = keypoints.valid[image, kind] & (keypoints.scores[image, kind] >= 0.2)
        assert taken.any()
        best = (keypoints.coords[image, kind][taken] - own).square().sum(-1).min()
        assert (coords[image, center, kind] - own).square().sum() == best
