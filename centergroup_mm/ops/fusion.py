# SPDX-License-Identifier: Apache-2.0
"""One full-resolution heatmap per type from all stages, views and scales."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from .flip import average_flipped_maps


def resize_maps(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Resize (B, C, h, w) maps bilinearly to ``size`` = [w, h]."""
    return F.interpolate(
        maps, size=(size[1], size[0]), mode='bilinear', align_corners=False
    )


def fuse_heatmaps(
    scales: Sequence[Sequence[Tensor]],
    size: tuple[int, int],
    flip_indices: Sequence[int] | None = None,
) -> Tensor:
    """Average heatmaps over stages, views and scales at input resolution.

    Views, then stages, are averaged before they are enlarged: averaging is linear and
    commutes with resizing, and small maps cost less.

    Args:
        scales (Sequence[Sequence[Tensor]]): For each test scale the maps of the stages,
            coarse to fine, (B, T, h_i, w_i), or (2B, T, h_i, w_i) with the mirrored
            views behind the originals.
        size (tuple[int, int]): Input [w, h] at scale 1.
        flip_indices (Sequence[int], optional): Mirror image of each of the T types;
            given if and only if the maps hold mirrored views.

    Returns:
        Tensor: (B, T, h, w).
    """
    means = (_average_stages(stages, size, flip_indices) for stages in scales)
    fused = next(means)
    for mean in means:
        fused = fused + mean
    return fused if len(scales) == 1 else fused / len(scales)


def _average_stages(
    stages: Sequence[Tensor],
    size: tuple[int, int],
    flip_indices: Sequence[int] | None,
) -> Tensor:
    """The mean of one scale's stages and views, (B, T, h, w)."""
    if flip_indices is not None:
        stages = [average_flipped_maps(maps, flip_indices) for maps in stages]
    mean = stages[0]
    for finer in stages[1:]:
        height, width = finer.shape[-2:]
        mean = resize_maps(mean, (width, height)) + finer
    # Each map on its own in memory, for everything behind works map by map.
    return resize_maps((mean / len(stages)).contiguous(), size)
