# SPDX-License-Identifier: Apache-2.0
"""What each center candidate is taught, by hand."""

import pytest
import torch
from mmengine.structures import InstanceData

from centergroup_mm.structures import GroupingTargets
from centergroup_mm.task_modules import HungarianCenterAssigner
from centergroup_mm.task_modules.targets import make_targets

K = 2


def people(*persons):
    """Persons given as (center, box area, [(x, y, v), ...])."""
    return InstanceData(
        keypoints=torch.tensor(
            [[point[:2] for point in points] for _, _, points in persons]
        ).reshape(-1, K, 2),
        keypoints_visible=torch.tensor(
            [[point[2] for point in points] for _, _, points in persons]
        ).reshape(-1, K),
        centers=torch.tensor([center for center, _, _ in persons]).reshape(-1, 2),
        box_areas=torch.tensor([area for _, area, _ in persons]).reshape(-1),
    )


LEFT = ((10.0, 10.0), 900.0, [(8.0, 9.0, 1.0), (12.0, 11.0, 1.0)])
RIGHT = ((80.0, 20.0), 1600.0, [(80.0, 20.0, 1.0), (500.0, 600.0, 0.0)])


def targets_of(centers, *images, valid=None, supervised=None):
    centers = torch.tensor(centers)
    valid = torch.ones(centers.shape[:2]).bool() if valid is None else valid
    supervised = valid if supervised is None else supervised
    return make_targets(HungarianCenterAssigner(), centers, valid, supervised, images)


def test_matched_center_learns_its_person():
    targets = targets_of([[[80, 21], [40, 40], [11, 10]]], people(LEFT, RIGHT))
    assert targets.matched.tolist() == [[True, False, True]]
    assert targets.supervised.all()
    assert targets.visible.tolist() == [[[True, False], [False, False], [True, True]]]
    assert targets.box_areas.tolist() == [[1600.0, 0.0, 900.0]]
    keypoints = targets.keypoints[0].tolist()
    assert keypoints[2] == [[8, 9], [12, 11]]
    assert keypoints[0] == [[80, 20], [0, 0]], 'what is not visible is not shown'
    assert keypoints[1] == [[0, 0], [0, 0]]


def test_images_of_a_batch_keep_their_own_people():
    images = people(LEFT), people(), people(RIGHT, LEFT)
    centers = [[[10, 10], [80, 20]]] * 3
    together = targets_of(centers, *images)
    assert together.matched.tolist() == [[True, False], [False, False], [True, True]]
    for b, image in enumerate(images):
        alone = targets_of(centers[b : b + 1], image)
        for name in GroupingTargets._fields:
            whole, part = getattr(together, name), getattr(alone, name)
            assert torch.equal(whole[b : b + 1], part), name


@pytest.mark.parametrize('num_images', [1, 3])
def test_nobody_in_the_whole_batch(num_images):
    targets = targets_of([[[10, 10], [80, 20]]] * num_images, *[people()] * num_images)
    shape = (num_images, 2)
    assert targets.matched.shape == shape
    assert targets.keypoints.shape == (*shape, K, 2)
    assert targets.visible.shape == (*shape, K)
    assert targets.box_areas.shape == shape
    assert not targets.matched.any()
    assert not targets.visible.any()
    assert targets.supervised.all()


def test_invalid_center_matches_nobody():
    valid = torch.tensor([[False, True]])
    targets = targets_of([[[10, 10], [12, 10]]], people(LEFT), valid=valid)
    assert targets.matched.tolist() == [[False, True]]


def test_matched_center_in_an_ignore_region_stays_matched_and_unsupervised():
    """The match takes the person; a worse center does not step in."""
    supervised = torch.tensor([[False, True]])
    targets = targets_of([[[10, 10], [12, 10]]], people(LEFT), supervised=supervised)
    assert targets.matched.tolist() == [[True, False]]
    assert targets.supervised.tolist() == [[False, True]]


def test_more_than_thirty_people():
    persons = [((40.0 * n, 50.0), 900.0, LEFT[2]) for n in range(45)]
    centers = [[[40 * n, 50] for n in range(30)]]
    targets = targets_of(centers, people(*persons))
    assert targets.matched.all()
