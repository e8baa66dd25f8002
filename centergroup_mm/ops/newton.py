# SPDX-License-Identifier: Apache-2.0
"""Sub-pixel places of heatmap peaks by a Newton step (DARK, arXiv 1910.06278).

The logarithm of a Gaussian is a parabola, whose top a single Newton step reaches from
anywhere. Predicted peaks are close to Gaussians once they are blurred.
"""

import math

import torch
from torch import Tensor

from .sampling import read_pixels

# Blurred heatmaps below this have no logarithm worth asking for.
MIN_VALUE = 1e-10
# A peak whose logarithm bends less is wider than any: what bends is rounding.
MIN_BEND = 1e-4


def peak_offsets(heatmaps: Tensor, coords: Tensor, sigma: float) -> Tensor:
    """From a heatmap's pixel to the top of the peak around it.

    Only a window around each pixel is read and blurred; its size depends on ``sigma``
    alone, so that the step can be exported.

    Args:
        heatmaps (Tensor): (B, K, h, w).
        coords (Tensor): int64 (B, P, K, 2), (x, y) in pixels of the maps.
        sigma (float): Standard deviation of the blur in pixels.

    Returns:
        Tensor: (B, P, K, 2), dtype of the maps. At most ``sigma`` along each axis; 0
        where the blurred map has no maximum nearby.
    """
    logs = _blurred_neighbors(heatmaps, coords, sigma).clamp(min=MIN_VALUE).log()
    (upper_left, upper, upper_right), middle, (lower_left, lower, lower_right) = (
        row.unbind(-1) for row in logs.unbind(-2)
    )
    left, center, right = middle
    slope_x, slope_y = (right - left) / 2, (lower - upper) / 2
    bend_x, bend_y = left + right - 2 * center, upper + lower - 2 * center
    twist = (upper_left + lower_right - upper_right - lower_left) / 4
    determinant = bend_x * bend_y - twist.square()
    step = torch.stack(
        (twist * slope_y - bend_y * slope_x, twist * slope_x - bend_x * slope_y), -1
    )
    # The map bends down in every direction: both eigenvalues are below -MIN_BEND.
    spare_x, spare_y = bend_x + MIN_BEND, bend_y + MIN_BEND
    is_peak = (spare_x < 0) & (spare_x * spare_y > twist.square())
    is_peak = is_peak[..., None]
    # A choice before the division too: nothing is ever divided by zero.
    determinant = torch.where(is_peak, determinant[..., None], 1)
    step = (step / determinant).clamp(-sigma, sigma)
    return torch.where(is_peak, step, 0)


def _blurred_neighbors(heatmaps: Tensor, coords: Tensor, sigma: float) -> Tensor:
    """The 3 x 3 pixels around each place on the blurred map, (B, P, K, 3, 3).

    Beyond the border the map goes on with its outermost pixels.
    """
    radius = math.ceil(3 * sigma)
    reach = torch.arange(-radius - 1, radius + 2, device=heatmaps.device)
    x, y = coords.transpose(1, 2)[..., None, None].unbind(-3)
    x, y = x + reach, y + reach[:, None]
    side = len(reach)
    shape = (*coords.transpose(1, 2).shape[:3], side, side)
    window = read_pixels(
        heatmaps, x.expand(shape).flatten(2), y.expand(shape).flatten(2)
    ).view(shape)
    # Row i weighs the window for a neighbor shifted by i - 1 pixels.
    shift = torch.arange(-1, 2, device=heatmaps.device)[:, None]
    distance = (reach - shift).to(heatmaps.dtype)
    weight = torch.where(
        distance.abs() <= radius, (-distance.square() / (2 * sigma**2)).exp(), 0
    )
    weight = weight / weight.sum(1, keepdim=True)
    return (weight @ window @ weight.t()).transpose(1, 2)
