# SPDX-License-Identifier: Apache-2.0
"""Pictures of poses."""

import colorsys

import cv2
import numpy as np

from .poses import Poses

# Turns of the color circle from one person to the next: neighbors differ most.
_GOLDEN = 0.618034


def draw_poses(
    image: np.ndarray, poses: Poses, keypoint_thr: float = 0.3
) -> np.ndarray:
    """Draw people, each in a color, over an image.

    Args:
        image (np.ndarray): uint8 (H, W, 3), BGR.
        poses (Poses): Of that image.
        keypoint_thr (float): Keypoints scoring less are left out, and their links.

    Returns:
        np.ndarray: A new picture of the same shape.
    """
    picture = image.copy()
    width = max(1, round(min(image.shape[:2]) / 200))
    for person in reversed(range(len(poses))):
        color = _color(person)
        shown = poses.keypoint_scores[person] >= keypoint_thr
        points = [
            tuple(int(round(float(value))) for value in point)
            for point in poses.keypoints[person]
        ]
        for first, second in poses.description.skeleton:
            if shown[first] and shown[second]:
                ends = points[first], points[second]
                cv2.line(picture, *ends, color, 2 * width, cv2.LINE_AA)
        for index in np.flatnonzero(shown):
            cv2.circle(picture, points[index], 2 * width, color, -1, cv2.LINE_AA)
            cv2.circle(picture, points[index], 2 * width, (255,) * 3, 1, cv2.LINE_AA)
    return picture


def _color(person: int) -> tuple[int, int, int]:
    """BGR, another one for each person."""
    red, green, blue = colorsys.hsv_to_rgb(person * _GOLDEN % 1, 0.9, 0.95)
    return tuple(int(255 * value) for value in (blue, green, red))
