# SPDX-License-Identifier: Apache-2.0
"""The ablation of what CenterGroup learns: keypoints grouped by distance alone."""

from collections.abc import Callable

import torch
from mmpose.utils.typing import ConfigType
from torch import Tensor

from ..ops.nearest import nearest_candidates
from ..structures import Found

GROUPINGS = ('attention', 'nearest')


def groups_by_distance(test_cfg: ConfigType) -> bool:
    """Whether ``test_cfg.grouping`` asks for the nearest candidates.

    Raises:
        ValueError: If it asks for something unknown, or for the attention behind poses
            that distance grouped.
    """
    grouping = test_cfg.get('grouping', GROUPINGS[0])
    if grouping not in GROUPINGS:
        raise ValueError(
            f'model.test_cfg has grouping={grouping!r}; expected one of {GROUPINGS}.'
        )
    nearest = grouping == 'nearest'
    if nearest and test_cfg.get('output_attention', False):
        raise ValueError(
            "test_cfg.grouping='nearest' (NearestKeypointHead has it too) groups by "
            'distance: no attention explains its poses. Leave out '
            'test_cfg.output_attention, or group by attention.'
        )
    return nearest


def take_nearest(
    found: Found,
    refine: Callable[[Tensor, Tensor], Tensor],
    min_candidate_score: float = 0.0,
) -> Found:
    """Move each keypoint to the candidate of its type nearest to the center.

    Heatmaps, candidates, centers, visibilities and scores stay those of the trained
    model, so that the difference in AP is what the learned choice is worth.

    Args:
        found (Found): By attention.
        refine (Callable): Heatmaps (B, K, h, w) and pixels to sub-pixel locations.
        min_candidate_score (float): Candidates scoring less are not taken. The model
            keeps a few candidates of each type however weak they are; attention learns
            to pass over them, distance cannot. Defaults to 0.
    """
    keypoints, centers = found.keypoints, found.poses.centers[:, :, None]
    allowed = keypoints.valid & (keypoints.scores >= min_candidate_score)
    coords, has_any = nearest_candidates(keypoints, centers, allowed[:, None])
    # A type without a candidate lies at the center.
    coords = torch.where(has_any[..., None], coords, centers)
    refined = refine(found.heatmaps[:, : coords.shape[2]], coords)
    return found._replace(poses=found.poses._replace(keypoints=refined))
