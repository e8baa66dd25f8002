# SPDX-License-Identifier: Apache-2.0
"""Fusion of heatmaps over stages, views and scales."""

import pytest
import torch
import torch.nn.functional as F

from centergroup_mm.ops.fine_centers import fuse_with_fine_centers
from centergroup_mm.ops.fusion import fuse_heatmaps, resize_maps

SIZE = (64, 32)
FLIP = [0, 2, 1, 3]


def resize(maps, height, width):
    return F.interpolate(maps, (height, width), mode='bilinear', align_corners=False)


def random_stages(batch, scale=1.0):
    """Stage maps at 1/4 and 1/2 of the scaled input."""
    width, height = (int(side * scale) for side in SIZE)
    return [torch.randn(batch, 4, height // n, width // n) for n in (4, 2)]


def fuse_step_by_step(stages, flip_indices=None):
    """Average the stages, resize, and only then undo the flip."""
    coarse, fine = stages
    full = resize((resize(coarse, *fine.shape[2:]) + fine) / 2, SIZE[1], SIZE[0])
    if flip_indices is None:
        return full
    original, mirrored = full.chunk(2)
    return (original + mirrored.flip(-1)[:, flip_indices]) / 2


def test_resize_takes_width_first():
    assert resize_maps(torch.zeros(1, 2, 4, 4), (20, 12)).shape == (1, 2, 12, 20)


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('scales', [[1.0], [1.0, 0.5, 2.0]])
def test_order_of_averages_does_not_matter(flip, scales):
    maps = [random_stages(4, scale) for scale in scales]
    flip_indices = FLIP if flip else None
    fused = fuse_heatmaps(maps, SIZE, flip_indices)
    assert fused.shape == (2 if flip else 4, 4, SIZE[1], SIZE[0])
    expected = [fuse_step_by_step(stages, flip_indices) for stages in maps]
    torch.testing.assert_close(fused, torch.stack(expected).mean(0))


def test_stages_weigh_the_same():
    coarse, fine = torch.full((1, 1, 8, 16), 1.0), torch.full((1, 1, 16, 32), 3.0)
    fused = fuse_heatmaps([[coarse, fine]], SIZE)
    torch.testing.assert_close(fused, torch.full((1, 1, 32, 64), 2.0))


def test_inputs_stay_as_they_are():
    stages = random_stages(2)
    copies = [maps.clone() for maps in stages]
    fuse_heatmaps([stages, stages], SIZE, FLIP)
    for maps, copy in zip(stages, copies, strict=True):
        assert torch.equal(maps, copy)


def test_consistent_views_fuse_to_one_view():
    """A detector that is blind to mirroring gains nothing by the flip test."""
    stages = random_stages(2)
    views = [torch.cat((m, m.flip(-1)[:, FLIP])) for m in stages]
    torch.testing.assert_close(
        fuse_heatmaps([views], SIZE, FLIP), fuse_heatmaps([stages], SIZE)
    )


@pytest.mark.parametrize('flip_indices', [None, FLIP])
def test_fine_centers_leave_out_the_coarse_stage_of_the_center(flip_indices):
    scales = [random_stages(4, scale) for scale in (1.0, 0.5)]
    fused = fuse_with_fine_centers(scales, SIZE, flip_indices)
    torch.testing.assert_close(
        fused[:, :-1], fuse_heatmaps(scales, SIZE, flip_indices)[:, :-1]
    )
    finest = [stages[-1:] for stages in scales]
    torch.testing.assert_close(
        fused[:, -1:], fuse_heatmaps(finest, SIZE, flip_indices)[:, -1:]
    )
    for coarse, _ in scales:
        coarse[:, -1] += 1
    assert torch.equal(fused, fuse_with_fine_centers(scales, SIZE, flip_indices))
