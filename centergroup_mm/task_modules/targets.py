# SPDX-License-Identifier: Apache-2.0
"""What each center candidate is taught."""

from collections.abc import Sequence

import torch
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
) -> GroupingTargets:
    """Match centers with persons and gather what the persons say.

    Args:
        assigner (CenterAssigner): Decides the matches.
        centers (Tensor): (B, P, 2), in input pixels.
        valid (Tensor): bool (B, P), slots that hold a detection.
        supervised (Tensor): bool (B, P); a center that is not supervised stays out of
            the losses even if it is matched.
        persons (Sequence): Per image an object with ``keypoints`` (G, K, 2),
            ``keypoints_visible`` (G, K), ``centers`` (G, 2) and ``box_areas`` (G,) of
            the persons with a visible keypoint, on the device of ``centers``.

    Returns:
        GroupingTargets: One entry per center candidate.
    """

    def pad(name: str) -> Tensor:
        return pad_sequence([getattr(p, name) for p in persons], batch_first=True)

    keypoints, visible = pad('keypoints'), pad('keypoints_visible') > 0
    gt_centers, box_areas = pad('centers'), pad('box_areas')
    counts = torch.tensor([len(p.centers) for p in persons], device=centers.device)
    slots = torch.arange(gt_centers.shape[1], device=centers.device)
    assigned = assigner.assign(
        centers, valid, gt_centers, box_areas, slots < counts[:, None]
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
