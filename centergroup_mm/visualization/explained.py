# SPDX-License-Identifier: Apache-2.0
"""Poses of one image and, where it was kept, what they were chosen from."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..coco import Poses

if TYPE_CHECKING:
    from mmengine.structures import BaseDataElement
    from torch import Tensor

# Of a keypoint or pose that is nowhere (NaN): no threshold is as low.
LOWEST = float(np.finfo(float).min)


@dataclass(frozen=True)
class Explanation:
    """What n poses were chosen from, in image pixels.

    Attributes:
        centers (np.ndarray): (n, 2).
        center_scores (np.ndarray): (n,), probability that a center is a person's.
        attention (np.ndarray): (n, K, N), rows sum to 1.
        coords (np.ndarray): (N, 2), the candidates, which need not be valid.
        types (np.ndarray): int (N,), their keypoint types.
        scores (np.ndarray): (N,), their heatmap values.
        valid (np.ndarray): bool (N,), False for empty slots.
    """

    centers: np.ndarray
    center_scores: np.ndarray
    attention: np.ndarray
    coords: np.ndarray
    types: np.ndarray
    scores: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class ExplainedPoses(Poses):
    """The n poses of one image, and what they were chosen from.

    Attributes:
        explanation (Explanation, optional): Only with ``output_attention``.
    """

    explanation: Explanation | None = None

    @classmethod
    def from_instances(cls, instances: 'BaseDataElement') -> 'ExplainedPoses':
        """From ``pred_instances`` or ``gt_instances``, or the sample they belong to.

        Args:
            instances (InstanceData | PoseDataSample): With ``keypoints``; what scores
                them may be missing. Arrays or tensors. Keypoints that are not finite
                get the lowest score.

        Raises:
            ValueError: If there are no keypoints, or not as many of what scores them.
        """
        instances = instances.get('pred_instances', instances)
        if 'keypoints' not in instances:
            raise ValueError(
                'There are no poses to draw: expected InstanceData with "keypoints", '
                f'or a sample with such pred_instances; got {instances.all_keys()}.'
            )
        # As the host does: after a pipeline, where it has moved the keypoints to.
        keypoints = instances.get('transformed_keypoints', instances.keypoints)
        keypoints = _array(keypoints)[..., :2].astype(float)
        visible = instances.get('keypoints_visible', np.ones(keypoints.shape[:2]))
        visible = _array(instances.get('keypoint_scores', visible))
        # Targets may have a second column, the weight.
        visible = visible[..., 0] if visible.ndim == 3 else visible
        scores = _array(instances.get('bbox_scores', np.ones(len(keypoints))))
        is_known = np.isfinite(keypoints).all(-1) & np.isfinite(visible)
        return cls(
            np.where(is_known[..., None], keypoints, 0),
            np.where(is_known, visible, LOWEST),
            np.where(np.isfinite(scores), scores, LOWEST),
            explanation=_explanation(instances),
        )

    def select(self, kept: np.ndarray) -> 'ExplainedPoses':
        """Some of the poses, by a mask (n,) or indices; all candidates."""
        explanation = self.explanation
        if explanation is not None:
            explanation = replace(
                explanation,
                centers=explanation.centers[kept],
                center_scores=explanation.center_scores[kept],
                attention=explanation.attention[kept],
            )
        return replace(super().select(kept), explanation=explanation)

    def enlarge(self, scale: float) -> 'ExplainedPoses':
        """The same on an image that is larger by a factor."""
        explanation = self.explanation
        if explanation is not None:
            explanation = replace(
                explanation,
                centers=enlarge_points(explanation.centers, scale),
                coords=enlarge_points(explanation.coords, scale),
            )
        keypoints = enlarge_points(self.keypoints, scale)
        return replace(self, keypoints=keypoints, explanation=explanation)


def enlarge_points(points: np.ndarray, scale: float) -> np.ndarray:
    """Where pixels (..., 2) lie on an image that is larger by a factor."""
    return (points + 0.5) * scale - 0.5


def _array(values: 'np.ndarray | Tensor') -> np.ndarray:
    # Not by asking for a tensor: torch may be absent.
    return values if isinstance(values, np.ndarray) else values.detach().cpu().numpy()


def _explanation(instances: 'BaseDataElement') -> Explanation | None:
    if 'attention' not in instances or 'candidates' not in instances:
        return None
    candidates = instances.candidates
    return Explanation(
        *(_array(instances.get(n)) for n in ('centers', 'center_scores', 'attention')),
        *(_array(candidates.get(n)) for n in ('coords', 'types', 'scores', 'valid')),
    )
