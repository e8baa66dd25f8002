# SPDX-License-Identifier: Apache-2.0
"""Distances between points, measured against the size of a person."""

from torch import Tensor

from ..coco.similarity import BODY_AREA_RATIO

# Boxes of a pixel or less would divide by zero.
MIN_BOX_AREA = 1.0


def object_similarity(
    points: Tensor, targets: Tensor, box_areas: Tensor, deviation: float | Tensor
) -> Tensor:
    """exp(-d^2 / (2 s k^2)) with s = 0.53 box area (supplementary eq. 1; COCO's OKS).

    Args:
        points (Tensor): (..., 2) in pixels.
        targets (Tensor): (..., 2) in the same pixels; broadcasts against ``points``.
        box_areas (Tensor): Box areas in px^2; broadcasts against the distances.
        deviation (float | Tensor): k; twice COCO's sigma for a keypoint.

    Returns:
        Tensor: Values in [0, 1], broadcast shape without the last dimension.
    """
    squared = (points - targets).square().sum(-1)
    scale = BODY_AREA_RATIO * box_areas.clamp(min=MIN_BOX_AREA)
    return (-squared / (2 * scale * deviation**2)).exp()
