# SPDX-License-Identifier: Apache-2.0
"""Where an image lies in the network's input: the geometry of testing, as functions.

The transform of the training stack, :class:`BottomupAlignedResize`, and the runtime
without it both call these. Sizes are [width, height] in pixels.
"""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import cv2
import numpy as np

from .mask_warp import warp_area

# cv2.warpAffine holds coordinates in 16 bits.
MAX_SIDE = 32766


class Placement(NamedTuple):
    """The part of the image's plane that an input covers.

    Attributes:
        center (np.ndarray): float32 (2,), x and y in image pixels.
        extent (np.ndarray): float32 (2,), width and height in image pixels.
    """

    center: np.ndarray
    extent: np.ndarray


def input_size(
    image_size: tuple[int, int], side: int, factor: int, smallest_scale: float = 1
) -> tuple[int, int]:
    """Size of the input at the smallest scale.

    Its short side covers ``smallest_scale * side``, its long one the same part of the
    image; both are rounded up to multiples of ``factor``.
    """
    short = ceil(smallest_scale * side / factor) * factor
    # In whole numbers: a rounding error would add a whole block of padding.
    long = -(-short * max(image_size) // (min(image_size) * factor)) * factor
    return (long, short) if image_size[0] >= image_size[1] else (short, long)


def place(image_size: tuple[int, int], size: tuple[int, int]) -> Placement:
    """Where the input of ``size`` lies on the image, which is in its middle."""
    width, height = image_size
    # The center is rounded (half to even) as published results were computed.
    center = np.array([round(width / 2), round(height / 2)], dtype=np.float32)
    if width >= height:
        extent = np.array([size[0] / size[1] * height, height], np.float32)
    else:
        extent = np.array([width, size[1] / size[0] * width], np.float32)
    return Placement(center, extent)


def warp_matrix(placement: Placement, size: tuple[int, int]) -> np.ndarray:
    """(2, 3) from image to input pixels, by three points that belong together."""
    source = _three_points(placement.center, float(placement.extent[0]))
    target = _three_points(np.array(size, np.float32) / 2, size[0])
    return cv2.getAffineTransform(source, target)


def _three_points(center: np.ndarray, width: float) -> np.ndarray:
    """The center, the middle of the left side, and half a width below that."""
    half = np.float32(width / 2)
    left = np.float32(center[0] - half)
    points = [center, (left, center[1]), (left, center[1] + half)]
    return np.array(points, np.float32)


def warp_image(
    image: np.ndarray,
    warp: np.ndarray,
    size: tuple[int, int],
    border: Sequence[float] = (0, 0, 0),
) -> np.ndarray:
    """The input (h, w, 3) of an image (H, W, 3), on pixels of the value ``border``."""
    return cv2.warpAffine(
        image, warp, size, flags=cv2.INTER_LINEAR, borderValue=tuple(border)
    )


def image_mask(
    image_size: tuple[int, int], warp: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Where the image lies in the input, bool (1, h, w)."""
    (mask,) = warp_area(image_size, warp, size, (1,))
    return mask


def to_image_pixels(
    points: np.ndarray, placement: Placement, size: tuple[int, int]
) -> np.ndarray:
    """Bring points (..., 2) of the input to the image."""
    origin = placement.center - 0.5 * placement.extent
    return points / np.array(size) * placement.extent + origin


def check_size(
    image_size: tuple[int, int],
    sizes: Sequence[tuple[int, int]],
    max_aspect_ratio: float,
    name: str,
    advice: str,
) -> None:
    """Refuse images whose input would not fit the memory or OpenCV.

    Args:
        image_size (tuple[int, int]): Of the image.
        sizes (Sequence[tuple[int, int]]): Of its inputs at all scales.
        max_aspect_ratio (float): Of the long to the short side.
        name (str): Of the image, for the message.
        advice (str): What to do instead, a sentence.

    Raises:
        ValueError: If the image is too long.
    """
    ratio = max(image_size) / min(image_size)
    longest = max(*image_size, *(side for size in sizes for side in size))
    if ratio > max_aspect_ratio or longest > MAX_SIDE:
        raise ValueError(
            f'{name} of {image_size[0]} x {image_size[1]} pixels (width x height) has '
            f'an aspect ratio of {ratio:.1f} and would need an input of '
            f'{sizes[0][0]} x {sizes[0][1]}; expected a ratio of at most '
            f'{max_aspect_ratio:g} and sides of at most {MAX_SIDE}. {advice}'
        )
