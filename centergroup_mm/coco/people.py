# SPDX-License-Identifier: Apache-2.0
"""The people of an image, annotated or predicted."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class People:
    """N people of K keypoints.

    Attributes:
        keypoints (np.ndarray): (N, K, 2), x, y in image pixels.
        visibility (np.ndarray): (N, K), as COCO has it: 0 there is no keypoint (it is
            not labeled, not predicted), 1 occluded, 2 visible.
    """

    keypoints: np.ndarray
    visibility: np.ndarray

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def labeled(self) -> np.ndarray:
        """(N, K), True where there is a keypoint, occluded or not."""
        return self.visibility > 0
