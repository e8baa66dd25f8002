# SPDX-License-Identifier: Apache-2.0
"""Pictures of one image next to each other."""

from collections.abc import Sequence

import cv2
import numpy as np

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK = (40, 40, 40)


def place_side_by_side(
    tiles: Sequence[np.ndarray], titles: Sequence[str]
) -> np.ndarray:
    """Put tiles in a row, a title above each.

    Titles are as large as fits the height of the tiles, or smaller to fit their width.

    Args:
        tiles (Sequence[np.ndarray]): T tiles (H, W, 3) uint8.
        titles (Sequence[str]): T.

    Returns:
        np.ndarray: The picture, on white. Its sides are even, as video needs.

    Raises:
        ValueError: If there are no tiles or they differ in size.
    """
    shapes = {tile.shape for tile in tiles}
    if len(shapes) != 1:
        raise ValueError(
            f'A row needs tiles of one size, got {sorted(shapes) or "none"}.'
        )
    height, width = shapes.pop()[:2]
    size = max(0.6, np.sqrt(height * width) / 800)
    band, gap = round(40 * size), round(8 * size)
    total = len(tiles) * (width + gap) - gap
    picture = np.full((band + height, total, 3), 255, np.uint8)
    for index, (tile, title) in enumerate(zip(tiles, titles, strict=True)):
        left = index * (width + gap)
        picture[band:, left : left + width] = tile
        _write(picture, title, left, band, width, size)
    odd = [(0, side % 2) for side in picture.shape[:2]]
    return np.pad(picture, (*odd, (0, 0)), constant_values=255)


def _write(
    picture: np.ndarray, title: str, left: int, band: int, width: int, size: float
) -> None:
    """A title in the middle of its column."""
    (needed, _), _ = cv2.getTextSize(title, _FONT, size, 1)
    size *= min(1.0, 0.96 * width / max(needed, 1))
    stroke = max(1, round(1.5 * size))
    (needed, height), _ = cv2.getTextSize(title, _FONT, size, stroke)
    place = left + (width - needed) // 2, (band + height) // 2
    cv2.putText(picture, title, place, _FONT, size, _INK, stroke, cv2.LINE_AA)
