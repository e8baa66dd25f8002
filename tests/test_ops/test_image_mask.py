# SPDX-License-Identifier: Apache-2.0
"""Where the image lies: halves count, and the warp of the image is followed."""

import numpy as np
import pytest
import torch

from centergroup_mm.ops.image_mask import image_mask


def test_pixels_are_inside_from_one_half_on():
    # The third column lies half a pixel outside, the fourth more.
    mask = image_mask((2, 2), (-0.5, 0), (0.75, 1), (5, 3), 1)
    assert mask.dtype == torch.bool
    assert mask.int().tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [0] * 5]


def test_a_corner_is_the_product_of_both_sides():
    mask = image_mask((2, 2), (-0.4, -0.4), (1, 1), (2, 2), 1)
    assert mask.int().tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize('stride', [4, 1])
@pytest.mark.parametrize('seed', range(20))
def test_equals_the_warp_of_an_image_of_ones(stride, seed):
    """Up to the pixels that the other's rounding leaves at exactly one half."""
    generator = np.random.default_rng(seed)
    width, height = generator.integers(20, 400, 2).tolist()
    size = tuple(generator.integers(2, 8, 2).tolist())
    size = (64 * size[0], 64 * size[1])
    ratio = float(generator.uniform(0.2, 3))
    origin = generator.uniform(-60, 20, 2)
    mask = image_mask((width, height), tuple(origin), (ratio, ratio), size, stride)
    places = [
        (np.arange(side // stride) * stride * ratio + start)
        for side, start in zip(size, origin, strict=True)
    ]
    columns, rows = (
        np.clip(1 + np.minimum(place, length - 1 - place), 0, 1)
        for place, length in zip(places, (width, height), strict=True)
    )
    share = rows[:, None] * columns
    sure = abs(share - 0.5) > 0.04
    np.testing.assert_array_equal(mask[sure], share[sure] >= 0.5)
    assert mask.shape == (size[1] // stride, size[0] // stride)
    assert mask.any() and not mask.all()
