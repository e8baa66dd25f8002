# SPDX-License-Identifier: Apache-2.0
"""Masks through a warp: where the bilinear warp is at least one half."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from centergroup_mm.runtime.mask_warp import warp_area, warp_masks


def rotation(angle, scale, size, image_size, shift=(0.0, 0.0)):
    """A (2, 3) matrix from the middle of the image to the middle of the input."""
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    turn = np.array([[cos, sin], [-sin, cos]])
    middle = np.array(size) / 2 + shift - turn @ (np.array(image_size) / 2)
    return np.column_stack((turn, middle))


def blocks(image_size, seed=0):
    """A mask (H, W) of blocks of 5 pixels, about half of them kept."""
    width, height = image_size
    coarse = np.random.default_rng(seed).random((height // 5 + 1, width // 5 + 1)) < 0.5
    return np.kron(coarse, np.ones((5, 5), bool))[:height, :width]


def bilinear(mask, warp_mat, size):
    """The unrounded warp with a zero border, float (h, w)."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    points = np.stack((x, y, np.ones_like(x)), -1).astype(float)
    whole = np.linalg.inv(np.vstack((warp_mat, [0, 0, 1])))
    source = (points @ whole.T)[..., :2]
    grid = (source + 0.5) / mask.shape[::-1] * 2 - 1
    maps = torch.from_numpy(mask.astype(float))[None, None]
    return F.grid_sample(maps, torch.from_numpy(grid)[None], align_corners=False)[0, 0]


WARPS = {
    'enlarged': (0, 1.7, (0, 0)),
    'reduced and shifted': (0, 0.4, (11.3, -7.9)),
    'rotated': (20, 1.3, (3, 5)),
    'far rotated': (-155, 0.7, (-12, 0)),
}


@pytest.mark.parametrize('warp', WARPS)
@pytest.mark.parametrize('downscale', [1, 4])
def test_half_of_the_bilinear_warp(warp, downscale):
    angle, scale, shift = WARPS[warp]
    size, image_size = (96, 80), (61, 47)
    matrix = rotation(angle, scale, size, image_size, shift)
    level = size[0] // downscale, size[1] // downscale
    for mask, found in (
        (np.ones((47, 61)), warp_area(image_size, matrix, size, (downscale,))),
        (
            blocks(image_size),
            warp_masks(blocks(image_size), matrix, size, (downscale,)),
        ),
    ):
        (found,) = found
        assert found.dtype == bool
        assert found.shape == (1, *level[::-1])
        weight = bilinear(mask, matrix / downscale, level).numpy()
        # Coordinates are rounded to 1/32 pixel, by at most 1/64 on either axis.
        clear = abs(weight - 0.5) > 2 / 64 + 1 / 512
        assert clear.mean() > 0.8
        np.testing.assert_array_equal(found[0][clear], weight[clear] > 0.5)


@pytest.mark.skipif(
    cv2.__version__.split('.')[0] != '4', reason='other versions round otherwise'
)
@pytest.mark.parametrize('warp', WARPS)
def test_equals_the_warp_of_opencv_4(warp):
    """Bit by bit, for published results were computed with it."""
    angle, scale, shift = WARPS[warp]
    size, image_size = (192, 128), (121, 90)
    mask = blocks(image_size)
    for step in range(20):
        matrix = rotation(angle, scale + step / 97, size, image_size, shift)
        found = [
            warp_area(image_size, matrix, size, (4, 2, 1)),
            warp_masks(mask, matrix, size, (4, 2, 1)),
        ]
        for source, masks in zip((np.ones_like(mask), mask), found, strict=True):
            for downscale, warped in zip((4, 2, 1), masks, strict=True):
                expected = cv2.warpAffine(
                    source.astype(np.uint8),
                    matrix / downscale,
                    (size[0] // downscale, size[1] // downscale),
                    flags=cv2.INTER_LINEAR,
                )
                np.testing.assert_array_equal(warped[0], expected == 1)


def test_half_covered_pixels_are_kept():
    """As published results were computed: exact halves are frequent along borders."""
    half_a_pixel = np.array([[1, 0, 0.5], [0, 1, 0]])
    more = np.array([[1, 0, 0.6], [0, 1, 0]])
    for warp, source in ((warp_area, (4, 4)), (warp_masks, np.ones((4, 4), bool))):
        assert warp(source, half_a_pixel, (4, 4), (1,))[0].all()
        (mask,) = warp(source, more, (4, 4), (1,))
        assert not mask[0, :, 0].any()
        assert mask[0, :, 1:].all()


@pytest.mark.parametrize('image_size', [(515, 369), (640, 425), (193, 53)])
def test_a_wide_image_keeps_its_first_row(image_size):
    """Its first row lies half outside, by as many digits as a float has."""
    scale = 256 / image_size[1]
    matrix = np.array([[scale, -4e-20, -8], [9e-17, scale, scale / 2]])
    (mask,) = warp_area(image_size, matrix, (256, 256), (1,))
    assert mask.all()


def test_masks_are_mirrored_after_the_warp():
    size, image_size = (64, 64), (40, 40)
    matrix = rotation(10, 1.2, size, image_size, (9, 0))
    for warp, source in ((warp_area, image_size), (warp_masks, blocks(image_size))):
        for mask, mirrored in zip(
            warp(source, matrix, size, (4, 1)),
            warp(source, matrix, size, (4, 1), flip=True),
            strict=True,
        ):
            assert 0 < mask.sum() < mask.size
            np.testing.assert_array_equal(mirrored, mask[..., ::-1])
            assert mirrored.flags.c_contiguous


def test_an_image_outside_of_the_input():
    away = np.array([[1.0, 0, 500], [0, 1, -300]])
    assert not warp_area((20, 20), away, (64, 64), (1,))[0].any()
    assert not warp_masks(np.ones((20, 20), bool), away, (64, 64), (1,))[0].any()
