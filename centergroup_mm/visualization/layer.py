# SPDX-License-Identifier: Apache-2.0
"""Strokes of any opacity that are blended onto a picture once."""

import cv2
import numpy as np

from .grid import SUBPIXEL_BITS, fixed_point

Colour = tuple[int, int, int]


class Layer:
    """Lines and discs, each with an opacity, over a picture of one size.

    Of strokes that cross, the one drawn last is seen: draw the most opaque last.
    Points are x, y in the picture's pixels; widths and radii in pixels.

    Args:
        shape (tuple[int, ...]): (H, W, ...) of the picture.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._colour = np.zeros((*shape[:2], 3), np.uint8)
        self._opacity = np.zeros(shape[:2], np.uint8)

    def line(
        self,
        start: np.ndarray,
        end: np.ndarray,
        colour: Colour,
        width: float,
        opacity: float = 1.0,
    ) -> None:
        """Draw a line; ``opacity`` from 0, not to be seen, to 1."""
        ends = fixed_point(np.stack((start, end)))
        width = max(1, round(width))
        # The colour reaches a little further than the smooth edge of the opacity,
        # which must not mix with the black beneath.
        cv2.line(self._colour, *ends, colour, width + 2, cv2.LINE_8, SUBPIXEL_BITS)
        value = round(255 * opacity)
        cv2.line(self._opacity, *ends, value, width, cv2.LINE_AA, SUBPIXEL_BITS)

    def disc(
        self, point: np.ndarray, colour: Colour, radius: float, opacity: float = 1.0
    ) -> None:
        """Draw a filled circle."""
        ((x, y),) = fixed_point(point[None])
        wide, exact = (round(r * 2**SUBPIXEL_BITS) for r in (radius + 1, radius))
        place, shift = (x, y), SUBPIXEL_BITS
        cv2.circle(self._colour, place, wide, colour, -1, cv2.LINE_8, shift)
        value = round(255 * opacity)
        cv2.circle(self._opacity, place, exact, value, -1, cv2.LINE_AA, shift)

    def onto(self, picture: np.ndarray) -> np.ndarray:
        """Blend with a picture (H, W, 3) uint8; a new one is returned."""
        opacity = self._opacity[..., None].astype(np.float32) / 255
        blended = picture + (self._colour - picture.astype(np.float32)) * opacity
        return np.rint(blended).astype(np.uint8)
