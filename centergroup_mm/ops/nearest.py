# SPDX-License-Identifier: Apache-2.0
"""Choosing candidates by distance."""

from torch import Tensor

from ..structures import Candidates


def nearest_candidates(
    keypoints: Candidates, points: Tensor, allowed: Tensor
) -> tuple[Tensor, Tensor]:
    """For every point the nearest candidate of each type.

    Args:
        keypoints (Candidates): (B, K, M).
        points (Tensor): (B, P, K, 2), or (B, P, 1, 2) for the same point whatever the
            type, (x, y) in the candidates' pixels.
        allowed (Tensor): bool (B, P, K, M), or (B, 1, K, M): candidates that may be
            chosen.

    Returns:
        tuple[Tensor, Tensor]: coords (B, P, K, 2), dtype of the candidates'
        coordinates, of equally near candidates the better one; and bool (B, P, K),
        whether there was a candidate, without which the coords mean nothing.
    """
    offsets = keypoints.coords[:, None] - points[:, :, :, None]
    distances = offsets.float().square().sum(-1)
    distances = distances.masked_fill(~allowed, float('inf'))
    nearest = distances.argmin(-1)
    index = nearest.transpose(1, 2)[..., None].expand(-1, -1, -1, 2)
    coords = keypoints.coords.gather(2, index).transpose(1, 2)
    return coords, allowed.any(-1).expand(coords.shape[:-1])


def inside_boxes(keypoints: Candidates, boxes: Tensor) -> Tensor:
    """Which candidates lie in which boxes.

    Args:
        keypoints (Candidates): (B, K, M).
        boxes (Tensor): (B, P, 4), x1, y1, x2, y2 in the candidates' pixels.

    Returns:
        Tensor: bool (B, P, K, M).
    """
    coords = keypoints.coords[:, None]
    low, high = boxes[:, :, None, None].chunk(2, -1)
    return ((coords >= low) & (coords <= high)).all(-1)
