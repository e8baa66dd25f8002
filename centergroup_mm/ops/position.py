# SPDX-License-Identifier: Apache-2.0
"""Sine code of a candidate's location within the image."""

import torch
from torch import Tensor

from .sampling import bilinear_neighbors

TEMPERATURE = 10000.0


def encode_positions(
    mask: Tensor, coords: Tensor, size: tuple[int, int], num_channels: int
) -> Tensor:
    """Encode where candidates lie among the image's own pixels.

    On the 1/4-resolution mask a pixel's y (x) is the number of valid pixels above it in
    its column (left of it in its row), itself included. The code of that pair is sine
    and cosine in turn, first of y, then of x, and the codes of the four pixels around a
    candidate are blended bilinearly. Only those four are ever encoded.

    Args:
        mask (Tensor): bool (B, h, w), 1/4 resolution, True inside the image.
        coords (Tensor): (B, N, 2), (x, y) in input pixels.
        size (tuple[int, int]): Input [w, h].
        num_channels (int): D, a multiple of 4.

    Returns:
        Tensor: float32 (B, N, D).
    """
    # Counted in integers: a GPU adds up floats in any order.
    counts = torch.stack((mask.cumsum(1), mask.cumsum(2)), -1).flatten(1, 2)
    map_size = (mask.shape[2], mask.shape[1])
    index, weight = bilinear_neighbors(coords, size, map_size)
    batch, num = index.shape[:2]
    # (B, N, 4, 2): the (y, x) counts of the four neighbors
    counts = counts.gather(1, index.flatten(1)[..., None].expand(-1, -1, 2))
    counts = counts.view(batch, num, 4, 2)

    quarter = num_channels // 4
    exponent = torch.arange(quarter, device=mask.device, dtype=torch.float32)
    period = TEMPERATURE ** (2 * exponent / (num_channels // 2))
    angles = counts[..., None] / period
    code = torch.stack((angles.sin(), angles.cos()), -1).flatten(3)
    return (code * weight[..., None]).sum(2)
