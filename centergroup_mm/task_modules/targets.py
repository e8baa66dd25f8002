# SPDX-License-Identifier: Apache-2.0
"""What each center candidate, and each speaker, is taught."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..structures import GroupingTargets
from .center_assigners import CenterAssigner


def make_targets(
    assigner: CenterAssigner,
    centers: Tensor,
    valid: Tensor,
    supervised: Tensor,
    persons: Sequence,
    kinds: Sequence[int | None] = (None,),
    counts: Sequence[int] | None = None,
) -> GroupingTargets:
    """Match centers with persons and gather what the persons say.

    Each kind of query is matched by itself: centers with the persons' centers, a
    speaking keypoint with the persons' keypoints of its type.

    Args:
        assigner (CenterAssigner): Decides the matches.
        centers (Tensor): (B, P, 2), in input pixels.
        valid (Tensor): bool (B, P), slots that hold a detection.
        supervised (Tensor): bool (B, P); a center that is not supervised stays out of
            the losses even if it is matched.
        persons (Sequence): Per image an object with ``keypoints`` (G, K, 2),
            ``keypoints_visible`` (G, K), ``centers`` (G, 2) and ``box_areas`` (G,) of
            the persons with a visible keypoint, on the device of ``centers``.
        kinds (Sequence[int | None]): As in :class:`Queries`. Defaults to centers alone.
        counts (Sequence[int], optional): As there; P if there is one kind.

    Returns:
        GroupingTargets: One entry per center candidate, or query.
    """

    def pad(name: str) -> Tensor:
        return pad_sequence([getattr(p, name) for p in persons], batch_first=True)

    keypoints, visible = pad('keypoints'), pad('keypoints_visible') > 0
    gt_centers, box_areas = pad('centers'), pad('box_areas')
    numbers = torch.tensor([len(p.centers) for p in persons], device=centers.device)
    slots = torch.arange(gt_centers.shape[1], device=centers.device)
    present = slots < numbers[:, None]
    places = [
        (gt_centers, present)
        if kind is None
        else (keypoints[:, :, kind], present & visible[:, :, kind])
        for kind in kinds
    ]
    assigned = _assign_kinds(
        assigner, centers, valid, places, box_areas, counts or [centers.shape[1]]
    )
    matched = assigned >= 0
    if gt_centers.shape[1] == 0:
        # Nobody in the whole batch: one empty slot keeps the gathers below simple.
        keypoints = keypoints.new_zeros(keypoints.shape[0], 1, *keypoints.shape[2:])
        visible = visible.new_zeros(keypoints.shape[:-1])
        box_areas = box_areas.new_zeros(keypoints.shape[:2])
    images = torch.arange(len(assigned), device=centers.device)[:, None]
    person = assigned.clamp(min=0)
    visible = visible[images, person] & matched[..., None]
    return GroupingTargets(
        matched,
        supervised,
        keypoints[images, person] * visible[..., None],
        visible,
        box_areas[images, person] * matched,
    )


def _assign_kinds(
    assigner: CenterAssigner,
    points: Tensor,
    valid: Tensor,
    places: Sequence[tuple[Tensor, Tensor]],
    box_areas: Tensor,
    counts: Sequence[int],
) -> Tensor:
    """Match each kind by itself, all in one call, which waits for the device once.

    Args:
        assigner (CenterAssigner): Decides the matches.
        points (Tensor): (B, Q, 2), kind by kind.
        valid (Tensor): bool (B, Q).
        places (Sequence[tuple[Tensor, Tensor]]): For each kind where the persons have
            it, (B, G, 2), and whether they have it, bool (B, G).
        box_areas (Tensor): (B, G).
        counts (Sequence[int]): Slots of each kind.

    Returns:
        Tensor: int64 (B, Q), index of the person or -1.
    """
    most = max(counts)

    def stack(values: Tensor) -> Tensor:
        """(B, Q, ...) to kinds times B images of as many slots each."""
        back = (0, 0) * (values.dim() - 2)
        parts = values.split(list(counts), 1)
        return torch.cat([F.pad(p, (*back, 0, most - p.shape[1])) for p in parts])

    gt_points, gt_valid = (torch.cat(part) for part in zip(*places, strict=True))
    assigned = assigner.assign(
        stack(points),
        stack(valid),
        gt_points,
        box_areas.repeat(len(counts), 1),
        gt_valid,
    )
    by_kind = assigned.chunk(len(counts))
    return torch.cat([p[:, :n] for p, n in zip(by_kind, counts, strict=True)], 1)
