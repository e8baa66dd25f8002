# SPDX-License-Identifier: Apache-2.0
"""Pictures of errors: the poses of an image, and what is wrong with them.

All images are (H, W, 3) uint8 in OpenCV's BGR order.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from ...visualization.grid import (
    SUBPIXEL_BITS,
    draw_people,
    fixed_point,
    resize_smoothly,
)
from ..evaluation import ImageErrors, KeypointState, PoseFate
from ..evaluation.fixes import KEYPOINT_FIXES, POSE_FIXES
from .terms import TERMS

# Pixels of the longer side.
PICTURE_SIZE = 448
JPEG_QUALITY = 82
_STATE_COLORS = {
    state: TERMS[kind].color
    for kind, states in KEYPOINT_FIXES.items()
    for state in states
}


def draw_poses(
    image: np.ndarray,
    errors: ImageErrors,
    skeleton: Sequence[tuple[int, int]],
    keypoint_threshold: float,
) -> np.ndarray:
    """The poses that count, each person in a color of their own.

    Args:
        image (np.ndarray): (H, W, 3).
        errors (ImageErrors): Its errors.
        skeleton (Sequence[tuple[int, int]]): Pairs of keypoint types to connect.
        keypoint_threshold (float): Keypoints scoring less are not drawn.

    Returns:
        np.ndarray: The longer side has ``PICTURE_SIZE`` pixels, or more where the
            shorter one would have none.
    """
    fates = errors.matches.fates
    counted = np.flatnonzero(fates != PoseFate.LEFT_OUT)
    people = errors.poses.select(counted).people(keypoint_threshold)
    numbers = [
        errors.matches.person_of_pose[pose]
        if fates[pose] == PoseFate.MATCHED
        else len(errors.image) + pose
        for pose in counted
    ]
    return draw_people(image, people, skeleton, numbers, _scale(image))


def draw_errors(
    image: np.ndarray, errors: ImageErrors, skeleton: Sequence[tuple[int, int]]
) -> np.ndarray:
    """The annotated people in white, and every error in the color of its kind.

    A line leads from a wrong keypoint (ring) to its place (dot). Missed people stand in
    a box. Poses that are duplicates or nobody's are drawn as a whole.

    Args:
        image (np.ndarray): (H, W, 3).
        errors (ImageErrors): Its errors.
        skeleton (Sequence[tuple[int, int]]): Pairs of keypoint types to connect.

    Returns:
        np.ndarray: The longer side has ``PICTURE_SIZE`` pixels, or more where the
            shorter one would have none.
    """
    scale = _scale(image)
    canvas = cv2.convertScaleAbs(resize_smoothly(image, scale), alpha=0.45)
    truth = errors.image
    for person in range(len(truth)):
        places = fixed_point(truth.keypoints[person], scale)
        _draw_links(canvas, places, truth.labeled[person], skeleton, '#e8e8e8', 1)
        if errors.matches.pose_of_person[person] < 0:
            x, y, width, height = truth.boxes[person]
            corners = fixed_point(np.array([(x, y), (x + width, y + height)]), scale)
            cv2.rectangle(
                canvas,
                *corners,
                _bgr(TERMS['missed'].color),
                2,
                cv2.LINE_AA,
                SUBPIXEL_BITS,
            )
    for kind, fate in POSE_FIXES.items():
        for pose in np.flatnonzero(errors.matches.fates == fate):
            places = fixed_point(errors.poses.keypoints[pose], scale)
            everything = np.ones(len(places), dtype=bool)
            _draw_links(canvas, places, everything, skeleton, TERMS[kind].color, 2)
    for person, keypoint in np.argwhere(errors.states > KeypointState.GOOD):
        pose = errors.matches.pose_of_person[person]
        ends = np.stack(
            [errors.poses.keypoints[pose, keypoint], truth.keypoints[person, keypoint]]
        )
        color = _STATE_COLORS[KeypointState(errors.states[person, keypoint])]
        _draw_move(canvas, *fixed_point(ends, scale), _bgr(color))
    return canvas


def encode(image: np.ndarray) -> bytes:
    """A picture as a JPEG file."""
    written, content = cv2.imencode(
        '.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not written:
        raise ValueError(f'an image of shape {image.shape} could not be encoded')
    return content.tobytes()


def _draw_links(canvas, places, shown, skeleton, color, thickness) -> None:
    line = dict(lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)
    for a, b in skeleton:
        if shown[a] and shown[b]:
            cv2.line(canvas, places[a], places[b], _bgr(color), thickness, **line)
    for place in (place for place, seen in zip(places, shown, strict=True) if seen):
        cv2.circle(canvas, place, 2 << SUBPIXEL_BITS, _bgr(color), -1, **line)


def _draw_move(canvas, start, end, color) -> None:
    line = dict(lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)
    cv2.line(canvas, start, end, color, 2, **line)
    cv2.circle(canvas, start, 4 << SUBPIXEL_BITS, color, 2, **line)
    cv2.circle(canvas, end, 3 << SUBPIXEL_BITS, color, -1, **line)


def _scale(image: np.ndarray) -> float:
    # At least 1 px on the short side of extreme aspect ratios.
    return max(PICTURE_SIZE / max(image.shape[:2]), 1 / min(image.shape[:2]))


def _bgr(color: str) -> tuple[int, int, int]:
    """OpenCV's color of ``#rrggbb``."""
    red, green, blue = bytes.fromhex(color.removeprefix('#'))
    return blue, green, red
