# SPDX-License-Identifier: Apache-2.0
"""Similarity of points relative to the size of a person."""

import math

import numpy as np
import pytest
import torch
from xtcocotools.cocoeval import COCOeval

from centergroup_mm.ops.similarity import object_similarity


def test_formula():
    similarity = object_similarity(
        torch.tensor([3.0, 4.0]), torch.zeros(2), torch.tensor(1000.0), 0.15
    )
    expected = math.exp(-25 / (2 * 0.53 * 1000 * 0.15**2))
    assert similarity.item() == pytest.approx(expected)


def test_is_coco_oks_with_twice_the_sigma():
    """For one keypoint, on an annotation whose area is 0.53 of its box."""
    sigma, box_area = 0.079, 2400.0
    keypoints = [10.0, 20.0, 2]
    evaluation = COCOeval(iouType='keypoints', sigmas=np.array([sigma]), use_area=True)
    evaluation._gts[1, 1] = [
        {
            'keypoints': keypoints,
            'area': 0.53 * box_area,
            'bbox': [0, 0, 40, 60],
            'id': 1,
        }
    ]
    evaluation._dts[1, 1] = [{'keypoints': [14.0, 17.0, 1], 'score': 1.0}]
    evaluation.params.useCats = 1
    expected = evaluation.computeOks(1, 1)[0, 0]
    similarity = object_similarity(
        torch.tensor([14.0, 17.0]),
        torch.tensor([10.0, 20.0]),
        torch.tensor(box_area),
        2 * sigma,
    )
    assert similarity.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('area', [0.0, 1e-12])
def test_degenerate_box_gives_no_nan(area):
    points = torch.tensor([[5.0, 5.0], [5.0, 6.0]])
    similarity = object_similarity(points, points[:1], torch.tensor(area), 0.15)
    assert similarity[0] == 1
    assert torch.isfinite(similarity).all()
    assert similarity[1] < 1e-6


def test_one_deviation_per_type():
    points = torch.zeros(2, 3, 2)
    points[..., 0] = 10.0
    deviation = torch.tensor([0.05, 0.1, 0.2])
    similarity = object_similarity(
        points, torch.zeros(3, 2), torch.full((2, 1), 900.0), deviation
    )
    for k, value in enumerate(deviation.tolist()):
        expected = math.exp(-100 / (2 * 0.53 * 900 * value**2))
        assert similarity[0, k].item() == pytest.approx(expected, rel=1e-4)
    assert torch.equal(similarity[0], similarity[1])
