# SPDX-License-Identifier: Apache-2.0
"""From attention to poses: locations, sub-pixel refinement and scores."""

import torch
from torch import Tensor

from .newton import peak_offsets
from .sampling import read_pixels

# From the pixel of a peak to its place: targets have theirs at the truncated pixel.
HALF_A_PIXEL = 0.5


def expected_locations(attention: Tensor, coords: Tensor) -> Tensor:
    """Attention-weighted mean of the keypoint candidates (used in training).

    Args:
        attention (Tensor): (B, P, K, N).
        coords (Tensor): (B, N, 2) in pixels.

    Returns:
        Tensor: float32 (B, P, K, 2). Half precision cannot hold pixel coordinates, so
        this stays in single precision under autocast.
    """
    with torch.autocast(attention.device.type, enabled=False):
        return attention.float() @ coords.float()[:, None]


def most_attended_locations(attention: Tensor, coords: Tensor) -> Tensor:
    """Location of the candidate with the highest attention (supplementary eq. 2).

    Args:
        attention (Tensor): (B, P, K, N).
        coords (Tensor): (B, N, 2) in pixels.

    Returns:
        Tensor: (B, P, K, 2), dtype of ``coords``.
    """
    index = attention.argmax(-1)
    flat = index.flatten(1)[..., None].expand(-1, -1, 2)
    return coords.gather(1, flat).view(*index.shape, 2)


def refine_locations(heatmaps: Tensor, coords: Tensor) -> Tensor:
    """Shift by a quarter pixel towards the higher neighbor (supplementary 3.2).

    Half a pixel is added on both axes, see ``HALF_A_PIXEL``.

    Args:
        heatmaps (Tensor): (B, K, h, w) at input resolution, before any masking.
        coords (Tensor): int64 (B, P, K, 2), (x, y) in input pixels.

    Returns:
        Tensor: float32 (B, P, K, 2).
    """
    x, y = coords.transpose(1, 2).unbind(-1)
    right = read_pixels(heatmaps, x + 1, y) > read_pixels(heatmaps, x - 1, y)
    below = read_pixels(heatmaps, x, y + 1) > read_pixels(heatmaps, x, y - 1)
    towards = torch.stack((right, below), -1).transpose(1, 2)
    return coords + torch.where(towards, 0.25, -0.25) + HALF_A_PIXEL


def refine_by_newton(heatmaps: Tensor, coords: Tensor, sigma: float) -> Tensor:
    """Move to the top of the peak on the blurred map, see :func:`peak_offsets`.

    Half a pixel is added as in :func:`refine_locations`.

    Args:
        heatmaps (Tensor): (B, K, h, w) at input resolution, before any masking.
        coords (Tensor): int64 (B, P, K, 2), (x, y) in input pixels.
        sigma (float): Standard deviation of the blur in input pixels.

    Returns:
        Tensor: float32 (B, P, K, 2).
    """
    return coords + peak_offsets(heatmaps.float(), coords, sigma) + HALF_A_PIXEL


def unclaimed_shares(
    coords: Tensor, visibility: Tensor, scores: Tensor, valid: Tensor
) -> Tensor:
    """How much of each pose no better pose has too.

    A better pose claims a keypoint if its own of the same type lies at the very same
    place. Of equal scores the first is the better.

    Args:
        coords (Tensor): int64 (B, P, K, 2), chosen candidates in input pixels.
        visibility (Tensor): (B, P, K), probabilities.
        scores (Tensor): (B, P).
        valid (Tensor): bool (B, P), slots that hold a pose; others claim nothing.

    Returns:
        Tensor: (B, P) in [0, 1], the share of the visibility that is not claimed.
    """
    ranks = torch.arange(scores.shape[1], device=scores.device)
    own, other = scores[:, :, None], scores[:, None]
    better = (other > own) | ((other == own) & (ranks < ranks[:, None]))
    better = better & valid[:, None]
    # (B, P, P, K): keypoint k of the pose and of the other.
    same = (coords[:, :, None] == coords[:, None]).all(-1)
    claimed = (same & better[..., None]).any(2)
    total = visibility.sum(-1).clamp(min=torch.finfo(visibility.dtype).tiny)
    return (visibility * ~claimed).sum(-1) / total


def pose_scores(center: Tensor, visibility: Tensor, min_keypoints: int = 0) -> Tensor:
    """Score poses by their visible keypoints (supplementary eq. 3).

    A center that is a person (probability at least 0.5) scores the mean probability of
    its visible keypoints, any other its own probability.

    Args:
        center (Tensor): (B, P), logits.
        visibility (Tensor): (B, P, K), logits.
        min_keypoints (int): The best so many keypoints count as visible whatever their
            probability (ties included). 0 is the paper, 5 the released models.

    Returns:
        Tensor: (B, P) in [0, 1]; 0 for a person without visible keypoints.
    """
    center, visibility = center.sigmoid(), visibility.sigmoid()
    counted = visibility >= 0.5
    if min_keypoints:
        best = visibility.topk(min(min_keypoints, visibility.shape[-1])).values
        counted = counted | (visibility >= best[..., -1:])
    total = (visibility * counted).sum(-1)
    mean = total / counted.sum(-1).clamp(min=1)
    return torch.where(center >= 0.5, mean, center)
