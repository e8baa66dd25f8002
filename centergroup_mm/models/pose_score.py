# SPDX-License-Identifier: Apache-2.0
"""How sure a pose is, by its center and its keypoints."""

from mmpose.registry import MODELS
from torch import Tensor, nn

from ..ops.poses import pose_scores


@MODELS.register_module()
class PoseScore(nn.Module):
    """Mean probability of the visible keypoints, see :func:`pose_scores`.

    Args:
        min_keypoints (int): The best so many keypoints count as visible whatever their
            probability; 0 is the paper, 5 the released models. Defaults to 0.
    """

    def __init__(self, min_keypoints: int = 0) -> None:
        super().__init__()
        self.min_keypoints = min_keypoints

    def forward(self, center: Tensor, visibility: Tensor) -> Tensor:
        """Scores (B, P) of logits of the center (B, P) and the keypoints (B, P, K)."""
        return pose_scores(center, visibility, self.min_keypoints)
