# SPDX-License-Identifier: Apache-2.0
"""Strokes of any opacity that are blended onto a picture once."""

from collections.abc import Sequence

import cv2
import numpy as np

from .grid import SUBPIXEL_BITS, fixed_point

Color = tuple[int, int, int]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


class Layer:
    """Lines and discs, each with an opacity, over a picture of one size.

    Of strokes that cross, the one drawn last is seen: draw the most opaque last.
    Points are x, y in the picture's pixels; widths and radii in pixels.

    Args:
        shape (tuple[int, ...]): (H, W, ...) of the picture.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._color = np.zeros((*shape[:2], 3), np.uint8)
        self._opacity = np.zeros(shape[:2], np.uint8)

    def line(
        self,
        start: np.ndarray,
        end: np.ndarray,
        bands: Sequence[tuple[Color, float]],
        opacity: float = 1.0,
    ) -> None:
        """Draw a line; ``opacity`` from 0, not to be seen, to 1.

        ``bands`` are colors and widths from the outside in: a rim, then the line.
        """
        ends, shift = fixed_point(np.stack((start, end))), SUBPIXEL_BITS
        (rim, outer), *inner = [(c, max(1, round(width))) for c, width in bands]
        # The color reaches a little further than the smooth edge of the opacity,
        # which must not mix with what is beneath.
        cv2.line(self._color, *ends, rim, outer + 2, cv2.LINE_8, shift)
        for color, width in inner:
            cv2.line(self._color, *ends, color, width, cv2.LINE_AA, shift)
        value = round(255 * opacity)
        cv2.line(self._opacity, *ends, value, outer, cv2.LINE_AA, shift)

    def disc(
        self,
        point: np.ndarray,
        bands: Sequence[tuple[Color, float]],
        opacity: float = 1.0,
    ) -> None:
        """Draw a filled circle; ``bands`` are colors and radii from the outside in."""
        (place,), shift = fixed_point(point[None]), SUBPIXEL_BITS
        (rim, outer), *inner = [(c, round(r * 2**shift)) for c, r in bands]
        wide = outer + 2**shift
        cv2.circle(self._color, place, wide, rim, -1, cv2.LINE_8, shift)
        for color, radius in inner:
            cv2.circle(self._color, place, radius, color, -1, cv2.LINE_AA, shift)
        value = round(255 * opacity)
        cv2.circle(self._opacity, place, outer, value, -1, cv2.LINE_AA, shift)

    def onto(self, picture: np.ndarray) -> np.ndarray:
        """Blend with a picture (H, W, 3) uint8; a new one is returned."""
        opacity = self._opacity[..., None].astype(np.float32) / 255
        blended = picture + (self._color - picture.astype(np.float32)) * opacity
        return np.rint(blended).astype(np.uint8)
