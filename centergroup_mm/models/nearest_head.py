# SPDX-License-Identifier: Apache-2.0
"""The ablation of what CenterGroup learns: keypoints grouped by distance alone."""

from collections.abc import Sequence

import torch
from mmpose.registry import MODELS
from mmpose.utils.typing import OptConfigType, Predictions, SampleList
from torch import Tensor

from ..ops.nearest import nearest_candidates
from ..structures import GroupingOutput, Poses
from .centergroup_head import CenterGroupHead


@MODELS.register_module()
class NearestKeypointHead(CenterGroupHead):
    """CenterGroup whose poses take the nearest candidate of each type to the center.

    It has the weights of :class:`CenterGroupHead` and reads its checkpoints. Heatmaps,
    candidates, centers, visibilities and scores are those of the trained model; only
    where each keypoint lies is decided by distance and not by attention. The
    difference in AP is hence what the learned choice is worth. For testing only.

    Args:
        min_candidate_score (float): Candidates scoring less are not taken. The
            model keeps a few candidates of each type however weak they are; attention
            learns to pass over them, distance cannot. Defaults to 0.
        **kwargs: As in :class:`CenterGroupHead`.
    """

    def __init__(self, *args, min_candidate_score: float = 0.0, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.min_candidate_score = min_candidate_score

    def find_poses(
        self,
        features: Sequence[Tensor],
        inside: Tensor | None = None,
        inside_quarter: Tensor | None = None,
        flip_indices: Sequence[int] | None = None,
    ) -> tuple[Poses, GroupingOutput, Tensor]:
        """As in :meth:`CenterGroupHead.find_poses`, with the nearest candidates."""
        poses, output, heatmaps = super().find_poses(
            features, inside, inside_quarter, flip_indices
        )
        if inside is None:
            inside = torch.ones_like(heatmaps[:, :1], dtype=torch.bool)
        keypoints, _ = self.decoder.find_candidates(heatmaps, inside, inside)
        allowed = keypoints.valid & (keypoints.scores >= self.min_candidate_score)
        centers = poses.centers[:, :, None]
        coords, found = nearest_candidates(keypoints, centers, allowed[:, None])
        # A type without a candidate lies at the center.
        coords = torch.where(found[..., None], coords, centers)
        refined = self.decoder.refine(heatmaps[:, : self.num_keypoints], coords)
        return poses._replace(keypoints=refined), output, heatmaps

    def predict(
        self,
        feats: Sequence,
        batch_data_samples: SampleList,
        test_cfg: OptConfigType = None,
    ) -> Predictions:
        """As :meth:`CenterGroupHead.predict`.

        Raises:
            ValueError: If ``test_cfg`` asks for the attention, which here decides
                nothing.
        """
        if (test_cfg or {}).get('output_attention', False):
            raise ValueError(
                'NearestKeypointHead groups by distance: no attention explains its '
                'poses. Leave out test_cfg.output_attention, or use CenterGroupHead.'
            )
        return super().predict(feats, batch_data_samples, test_cfg)
