# SPDX-License-Identifier: Apache-2.0
"""The poses of an image, as arrays with names."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .description import Description

if TYPE_CHECKING:
    import supervision


@dataclass(frozen=True)
class Poses:
    """The n people of an image, best first. K is the number of keypoint types.

    Attributes:
        keypoints (np.ndarray): float32 (n, K, 2), x and y in image pixels.
        keypoint_scores (np.ndarray): float32 (n, K), 0 to 1.
        scores (np.ndarray): float32 (n,), 0 to 1.
        image_size (tuple[int, int]): Image size [w, h].
        description (Description): Of the model.
    """

    keypoints: np.ndarray
    keypoint_scores: np.ndarray
    scores: np.ndarray
    image_size: tuple[int, int]
    description: Description

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def keypoint_names(self) -> list[str]:
        """K names, in the order of the keypoints."""
        return self.description.keypoint_names

    def above(self, score: float) -> 'Poses':
        """The people that score at least so much."""
        kept = self.scores >= score
        return Poses(
            self.keypoints[kept],
            self.keypoint_scores[kept],
            self.scores[kept],
            self.image_size,
            self.description,
        )

    def boxes(self) -> np.ndarray:
        """float32 (n, 4), the extent x1, y1, x2, y2 of each person's keypoints."""
        if not len(self):
            return np.zeros((0, 4), np.float32)
        return np.concatenate((self.keypoints.min(1), self.keypoints.max(1)), 1)

    def to_coco(self, image_id: int = 0, category_id: int = 1) -> list[dict[str, Any]]:
        """The people in COCO's results format, each keypoint as x, y, score."""
        triples = np.concatenate((self.keypoints, self.keypoint_scores[..., None]), -1)
        return [
            dict(
                image_id=image_id,
                category_id=category_id,
                keypoints=[round(float(value), 4) for value in person.ravel()],
                score=round(float(score), 6),
            )
            for person, score in zip(triples, self.scores, strict=True)
        ]

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
