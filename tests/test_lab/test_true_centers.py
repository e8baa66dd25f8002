# SPDX-License-Identifier: Apache-2.0
"""With true heatmaps nobody is missed for want of a slot."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from centergroup_mm.codecs import CenterHeatmap
from centergroup_mm.lab.benchmark.people import draw_truth, place_people
from centergroup_mm.lab.comparison import make_room_for_true_centers
from centergroup_mm.ops.fine_centers import fuse_with_fine_centers
from centergroup_mm.ops.fusion import fuse_heatmaps

SIZE = (192, 128)
COUNT = 3


@pytest.mark.parametrize('fine', [False, True])
def test_every_true_center_has_a_slot(fine):
    (people,) = place_people(COUNT, 5, SIZE, batch=1)
    where = dict(input_size=SIZE, input_scale=SIZE, input_center=np.divide(SIZE, 2))
    maps = draw_truth(SimpleNamespace(metainfo=where), people)
    fuse = fuse_with_fine_centers if fine else fuse_heatmaps
    codec = CenterHeatmap(SIZE, num_centers=COUNT, fine_centers=fine, center_kernel=3)
    make_room_for_true_centers(codec)
    inside = torch.ones(1, 1, *SIZE[::-1], dtype=torch.bool)
    heatmaps = fuse([maps.heatmaps], SIZE, None)
    _, centers = codec.find_candidates(heatmaps, inside, inside)
    found = centers.coords[0, 0].numpy()
    seen = people.visibility > 0
    for keypoints, visible in zip(people.keypoints, seen, strict=True):
        center = keypoints[visible].mean(0)
        assert np.abs(found - center).max(1).min() <= 2
