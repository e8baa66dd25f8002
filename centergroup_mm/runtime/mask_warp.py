# SPDX-License-Identifier: Apache-2.0
"""Binary masks through an affine warp, by arithmetic.

A warped mask is kept where the bilinear warp with a zero border is at least one half.
Exact halves are frequent along the border of an image, so it matters how source
coordinates are rounded: here as OpenCV 4 does, by which published results were
computed, to 1/32 pixel. Other versions of OpenCV round otherwise.
"""

from collections.abc import Callable, Sequence

import numpy as np

# Bits behind the point: of the terms of a source coordinate, and of their sum.
_TERM_BITS, _BITS = 10, 5
_PIXEL = 1 << _BITS
_HALF = _PIXEL**2 // 2
# Rows at a time: so few stay in a processor's cache.
_ROWS = 64


def warp_area(
    image_size: tuple[int, int],
    warp_mat: np.ndarray,
    input_size: tuple[int, int],
    downscales: Sequence[int],
    flip: bool = False,
) -> list[np.ndarray]:
    """Where the image lies in the input, at several resolutions.

    Args:
        image_size (tuple[int, int]): Image size [w, h].
        warp_mat (np.ndarray): (2, 3) from image to full-resolution input pixels.
        input_size (tuple[int, int]): Input size [w, h].
        downscales (Sequence[int]): Input pixels per mask pixel of each mask; the image
            is warped straight to each resolution.
        flip (bool): Whether the input is mirrored after the warp.

    Returns:
        list[np.ndarray]: bool (1, h / downscale, w / downscale).
    """
    width, height = image_size

    def is_covered(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return _weight_inside(x, width) * _weight_inside(y, height) >= _HALF

    return _warp(is_covered, warp_mat, input_size, downscales, flip)


def warp_masks(
    mask: np.ndarray,
    warp_mat: np.ndarray,
    input_size: tuple[int, int],
    downscales: Sequence[int],
    flip: bool = False,
) -> list[np.ndarray]:
    """Warp an image mask to several resolutions; as :func:`warp_area` where it is True.

    Args:
        mask (np.ndarray): bool (H, W) in the original image, True where kept.
        warp_mat, input_size, downscales, flip: As for :func:`warp_area`.

    Returns:
        list[np.ndarray]: bool (1, h / downscale, w / downscale).
    """
    height, width = mask.shape
    # Two pixels of zeros around: whatever lies farther out reads there.
    padded = np.pad(mask.astype(np.uint8), 2)
    # Of each pixel, the one to its right and the two below, how many are kept.
    counts = padded.copy()
    counts[:, :-1] += padded[:, 1:]
    counts[:-1] += counts[1:]

    def is_covered(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        column = np.clip(x >> _BITS, -2, width) + 2
        row = np.clip(y >> _BITS, -2, height) + 2
        count = counts.ravel()[row * counts.shape[1] + column]
        covered = count == 4
        # Only where the four differ is there anything to blend.
        mixed = np.nonzero((count > 0) & ~covered)
        row, column, x, y = (
            np.broadcast_to(index, count.shape)[mixed] for index in (row, column, x, y)
        )
        x, y = x & (_PIXEL - 1), y & (_PIXEL - 1)
        above, below = (
            (_PIXEL - x) * padded[line, column] + x * padded[line, column + 1]
            for line in (row, row + 1)
        )
        covered[mixed] = (_PIXEL - y) * above + y * below >= _HALF
        return covered

    return _warp(is_covered, warp_mat, input_size, downscales, flip)


def _warp(
    is_covered: Callable[[np.ndarray, np.ndarray], np.ndarray],
    warp_mat: np.ndarray,
    input_size: tuple[int, int],
    downscales: Sequence[int],
    flip: bool,
) -> list[np.ndarray]:
    """Masks of the pixels whose source coordinates are covered.

    Args:
        is_covered (Callable): Takes x and y in 1/32 image pixel, int32, broadcast to a
            few rows of a mask.
        warp_mat, input_size, downscales, flip: As for :func:`warp_area`.
    """
    masks = []
    for downscale in downscales:
        width, height = (int(side) // downscale for side in input_size)
        terms = _source_terms(warp_mat / downscale, (width, height))
        mask = np.empty((1, height, width), dtype=bool)
        for start in range(0, height, _ROWS):
            part = slice(start, start + _ROWS)
            x, y = (
                (_once(of_rows[part])[:, None] + _once(of_columns))
                >> (_TERM_BITS - _BITS)
                for of_columns, of_rows in terms
            )
            mask[0, part] = is_covered(x, y)
        masks.append(np.ascontiguousarray(mask[..., ::-1]) if flip else mask)
    return masks


def _source_terms(
    warp_mat: np.ndarray, size: tuple[int, int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Image coordinates of all pixels [w, h] of a warped image, as sums.

    Returns:
        list[tuple[np.ndarray, np.ndarray]]: For x and for y the terms of the columns
        (w,) and of the rows (h,), int32 in 1/1024 pixel, each rounded by itself. Half a
        part of what is kept of their sum is added.
    """
    (a, b, c), (d, e, f) = np.asarray(warp_mat, np.float64)
    scale = 1 / (a * e - b * d)
    a, b, d, e = e * scale, -b * scale, -d * scale, a * scale
    columns, rows = (np.arange(side, dtype=np.float64) for side in size)
    half = 1 << (_TERM_BITS - _BITS - 1)
    return [
        (
            _round(of_column * columns),
            _round(of_row * rows + shift) + half,
        )
        for of_column, of_row, shift in (
            (a, b, -a * c - b * f),
            (d, e, -d * c - e * f),
        )
    ]


def _round(terms: np.ndarray) -> np.ndarray:
    return np.rint(terms * (1 << _TERM_BITS)).astype(np.int32)


def _once(terms: np.ndarray) -> np.ndarray:
    """Only the first of terms that are all equal, as they are without a rotation."""
    return terms[:1] if (terms == terms[0]).all() else terms


def _weight_inside(coordinate: np.ndarray, side: int) -> np.ndarray:
    """How much of the two pixels around a coordinate lies in 0 to side - 1, in 1/32."""
    weight = np.minimum(coordinate + _PIXEL, _PIXEL * side - coordinate)
    np.minimum(weight, _PIXEL, out=weight)
    return np.maximum(weight, 0, out=weight)
