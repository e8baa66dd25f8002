# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs as programs that run RTMO expect them, rtmlib among them.

Their images are BGR, scaled into the upper left of a gray input; they read boxes with
scores and keypoints with scores, and drop boxes that overlap.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

INPUTS = ('input',)
OUTPUTS = ('dets', 'keypoints')
# Of the input where there is no image, in every channel.
GRAY = 114


class RtmoLayout(nn.Module):
    """A graph of :class:`PosesFromPixels` behind RTMO's inputs and outputs.

    Args:
        graph (nn.Module): From images and masks to poses.
    """

    def __init__(self, graph: nn.Module) -> None:
        super().__init__()
        # Not "graph", which modules have when they are recorded.
        self.find_poses = graph

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Find the poses of a batch.

        Rows and columns at gray are no image: they become the zeros and the mask that
        the model knows from training.

        Args:
            image (Tensor): float32 (B, 3, h, w), BGR, 0 to 255.

        Returns:
            tuple[Tensor, Tensor]: ``dets`` (B, P, 5), x1, y1, x2, y2 around the
            keypoints and the score of the pose, 0 for an empty slot; ``keypoints``
            (B, P, K, 3), x, y and score. In pixels of the input.
        """
        shown = (image != GRAY).any(1, keepdim=True)
        inside = shown.any(3, keepdim=True) & shown.any(2, keepdim=True)
        pixels = torch.where(inside, image, image.new_zeros(())).flip(1)
        points, point_scores, scores, valid = self.find_poses(pixels, inside)
        scores = torch.where(valid, scores, scores.new_zeros(()))
        boxes = torch.cat((points.amin(2), points.amax(2), scores[..., None]), -1)
        return boxes, torch.cat((points, point_scores[..., None]), -1)


def to_input(images: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """RTMO's input of uint8 images (B, 3, h, w), RGB, and masks (B, 1, h, w)."""
    return np.where(inside, images[:, ::-1], GRAY).astype(np.float32)


def from_outputs(dets: np.ndarray, keypoints: np.ndarray) -> Sequence[np.ndarray]:
    """Keypoints, keypoint scores, scores and which slots are taken."""
    scores = dets[..., 4]
    return keypoints[..., :2], keypoints[..., 2], scores, scores > 0
