# SPDX-License-Identifier: Apache-2.0
"""People as skeletons on pictures, each in a color of their own.

Pictures are (H, W, 3) uint8 in OpenCV's BGR order.
"""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from .poses import Poses

# Fractions of pixels in cv2's drawing functions.
SUBPIXEL_BITS = 4


def draw_poses(
    image: np.ndarray, poses: Poses, keypoint_thr: float = 0.3
) -> np.ndarray:
    """Draw the people of an image over it, the best on top.

    Args:
        image (np.ndarray): uint8 (H, W, 3), BGR.
        poses (Poses): Of that image.
        keypoint_thr (float): Keypoints scoring less are left out, and their links.

    Returns:
        np.ndarray: A new picture of the same shape.
    """
    picture = image.copy()
    # As strong on a large picture as on a small one.
    stroke = max(2.0, min(image.shape[:2]) / 100)
    for person in reversed(range(len(poses))):
        draw_person(
            picture,
            fixed_point(poses.keypoints[person]),
            (poses.keypoint_scores[person] >= keypoint_thr).tolist(),
            [False] * len(poses.keypoint_names),
            poses.description.skeleton,
            person_color(person),
            stroke,
        )
    return picture


def person_color(index: int) -> tuple[int, int, int]:
    """A bright color, far from those of the neighboring indices.

    Hues advance by the golden ratio, which never comes back to a hue that was used.
    """
    hue = index * 0.618034 % 1
    value = (1.0, 0.75)[index // 6 % 2]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.9, value)
    return round(255 * blue), round(255 * green), round(255 * red)


def fixed_point(points: np.ndarray, scale: float = 1.0) -> list[tuple[int, int]]:
    """Image pixels (N, 2) as cv2's fixed-point places on the enlarged image.

    Points that are nowhere (NaN) or far away, which cv2 cannot draw, come to lie
    somewhere: leave them out.
    """
    enlarged = (np.nan_to_num(points) + 0.5) * scale - 0.5
    places = np.rint(enlarged * 2**SUBPIXEL_BITS).clip(-(2**28), 2**28)
    return [tuple(place) for place in places.astype(int).tolist()]


def draw_person(
    canvas: np.ndarray,
    places: Sequence[tuple[int, int]],
    shown: Sequence[bool],
    occluded: Sequence[bool],
    skeleton: Sequence[Sequence[int]],
    color: tuple[int, int, int],
    stroke: float = 2.0,
    radius: float | None = None,
) -> None:
    """Draw one person onto a picture.

    Args:
        canvas (np.ndarray): (H, W, 3), changed.
        places (Sequence[tuple[int, int]]): K keypoints in sixteenths of a pixel, see
            :func:`fixed_point`.
        shown (Sequence[bool]): K, False where there is no keypoint to draw.
        occluded (Sequence[bool]): K, True for a ring and not a disc.
        skeleton (Sequence[Sequence[int]]): Pairs of keypoint types to connect.
        color (tuple[int, int, int]): BGR.
        stroke (float): Width of the limbs in pixels. Defaults to 2.
        radius (float, optional): Of the keypoints; 1.5 strokes without.
    """
    line = dict(lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)
    links = [(a, b) for a, b in skeleton if shown[a] and shown[b]]
    radius = 1.5 * stroke if radius is None else radius
    rim = max(1.0, 0.5 * stroke)
    # A dark rim first, so that limbs stand out from clothes of their color.
    for rim_color, width in (((0, 0, 0), stroke + 2 * rim), (color, stroke)):
        for a, b in links:
            thickness = max(1, round(width))
            cv2.line(canvas, places[a], places[b], rim_color, thickness, **line)
    outer, disc, inner = (
        round(r * 2**SUBPIXEL_BITS) for r in (radius + rim, radius, radius * 7 / 12)
    )
    for place, is_shown, is_occluded in zip(places, shown, occluded, strict=True):
        if is_shown:
            cv2.circle(canvas, place, outer, (0, 0, 0), -1, **line)
            middle = (255, 255, 255) if is_occluded else color
            cv2.circle(canvas, place, disc, color, -1, **line)
            cv2.circle(canvas, place, inner, middle, -1, **line)
