# SPDX-License-Identifier: Apache-2.0
"""How similar to the target a candidate is that the attention would draw."""

from collections.abc import Sequence

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from ..ops.similarity import object_similarity
from ..structures import GroupingTargets
from .means import means_by_stage
from .sigmas import to_deviations


@MODELS.register_module()
class ExpectedOKSLoss(nn.Module):
    """-log(floor + sum of attention times OKS), over the candidates of each keypoint.

    The L1 error of the mean location (:class:`GroupingLoss`) grows with the person and
    may vanish between two wrong candidates. This one is small only if the attention is
    on candidates near the target, near as OKS measures it. Both may be used together.

    Visible keypoints of matched centers count, those without a valid candidate near
    them do not: no attention could be right. Means are over the images of all
    processes, see :func:`mean_over_batch`.

    Args:
        weight (float): Defaults to 0.5.
        floor (float): Bounds the loss by -log(floor). Defaults to 0.01.
        min_oks (float): A keypoint counts if its best candidate has more than this
            OKS. Defaults to 0.1.
    """

    def __init__(
        self, weight: float = 0.5, floor: float = 0.01, min_oks: float = 0.1
    ) -> None:
        super().__init__()
        self.weight = weight
        self.floor = floor
        self.min_oks = min_oks

    def forward(
        self,
        attention: Tensor,
        coords: Tensor,
        valid: Tensor,
        targets: GroupingTargets,
        sigmas: Sequence[float] | None = None,
    ) -> dict[str, Tensor]:
        """Compute the loss of S stages against one set of targets.

        Args:
            attention (Tensor): (S, B, P, K, N), sums to 1 over the candidates.
            coords (Tensor): (B, N, 2), candidates in input pixels.
            valid (Tensor): bool (B, N), slots that hold a candidate.
            targets (GroupingTargets): Shared by the stages.
            sigmas (Sequence[float], optional): COCO's sigma of each of the K types.

        Returns:
            dict[str, Tensor]: ``loss_oks``, a weighted scalar; and for the log,
            without gradient and no part of the total, ``oks_stage1`` to ``oks_stageS``.

        Raises:
            ValueError: If there are no sigmas.
        """
        with torch.autocast(attention.device.type, enabled=False):
            similarity = self._similarity(coords.float(), targets, sigmas)
            similarity = similarity * valid[:, None, None]
            expected = (attention.float() * similarity).sum(-1)
        person = (targets.matched & targets.supervised)[..., None]
        counted = person & targets.visible & (similarity.amax(-1) > self.min_oks)
        cost = -(self.floor + expected).log()
        return means_by_stage({'oks': (self.weight, cost, counted.expand_as(cost))})

    @staticmethod
    def _similarity(
        coords: Tensor, targets: GroupingTargets, sigmas: Sequence[float] | None
    ) -> Tensor:
        """OKS (B, P, K, N) of every candidate as any keypoint of any person."""
        deviation = to_deviations(sigmas, coords, 'ExpectedOKSLoss')
        return object_similarity(
            coords[:, None, None],
            targets.keypoints[..., None, :].float(),
            targets.box_areas[..., None, None].float(),
            deviation[:, None],
        )
