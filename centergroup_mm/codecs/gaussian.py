# SPDX-License-Identifier: Apache-2.0
"""Drawing of truncated Gaussians."""

from collections.abc import Sequence

import numpy as np


def gaussian_window(sigma: float, offset: Sequence[float] = (0, 0)) -> np.ndarray:
    """A Gaussian of peak 1, cut off hard beyond its window.

    The cut keeps denormal numbers, which slow a CPU severalfold, out of the targets.

    Args:
        sigma (float): Standard deviation in pixels.
        offset (Sequence[float]): x, y of the peak relative to the middle pixel.

    Returns:
        np.ndarray: float32 (2r + 1, 2r + 1) with r = 3 sigma + 1: 15 x 15 for 2.
    """
    radius = int(3 * sigma + 1)
    steps = np.arange(-radius, radius + 1)
    columns, rows = ((steps - shift) ** 2 for shift in offset)
    distances = rows[:, None] + columns[None, :]
    return np.exp(-distances / (2 * sigma**2)).astype(np.float32)


def draw_gaussians(
    peaks: np.ndarray,
    shown: np.ndarray,
    size: Sequence[int],
    sigma: float,
    offsets: np.ndarray | None = None,
) -> np.ndarray:
    """One map per type with a Gaussian at every peak, the maximum where they overlap.

    Args:
        peaks (np.ndarray): int (N, C, 2) x, y of the peaks, inside the map.
        shown (np.ndarray): bool (N, C), whether to draw a peak.
        size (Sequence[int]): Map size [w, h].
        sigma (float): Standard deviation in pixels of the map.
        offsets (np.ndarray, optional): (N, C, 2) x, y of the true places relative to
            the peaks' pixels. None: there.

    Returns:
        np.ndarray: float32 (C, h, w).
    """
    window = gaussian_window(sigma)
    side = len(window)
    border = side // 2
    width, height = size
    # A margin as wide as the window's radius makes every window a plain slice.
    padded = np.zeros(
        (peaks.shape[1], height + 2 * border, width + 2 * border), dtype=np.float32
    )
    persons, types = np.nonzero(shown)
    for person, channel in zip(persons, types, strict=True):
        x, y = peaks[person, channel]
        if offsets is not None:
            window = gaussian_window(sigma, offsets[person, channel])
        patch = padded[channel, y : y + side, x : x + side]
        np.maximum(patch, window, out=patch)
    inner = padded[:, border : border + height, border : border + width]
    return np.ascontiguousarray(inner)
