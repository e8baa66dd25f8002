# SPDX-License-Identifier: Apache-2.0
"""Binary masks of COCO segmentations."""

from collections.abc import Sequence
from reprlib import repr as short_repr

import numpy as np
from xtcocotools import mask as coco_mask

from .annotation_checks import are_coordinates

# COCO's text form of run lengths: six-bit characters from '0' on, of which five bits
# are payload and one says that more follow.
_FIRST_CHARACTER = 48
_PAYLOAD, _MORE, _SIGN = 0x1F, 0x20, 0x10

# COCO's tool stores every step along an outline, inside the image or not, and counts
# them in 32 bits: far coordinates take gigabytes, then crash.
_POLYGON_LIMIT = 1e5


def decode_rle(rle: dict, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Decode a COCO run-length mask, compressed or not.

    Args:
        rle (dict): ``size`` [h, w] and ``counts``, a list of run lengths (column by
            column, zeros first) or their text form.
        shape (tuple[int, int], optional): Size (h, w) that it must have, which bounds
            the memory that it takes.

    Returns:
        np.ndarray: bool (h, w).

    Raises:
        ValueError: If a key is missing, a value of another type, the size another than
            ``shape``, or the runs do not fill it.
    """
    if not {'size', 'counts'} <= rle.keys():
        raise ValueError(
            f'a segmentation with the keys {sorted(rle)}; run lengths have "size" and '
            '"counts"'
        )
    size, counts = rle['size'], rle['counts']
    if not _are_integers(size) or len(size) != 2 or min(size) < 0:
        raise ValueError(
            f'a run-length mask of the size {short_repr(size)}; expected two integers '
            '[height, width] in pixels'
        )
    height, width = size
    if shape is not None and (height, width) != shape:
        raise ValueError(
            f'a run-length mask of {height} x {width} pixels for an image of '
            f'{shape[0]} x {shape[1]} (height x width)'
        )
    if isinstance(counts, str | bytes):
        counts = _read_counts(counts.encode() if isinstance(counts, str) else counts)
    elif not _are_integers(counts):
        raise ValueError(
            f'the run lengths {short_repr(counts)}; expected a list of integers, or '
            'their text form'
        )
    if any(count < 0 for count in counts) or sum(counts) != height * width:
        raise ValueError(
            f'run lengths that sum to {sum(counts)} for a mask of {height} x {width} = '
            f'{height * width} pixels'
        )
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def _are_integers(values: object) -> bool:
    return isinstance(values, list | tuple) and all(
        isinstance(value, int) and not isinstance(value, bool) for value in values
    )


def _read_counts(text: bytes) -> list[int]:
    """Run lengths from COCO's text form."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = character - _FIRST_CHARACTER
        value |= (bits & _PAYLOAD) << shift
        shift += 5
        if bits & _MORE:
            continue
        if bits & _SIGN:
            value -= 1 << shift
        # From the fourth on, a run is stored as its difference to the last but one.
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts


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
