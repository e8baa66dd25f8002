# SPDX-License-Identifier: Apache-2.0
"""Typed results that travel between the stages of CenterGroup.

Letters used throughout the package: B images (or views of images), K keypoint types,
M candidates per keypoint type, N = K*M keypoint tokens, P center candidates,
D token width, [w, h] network input size in pixels.
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


@dataclass
class Candidates:
    """Local maxima of heatmaps, a fixed number per type, best first.

    Attributes:
        coords (Tensor): int64 (B, T, M, 2), (x, y) in input pixels.
        scores (Tensor): float (B, T, M), heatmap value at ``coords``.
        valid (Tensor): bool (B, T, M), True where the slot holds a detection.
    """

    coords: Tensor
    scores: Tensor
    valid: Tensor


class Tokens(NamedTuple):
    """One kind of transformer input (keypoints or centers), flat over its types.

    Attributes:
        features (Tensor): (B, N, D), appearance read at the candidate.
        positions (Tensor): (B, N, D), sine code of the location.
        types (Tensor): int64 (N,), index into the type embedding.
        coords (Tensor): int64 (B, N, 2), (x, y) in input pixels.
        valid (Tensor): bool (B, N), True keeps the token.
    """

    features: Tensor
    positions: Tensor
    types: Tensor
    coords: Tensor
    valid: Tensor


class GroupingOutput(NamedTuple):
    """What one grouping module says about every center.

    Attributes:
        attention (Tensor): (B, P, K, N), sums to 1 over the keypoint tokens.
        visibility (Tensor): (B, P, K), logits.
        center (Tensor): (B, P), logits.
    """

    attention: Tensor
    visibility: Tensor
    center: Tensor


class GroupingTargets(NamedTuple):
    """Supervision of the centers, in the order of the center candidates.

    Attributes:
        matched (Tensor): bool (B, P), the center stands for an annotated person.
        supervised (Tensor): bool (B, P), the center takes part in the losses.
        keypoints (Tensor): (B, P, K, 2), input pixels; 0 where not visible.
        visible (Tensor): bool (B, P, K), the keypoint is labeled and in the image.
        box_areas (Tensor): (B, P), box area of the matched person in input px^2.
    """

    matched: Tensor
    supervised: Tensor
    keypoints: Tensor
    visible: Tensor
    box_areas: Tensor


class Poses(NamedTuple):
    """Poses of a batch with one slot per center candidate.

    Attributes:
        keypoints (Tensor): (B, P, K, 2), (x, y) in input pixels.
        keypoint_scores (Tensor): (B, P, K), visibility probabilities.
        scores (Tensor): (B, P), pose scores in [0, 1].
        valid (Tensor): bool (B, P), False for empty slots.
        centers (Tensor): int64 (B, P, 2), center candidates in input pixels; None
            where a method has no centers.
    """

    keypoints: Tensor
    keypoint_scores: Tensor
    scores: Tensor
    valid: Tensor
    centers: Tensor | None = None


class Extent(NamedTuple):
    """Where images lie in the input; the rest of it is padding.

    Attributes:
        inside (Tensor): bool (B, 1, h, w), True inside the image.
        inside_quarter (Tensor, optional): bool (B, h/4, w/4), the same at the
            resolution of the features; None where no method asks for it.
        size (tuple[int, int]): Input [w, h] in pixels.
    """

    inside: Tensor
    inside_quarter: Tensor | None
    size: tuple[int, int]


class Maps(NamedTuple):
    """What a detector sees, T types.

    Attributes:
        heatmaps (Tensor): float32 (B, T, h, w), fused over stages, views and scales.
        tags (Tensor): (B, T, h/4, w/4) at scale 1, or (2B, ...) with mirrored views.
    """

    heatmaps: Tensor
    tags: Tensor


class Found(NamedTuple):
    """The poses of a batch, and what they were found by.

    Attributes:
        poses (Poses): In input pixels.
        heatmaps (Tensor): float32 (B, T, h, w), of the K keypoint types first.
        keypoints (Candidates, optional): (B, K, M), where a method has candidates.
        output (GroupingOutput, optional): What the last grouping module says, the
            views of a flip test merged, where a method has one.
    """

    poses: Poses
    heatmaps: Tensor
    keypoints: Candidates | None = None
    output: GroupingOutput | None = None
