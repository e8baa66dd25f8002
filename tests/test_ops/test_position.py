# SPDX-License-Identifier: Apache-2.0
"""Position codes: equal to a dense map that is resized and read."""

import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from centergroup_mm.ops.position import encode_positions

SIZE = (80, 48)


def full_mask():
    return np.ones((12, 20), dtype=bool)


def padded_mask():
    mask = full_mask()
    mask[:3] = mask[10:] = False
    mask[:, :2] = mask[:, 17:] = False
    return mask


def rotated_mask():
    """A rotated image: rows and columns begin and end anywhere, some are empty."""
    matrix = cv2.getRotationMatrix2D((10, 6), 30, 0.7)
    warped = cv2.warpAffine(np.ones((12, 20), np.float32), matrix, (20, 12))
    return warped > 0.5


def dense_reference(mask, coords, size, num_channels):
    """The code of every mask pixel, resized to the input and read; (N, D)."""
    height, width = mask.shape
    half = num_channels // 2
    dense = torch.zeros(num_channels, height, width, dtype=torch.float64)
    for row in range(height):
        for column in range(width):
            y = int(mask[: row + 1, column].sum())
            x = int(mask[row, : column + 1].sum())
            for start, coordinate in ((0, y), (half, x)):
                for i in range(half):
                    angle = coordinate / 10000 ** (2 * math.floor(i / 2) / half)
                    value = math.sin(angle) if i % 2 == 0 else math.cos(angle)
                    dense[start + i, row, column] = value
    full = F.interpolate(
        dense[None], (size[1], size[0]), mode='bilinear', align_corners=False
    )[0]
    return full[:, coords[:, 1], coords[:, 0]].T.float()


@pytest.mark.parametrize('make_mask', [full_mask, padded_mask, rotated_mask])
@pytest.mark.parametrize('num_channels', [8, 32])
def test_equals_the_dense_map(make_mask, num_channels):
    mask = make_mask()
    assert mask.any()
    x, y = np.meshgrid(
        np.r_[: SIZE[0] : 3, SIZE[0] - 1], np.r_[: SIZE[1] : 2, SIZE[1] - 1]
    )
    coords = torch.from_numpy(np.stack((x.ravel(), y.ravel()), -1))
    code = encode_positions(
        torch.from_numpy(mask)[None], coords[None], SIZE, num_channels
    )
    assert code.shape == (1, len(coords), num_channels)
    expected = dense_reference(mask, coords, SIZE, num_channels)
    torch.testing.assert_close(code[0], expected, rtol=0, atol=1e-5)


def test_each_image_of_a_batch_has_its_own_mask():
    masks = torch.from_numpy(np.stack((full_mask(), padded_mask(), rotated_mask())))
    coords = torch.randint(0, 48, (3, 10, 2))
    together = encode_positions(masks, coords, SIZE, 16)
    for image in range(3):
        part = slice(image, image + 1)
        alone = encode_positions(masks[part], coords[part], SIZE, 16)
        torch.testing.assert_close(together[part], alone)


def test_an_empty_mask_is_a_constant_code():
    coords = torch.tensor([[[0, 0], [79, 47], [13, 30]]])
    code = encode_positions(torch.zeros(1, 12, 20, dtype=torch.bool), coords, SIZE, 8)
    expected = torch.tensor([0.0, 1.0] * 4).expand(1, 3, 8)
    torch.testing.assert_close(code, expected)


def test_padding_shifts_the_image_without_changing_its_codes():
    """Pixels are counted within the image, wherever the image lies in the input."""
    left = torch.zeros(1, 12, 20, dtype=torch.bool)
    left[:, :8, :10] = True
    right = left.roll((3, 6), (1, 2))
    # Off the border of the image, where the blend reaches into the padding.
    coords = torch.tensor([[[5, 7], [20, 9], [33, 26]]])
    moved = coords + 4 * torch.tensor([6, 3])
    torch.testing.assert_close(
        encode_positions(left, coords, SIZE, 16),
        encode_positions(right, moved, SIZE, 16),
    )
