# SPDX-License-Identifier: Apache-2.0
"""Centers from the finest heatmaps alone, where people close together stay apart."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .fusion import fuse_heatmaps


def fuse_with_fine_centers(
    scales: Sequence[Sequence[Tensor]],
    size: tuple[int, int],
    flip_indices: Sequence[int] | None = None,
) -> Tensor:
    """As :func:`fuse_heatmaps`, but without the coarser stages of the center.

    A Gaussian of the coarse stage is twice as wide in input pixels as one of the fine
    stage, and hides that there are two.

    Args:
        scales (Sequence[Sequence[Tensor]]): As there, the center the last type.
        size (tuple[int, int]): Input [w, h] at scale 1.
        flip_indices (Sequence[int], optional): As there.

    Returns:
        Tensor: (B, T, h, w).
    """
    keypoints = [[stage[:, :-1] for stage in stages] for stages in scales]
    centers = [[stages[-1][:, -1:]] for stages in scales]
    if flip_indices is None:
        parts = fuse_heatmaps(keypoints, size), fuse_heatmaps(centers, size)
    else:
        parts = (
            fuse_heatmaps(keypoints, size, flip_indices[:-1]),
            fuse_heatmaps(centers, size, [0]),
        )
    return torch.cat(parts, 1)
