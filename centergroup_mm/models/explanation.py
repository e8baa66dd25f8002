# SPDX-License-Identifier: Apache-2.0
"""What the poses were chosen from, and how surely: kept for pictures only."""

from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData
from mmpose.utils.typing import InstanceList, SampleList
from torch import Tensor

from ..ops.attention_views import average_attention, merge_attention
from ..ops.flip import split_views
from ..structures import Candidates, GroupingOutput, Poses

# Targets have their peak at the truncated pixel.
HALF_A_PIXEL = 0.5


def explain_poses(
    poses: Poses,
    output: GroupingOutput,
    flip_indices: Sequence[int] | None,
    averaged: bool = False,
) -> dict[str, Tensor]:
    """Centers, their probabilities and the attention of all slots.

    Args:
        poses (Poses): (B, P) slots.
        output (GroupingOutput): Of the last grouping module, B views, or 2B with the
            mirrored views behind the originals.
        flip_indices (Sequence[int], optional): Mirror image of each of the K types;
            given if and only if there are mirrored views.
        averaged (bool): Whether the views' attention was averaged, see
            :func:`average_attention`, or taken from one, see :func:`merge_attention`.

    Returns:
        dict[str, Tensor]: ``centers`` (B, P, 2) in input pixels; ``center_scores``
        (B, P), the probability that a center is a person's; ``attention``
        (B, P, K, N).
    """
    attention, center = output.attention.float(), output.center.float()
    if flip_indices is not None:
        if averaged:
            attention = average_attention(attention, flip_indices)
        else:
            attention = merge_attention(attention, output.visibility, flip_indices)
        center = torch.stack(split_views(center)).mean(0)
    return dict(
        centers=poses.centers + HALF_A_PIXEL,
        center_scores=center.sigmoid(),
        attention=attention,
    )


def attach_candidates(instances: InstanceList, keypoints: Candidates) -> None:
    """Note in the metainfo of each image's poses what they were chosen from.

    Candidates are as many as they are, whatever the number of poses, and the metainfo
    is what an ``InstanceData`` carries beside its instances, through selections and
    the host's merging.

    Args:
        instances (list[InstanceData]): Poses of B images.
        keypoints (Candidates): (B, K, M) in input pixels.
    """
    num_types, num_candidates = keypoints.coords.shape[1:3]
    types = torch.arange(num_types).repeat_interleave(num_candidates).numpy()
    arrays = (
        (keypoints.coords + HALF_A_PIXEL).flatten(1, 2).cpu().numpy(),
        keypoints.scores.detach().flatten(1).cpu().numpy(),
        keypoints.valid.flatten(1).cpu().numpy(),
    )
    for found, coords, scores, valid in zip(instances, *arrays, strict=True):
        candidates = InstanceData(
            coords=coords, types=types, scores=scores, valid=valid
        )
        found.set_metainfo(dict(candidates=candidates))


def explanation_to_image(instances: InstanceList, samples: SampleList) -> None:
    """Map centers and candidates, where there are any, from input to image pixels.

    The host does the same for keypoints, and for nothing that it does not know.

    Args:
        instances (list[InstanceData]): Poses of B images in input pixels.
        samples (list[PoseDataSample]): B samples that say where the input lies.
    """
    for found, sample in zip(instances, samples, strict=True):
        if 'candidates' not in found:
            continue
        meta = sample.metainfo
        ratio = meta['input_scale'] / meta['input_size']
        origin = meta['input_center'] - 0.5 * meta['input_scale']
        found.centers = found.centers * ratio + origin
        candidates = found.candidates.clone()
        candidates.coords = candidates.coords * ratio + origin
        found.set_metainfo(dict(candidates=candidates))
