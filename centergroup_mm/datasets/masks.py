# SPDX-License-Identifier: Apache-2.0
"""Binary masks of COCO segmentations."""

from collections.abc import Sequence
from reprlib import repr as short_repr

import numpy as np
from xtcocotools import mask as coco_mask

from ..coco.annotation_checks import are_coordinates
from ..coco.rle import decode_rle

# COCO's tool stores every step along an outline, inside the image or not, and counts
# them in 32 bits: far coordinates take gigabytes, then crash.
_POLYGON_LIMIT = 1e5


def region_mask(
    segmentation: list | dict | None, bbox: Sequence[float], size: tuple[int, int]
) -> np.ndarray:
    """Pixels of one annotated region.

    Args:
        segmentation (list | dict | None): COCO polygons or run lengths. Without a
            usable one the region is its box.
        bbox (Sequence[float]): Box x1, y1, x2, y2 in image pixels.
        size (tuple[int, int]): Image size [w, h].

    Returns:
        np.ndarray: bool (h, w), True inside.

    Raises:
        ValueError: If a segmentation is neither polygons nor run lengths, a polygon is
            broken, or run lengths do not have the image's size.
    """
    width, height = size
    if isinstance(segmentation, dict):
        return decode_rle(segmentation, (height, width))
    polygons = _usable_polygons(segmentation or [])
    if polygons:
        parts = coco_mask.frPyObjects(polygons, height, width)
        return np.any([decode_rle(part) for part in parts], axis=0)
    mask = np.zeros((height, width), dtype=bool)
    x1, y1 = np.maximum(np.floor(bbox[:2]), 0).astype(int)
    x2, y2 = np.maximum(np.ceil(bbox[2:]), 0).astype(int)
    mask[y1:y2, x1:x2] = True
    return mask


def _usable_polygons(segmentation: object) -> list[list[float]]:
    """Polygons that bound an area; COCO's tool crashes on broken ones."""
    if not isinstance(segmentation, list) or not all(
        isinstance(points, list) for points in segmentation
    ):
        raise ValueError(
            'a segmentation that is no list of polygons [x1, y1, x2, y2, ...]'
        )
    for index, points in enumerate(segmentation):
        if len(points) % 2:
            raise ValueError(
                f'a polygon (number {index}) of {len(points)} numbers; expected pairs '
                'x1, y1, x2, y2, ...'
            )
        if not are_coordinates(points, _POLYGON_LIMIT):
            bad = next(v for v in points if not are_coordinates([v], _POLYGON_LIMIT))
            raise ValueError(
                f'a polygon (number {index}) with the value {short_repr(bad)}; '
                f'expected finite numbers in pixels, none beyond {_POLYGON_LIMIT:.0f}'
            )
    # Fewer than three points bound no area, and COCO's tool reads two as a box.
    return [points for points in segmentation if len(points) >= 6]
