# SPDX-License-Identifier: Apache-2.0
"""Text beside points that does not cover other text."""

import cv2
import numpy as np

from .layer import BLACK, WHITE

# Where text goes from a point, in distances: right above first, as on maps, and then
# the same further away.
_AROUND = (1, -1), (1, 1), (-1, -1), (-1, 1), (1, 0), (-1, 0), (0, -1), (0, 1)
STEPS = np.concatenate((_AROUND, 2 * np.array(_AROUND)))
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Labels:
    """Remembers where text stands on a picture.

    Args:
        shape (tuple[int, ...]): (H, W, ...) of the picture.
        size (float): Of the font, as cv2 counts.
    """

    def __init__(self, shape: tuple[int, ...], size: float) -> None:
        self._limits = shape[1], shape[0]
        self._size = size
        self._stroke = max(1, round(2.5 * size))
        # Corners left, top, right, bottom.
        self._taken = np.empty((0, 4))

    def keep_free(self, point: np.ndarray, radius: float) -> None:
        """Write nothing over a disc."""
        self._take(np.concatenate((point - radius, point + radius)))

    def write(
        self, picture: np.ndarray, text: str, point: np.ndarray, distance: float
    ) -> None:
        """Write white on black beside a point, or nothing if there is no room.

        Args:
            picture (np.ndarray): (H, W, 3) uint8, changed.
            text (str): What to write.
            point (np.ndarray): (2,), x, y in pixels.
            distance (float): From the point to the text in pixels.
        """
        (width, height), _ = cv2.getTextSize(text, _FONT, self._size, self._stroke)
        half = np.array([width, height]) / 2
        middles = point + STEPS * distance + np.sign(STEPS) * half
        boxes = np.concatenate((middles - half - 1, middles + half + 1), 1)
        free = np.flatnonzero(self._are_free(boxes))
        if len(free):
            box = boxes[free[0]]
            self._take(box)
            self._put(picture, text, box[0] + 1, box[3] - 1)

    def _put(self, picture: np.ndarray, text: str, left: float, bottom: float) -> None:
        place = round(float(left)), round(float(bottom))
        for color, width in ((BLACK, 3 * self._stroke), (WHITE, self._stroke)):
            cv2.putText(
                picture, text, place, _FONT, self._size, color, width, cv2.LINE_AA
            )

    def _are_free(self, boxes: np.ndarray) -> np.ndarray:
        """bool (R,), which boxes (R, 4) lie in the picture and cover nothing."""
        low, high = boxes[:, None, :2], boxes[:, None, 2:]
        inside = (low >= 0).all(-1) & (high <= self._limits).all(-1)
        apart = (low >= self._taken[:, 2:]) | (high <= self._taken[:, :2])
        return inside[:, 0] & apart.any(-1).all(-1)

    def _take(self, box: np.ndarray) -> None:
        self._taken = np.concatenate((self._taken, box[None]))
