# SPDX-License-Identifier: Apache-2.0
"""Placed people: who they are, their maps, and the detector that shows them."""

import numpy as np
import pytest
import torch
from torch import nn

from centergroup_mm.codecs import CenterHeatmap
from centergroup_mm.lab.benchmark.people import (
    NOISE,
    ShowingDetector,
    draw_maps,
    place_people,
)

SIZE = (192, 128)
K = 5
FLIP_TYPES = [0, 2, 1, 4, 3, 5]


class Detector(nn.Module):
    """Maps that depend on its weight."""

    num_types = K + 1

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, feats):
        batch, _, height, width = feats[0].shape
        coarse = self.weight.expand(batch, K + 1, height, width)
        return [coarse, self.weight.expand(batch, K + 1, 2 * height, 2 * width)], coarse


@pytest.mark.parametrize('count', [1, 5, 30])
def test_as_many_people_as_asked_for_inside_of_the_image(count):
    people = place_people(count, K, SIZE, batch=2)
    assert len(people) == 2
    for image in people:
        assert image.keypoints.shape == (count, K, 2)
        assert image.visibility.shape == (count, K)
        assert (image.keypoints >= 0).all() and (image.keypoints < SIZE).all()
        assert image.visibility.any(1).all()
    first, second = (image.keypoints for image in people)
    assert not np.array_equal(first, second), 'each image has its own'
    again = place_people(count, K, SIZE, batch=2)
    assert np.array_equal(again[1].keypoints, second)


def test_their_keypoints_are_the_candidates_and_noise_is_none_by_score():
    (people,) = place_people(4, K, SIZE, batch=1)
    maps = draw_maps([people], SIZE)
    codec = CenterHeatmap(SIZE, min_candidates=0)
    full = nn.functional.interpolate(maps.heatmaps[1], scale_factor=2, mode='nearest')
    inside = torch.ones(1, 1, *SIZE[::-1], dtype=torch.bool)
    keypoints, centers = codec.find_candidates(full, inside, inside)
    for k in range(K):
        seen = people.keypoints[people.visibility[:, k] > 0, k]
        strong = keypoints.scores[0, k] > 0.5
        for point in keypoints.coords[0, k][strong].numpy():
            # Enlarged without interpolation, a peak is a plateau of two pixels.
            assert np.abs(seen - point).max(1).min() < 2
        # Of two people within the window one hides the other.
        assert strong.any()
    assert (centers.scores > 0.5).any()
    encoded = codec.encode(people.keypoints, people.visibility)
    clean = torch.from_numpy(encoded['heatmaps'][1])
    noise = maps.heatmaps[1][0] - clean
    assert noise.min() >= -1e-6 and noise.max() <= NOISE + 1e-6 < codec.score_floor


def test_every_person_has_a_tag_of_its_own():
    (people,) = place_people(3, K, SIZE, batch=1)
    tags = draw_maps([people], SIZE).tags[0]
    values = []
    for keypoints, visible in zip(people.keypoints, people.visibility, strict=True):
        places = (keypoints[visible > 0] // 4).astype(int)
        own = [
            tags[k, y, x].item()
            for k, (x, y) in zip(visible.nonzero()[0], places, strict=True)
        ]
        values.append(np.median(own))
    assert np.diff(values).min() >= 1


def test_the_detector_shows_both_views():
    detector = ShowingDetector(Detector(), FLIP_TYPES).eval()
    maps = draw_maps(place_people(3, K, SIZE, batch=2), SIZE)
    detector.show(maps)
    (coarse, fine), tags = detector([torch.zeros(2, 8, 32, 48)])
    assert torch.equal(coarse, maps.heatmaps[0]) and torch.equal(tags, maps.tags)
    (_, both), _ = detector([torch.zeros(4, 8, 32, 48)])
    assert torch.equal(both[:2], fine)
    assert torch.equal(both[2:], fine.flip(-1)[:, FLIP_TYPES])


def test_in_training_gradients_are_those_of_the_network():
    detector = ShowingDetector(Detector(), FLIP_TYPES).train()
    maps = draw_maps(place_people(3, K, SIZE, batch=1), SIZE)
    detector.show(maps)
    stages, _ = detector([torch.zeros(1, 8, 32, 48)])
    torch.testing.assert_close(stages[1], maps.heatmaps[1])
    stages[1].sum().backward()
    assert detector.detector.weight.grad == stages[1].numel()
