# SPDX-License-Identifier: Apache-2.0
"""Grouping without learning: each center takes what lies nearest to it."""

import torch
from torch import Tensor

from ..structures import Candidates


def nearest_candidates(
    keypoints: Candidates, centers: Tensor, min_score: float = 0.0
) -> Tensor:
    """For every center the nearest candidate of each type.

    Args:
        keypoints (Candidates): (B, K, M).
        centers (Tensor): (B, P, 2), (x, y) in the candidates' pixels.
        min_score (float): Only candidates whose heatmap scores at least this are
            taken. Defaults to 0: every valid one.

    Returns:
        Tensor: (B, P, K, 2), dtype of the candidates' coordinates; the center itself
        for a type without a candidate. Of equally near candidates the better one.
    """
    taken = keypoints.valid & (keypoints.scores >= min_score)
    offsets = keypoints.coords[:, None] - centers[:, :, None, None]
    distances = offsets.float().square().sum(-1)
    distances = distances.masked_fill(~taken[:, None], float('inf'))
    nearest = distances.argmin(-1)
    index = nearest.transpose(1, 2)[..., None].expand(-1, -1, -1, 2)
    coords = keypoints.coords.gather(2, index).transpose(1, 2)
    found = taken.any(-1)[:, None, :, None]
    return torch.where(found, coords, centers[:, :, None].to(coords.dtype))
