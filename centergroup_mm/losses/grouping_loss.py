# SPDX-License-Identifier: Apache-2.0
"""Losses of the grouping modules (paper 5.4; supplementary 3.1)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from ..ops.similarity import object_similarity
from ..structures import GroupingTargets
from .means import means_by_stage
from .sigmas import to_deviations


def focal_bce(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy times (1 - p_t)^2, element by element.

    Args:
        logits (Tensor): Any shape.
        labels (Tensor): Same shape, 0 or 1.

    Returns:
        Tensor: Same shape, float32.
    """
    logits, labels = logits.float(), labels.float()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, labels, reduction='none')
    return cross_entropy * (1 - (-cross_entropy).exp()).square()


@MODELS.register_module()
class GroupingLoss(nn.Module):
    """Center, visibility and location losses over all stages and images at once.

    Means are over the images of all processes, see :func:`mean_over_batch`.

    Args:
        center_weight (float): Defaults to 1.
        visibility_weight (float): Defaults to 1.
        location_weight (float): Per input pixel. Defaults to 0.02.
        oks_gate (float, optional): A visible keypoint whose predicted location is less
            similar (OKS) to its target than this does not train the visibility. The
            released models use 0.5; ``None``, the paper, switches the gate off.
    """

    def __init__(
        self,
        center_weight: float = 1.0,
        visibility_weight: float = 1.0,
        location_weight: float = 0.02,
        oks_gate: float | None = None,
    ) -> None:
        super().__init__()
        self.center_weight = center_weight
        self.visibility_weight = visibility_weight
        self.location_weight = location_weight
        self.oks_gate = oks_gate

    def forward(
        self,
        locations: Tensor,
        visibility: Tensor,
        center: Tensor,
        targets: GroupingTargets,
        sigmas: Sequence[float] | None = None,
    ) -> dict[str, Tensor]:
        """Compute the losses of S stages against one set of targets.

        Args:
            locations (Tensor): (S, B, P, K, 2), input pixels.
            visibility (Tensor): (S, B, P, K), logits.
            center (Tensor): (S, B, P), logits.
            targets (GroupingTargets): Shared by the stages.
            sigmas (Sequence[float], optional): COCO's sigma of each of the K types;
                needed by the OKS gate.

        Returns:
            dict[str, Tensor]: ``loss_center``, ``loss_visibility`` and
            ``loss_location``, each a weighted scalar; and for the log, without
            gradient and no part of the total, the same of each stage alone:
            ``center_stage1`` to ``location_stageS``.
        """
        person = targets.matched & targets.supervised
        center_loss = focal_bce(center, targets.matched.expand_as(center))

        counted = person[..., None].expand_as(visibility)
        if self.oks_gate is not None:
            counted = counted & self._passes_gate(
                self.oks_gate, locations, targets, sigmas
            )
        visible = targets.visible.expand_as(visibility)
        visibility_loss = focal_bce(visibility, visible)

        visible = (person[..., None] & targets.visible).expand_as(visibility)
        error = (locations - targets.keypoints).abs()
        terms = {
            'center': (
                self.center_weight,
                center_loss,
                targets.supervised.expand_as(center),
            ),
            'visibility': (self.visibility_weight, visibility_loss, counted),
            'location': (
                self.location_weight,
                error,
                visible[..., None].expand_as(error),
            ),
        }
        return means_by_stage(terms)

    @staticmethod
    @torch.no_grad()
    def _passes_gate(
        gate: float,
        locations: Tensor,
        targets: GroupingTargets,
        sigmas: Sequence[float] | None,
    ) -> Tensor:
        """bool (S, B, P, K): not visible at all, or predicted near enough."""
        deviation = to_deviations(sigmas, locations, 'The OKS gate')
        oks = object_similarity(
            locations, targets.keypoints, targets.box_areas[..., None], deviation
        )
        return ~targets.visible | (oks >= gate)
