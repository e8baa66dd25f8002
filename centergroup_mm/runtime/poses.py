# SPDX-License-Identifier: Apache-2.0
"""The poses of an image, as arrays with names."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import coco
from ..coco import poses_to_records
from .description import Description

if TYPE_CHECKING:
    import supervision


@dataclass(frozen=True, kw_only=True)
class Poses(coco.Poses):
    """The n people of an image, best first. K is the number of keypoint types.

    Attributes:
        keypoints (np.ndarray): float32 (n, K, 2), x and y in image pixels.
        keypoint_scores (np.ndarray): float32 (n, K), 0 to 1.
        scores (np.ndarray): float32 (n,), 0 to 1.
        image_size (tuple[int, int]): Image size [w, h].
        description (Description): Of the model.
    """

    image_size: tuple[int, int]
    description: Description

    @property
    def keypoint_names(self) -> list[str]:
        """K names, in the order of the keypoints."""
        return self.description.keypoint_names

    def above(self, score: float) -> 'Poses':
        """The people that score at least so much."""
        return self.select(self.scores >= score)

    def extents(self) -> np.ndarray:
        """float32 (n, 4), the extent x1, y1, x2, y2 of each person's keypoints."""
        if not len(self):
            return np.zeros((0, 4), np.float32)
        return np.concatenate((self.keypoints.min(1), self.keypoints.max(1)), 1)

    def to_coco(self, image_id: int = 0, category_id: int = 1) -> list[dict[str, Any]]:
        """The people in COCO's results format, each keypoint as x, y, score."""
        records = poses_to_records({image_id: self}, category_id)
        for record in records:
            # More digits are none of the model's.
            record['keypoints'] = [round(value, 4) for value in record['keypoints']]
            record['score'] = round(record['score'], 6)
        return records

    def to_supervision(self) -> 'supervision.KeyPoints':
        """The people as ``supervision.KeyPoints`` (0.29 or later), for its annotators.

        Raises:
            ImportError: If supervision is not installed.
        """
        import supervision

        return supervision.KeyPoints(
            xy=self.keypoints.astype(np.float32),
            keypoint_confidence=self.keypoint_scores.astype(np.float32),
            detection_confidence=self.scores.astype(np.float32),
            class_id=np.zeros(len(self), int),
        )
