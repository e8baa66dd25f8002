# SPDX-License-Identifier: Apache-2.0
"""What the poses were chosen from, and how surely: kept for pictures only."""

import torch
from mmengine.structures import InstanceData
from mmpose.utils.typing import InstanceList, SampleList
from torch import Tensor

from ..ops.poses import HALF_A_PIXEL
from ..structures import Candidates, GroupingOutput, Poses


def explain_poses(poses: Poses, output: GroupingOutput) -> dict[str, Tensor]:
    """Centers, their probabilities and the attention of all slots.

    Args:
        poses (Poses): (B, P) slots.
        output (GroupingOutput): Of the last grouping module, of B images.

    Returns:
        dict[str, Tensor]: ``centers`` (B, P, 2) in input pixels; ``center_scores``
        (B, P), the probability that a center is a person's; ``attention``
        (B, P, K, N).
    """
    return dict(
        centers=poses.centers + HALF_A_PIXEL,
        center_scores=output.center.float().sigmoid(),
        attention=output.attention.float(),
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
