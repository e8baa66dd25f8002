# SPDX-License-Identifier: Apache-2.0
"""From heatmaps to a fixed number of candidates per type."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..structures import Candidates


def sliding_max(maps: Tensor, kernel_size: int, dim: int) -> Tensor:
    """Maximum over a window along one dimension; the window ignores what lies outside.

    Windows grow by doubling: the maximum over 2n pixels is that of two windows of n.

    Args:
        maps (Tensor): Any shape.
        kernel_size (int): Odd length of the window.
        dim (int): -1 or -2.

    Returns:
        Tensor: Same shape.
    """
    half = kernel_size // 2
    pad = (half, half) if dim == -1 else (0, 0, half, half)
    maps = F.pad(maps, pad, value=float('-inf'))
    reached = 1
    while reached < kernel_size:
        step = min(reached, kernel_size - reached)
        length = maps.shape[dim] - step
        maps = torch.maximum(
            maps.narrow(dim, 0, length), maps.narrow(dim, step, length)
        )
        reached += step
    return maps


def keep_local_maxima(heatmaps: Tensor, kernel_size: int) -> Tensor:
    """Set everything to zero that is not the maximum of its window.

    The window is square and ignores what lies outside the map. A maximum over a square
    is a maximum over rows of maxima over columns.

    Args:
        heatmaps (Tensor): (B, C, h, w).
        kernel_size (int): Odd side of the window in pixels.

    Returns:
        Tensor: (B, C, h, w), the input at local maxima (every pixel of a plateau
        included) and 0 elsewhere.
    """
    window_max = sliding_max(sliding_max(heatmaps, kernel_size, -1), kernel_size, -2)
    return heatmaps * (window_max == heatmaps)


def select_candidates(
    heatmaps: Tensor,
    inside: Tensor,
    usable: Tensor,
    kernel_size: int,
    num_candidates: int,
    score_floor: float,
    min_candidates: int,
) -> Candidates:
    """Take the best local maxima of every map (supplementary 3.2).

    Non-maxima and padding hold zero and so outrank negative maxima; a slot without
    a positive maximum is never valid.

    Args:
        heatmaps (Tensor): (B, T, h, w) at input resolution.
        inside (Tensor): bool (B, 1, h, w), True inside the image, False in padding.
        usable (Tensor): bool (B, 1, h, w), where a candidate may be valid: ``inside``
            at inference, inside and outside ignore regions in training.
        kernel_size (int): Side of the suppression window.
        num_candidates (int): M, slots per type.
        score_floor (float): A maximum is valid from this score on ...
        min_candidates (int): ... or if fewer than this many of its type are better.

    Returns:
        Candidates: coords (B, T, M, 2), scores and valid (B, T, M).
    """
    width = heatmaps.shape[-1]
    peaks = keep_local_maxima(heatmaps * inside, kernel_size)
    scores, index = peaks.flatten(2).topk(num_candidates)
    coords = torch.stack(
        (index % width, torch.div(index, width, rounding_mode='floor')), dim=-1
    )
    ranks = torch.arange(num_candidates, device=scores.device)
    usable = usable.flatten(2).expand(-1, heatmaps.shape[1], -1).gather(2, index)
    valid = (scores >= score_floor) | (ranks < min_candidates)
    return Candidates(coords, scores, valid & usable & (scores > 0))
