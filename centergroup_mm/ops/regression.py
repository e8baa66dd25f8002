# SPDX-License-Identifier: Apache-2.0
"""Joints and boxes regressed from center pixels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .flip import split_views


def average_flipped_regression(
    offsets: Tensor, sides: Tensor, flip_indices: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Average the regressed maps of both views in the frame of the original.

    Args:
        offsets (Tensor): (2B, K, 2, h, w), x and y of the keypoints relative to a
            pixel, original views then mirrored ones.
        sides (Tensor): (2B, 4, h, w), distances of the left, upper, right and lower
            side of the box from a pixel.
        flip_indices (Sequence[int]): Mirror image of each of the K types.

    Returns:
        tuple[Tensor, Tensor]: (B, K, 2, h, w) and (B, 4, h, w).
    """
    offsets, mirrored_offsets = split_views(offsets)
    sides, mirrored_sides = split_views(sides)
    mirror = offsets.new_tensor((-1, 1))[:, None, None]
    mirrored_offsets = mirrored_offsets.flip(-1)[:, flip_indices] * mirror
    mirrored_sides = mirrored_sides.flip(-1)[:, [2, 1, 0, 3]]
    return (offsets + mirrored_offsets) / 2, (sides + mirrored_sides) / 2


def absolute_boxes(pixels: Tensor, sides: Tensor) -> Tensor:
    """Boxes (..., 4), x1, y1, x2, y2, from pixels (..., 2) and distances (..., 4)."""
    low, high = sides.chunk(2, -1)
    return torch.cat((pixels - low, pixels + high), -1)


def enlarge_boxes(boxes: Tensor, margin: float) -> Tensor:
    """Enlarge (..., 4) boxes on each side by a share of their width and height."""
    low, high = boxes.chunk(2, -1)
    extra = margin * (high - low)
    return torch.cat((low - extra, high + extra), -1)


def visible_extents(keypoints: Tensor, visible: Tensor) -> Tensor:
    """Boxes (G, 4) around the visible ones of (G, K, 2) keypoints.

    Args:
        keypoints (Tensor): (G, K, 2).
        visible (Tensor): bool (G, K), in each row at least one.
    """
    hidden = ~visible[..., None]
    low = keypoints.masked_fill(hidden, float('inf')).amin(1)
    high = keypoints.masked_fill(hidden, float('-inf')).amax(1)
    return torch.cat((low, high), -1)
