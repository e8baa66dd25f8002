# SPDX-License-Identifier: Apache-2.0
"""Where in the network's input the image lies, from numbers alone."""

import torch
from torch import Tensor

# OpenCV's warp rounds coordinates to these shares of a pixel, first the terms of a
# sum, then the sum.
TERM_STEPS, STEPS = 1024, 32


def image_mask(
    image_size: tuple[int, int],
    origin: tuple[float, float],
    ratio: tuple[float, float],
    input_size: tuple[int, int],
    stride: int,
    device: torch.device | str | None = None,
) -> Tensor:
    """Mask of an upright image, as a bilinear warp of ones would give it.

    A pixel of the mask is inside where half of its value at least comes from the image
    (SPEC 3). Nothing is copied to the device.

    Args:
        image_size (tuple[int, int]): [w, h] of the image.
        origin (tuple[float, float]): (x, y) of the input's pixel (0, 0) in image
            pixels.
        ratio (tuple[float, float]): Image pixels per input pixel, along x and y.
        input_size (tuple[int, int]): [w, h] of the input.
        stride (int): Input pixels per pixel of the mask.
        device (torch.device | str, optional): Of the mask.

    Returns:
        Tensor: bool (h / stride, w / stride).
    """
    columns, rows = (
        _image_share(length, start, step * stride, size // stride, device)
        for length, start, step, size in zip(
            image_size, origin, ratio, input_size, strict=True
        )
    )
    return rows[:, None] * columns >= 0.5


def _image_share(
    length: int, start: float, step: float, count: int, device: torch.device | str
) -> Tensor:
    """Weight of the image in each of ``count`` pixels along one axis."""
    pixels = torch.arange(count, dtype=torch.float64, device=device)
    terms = (pixels * (step * TERM_STEPS)).round() + round(start * TERM_STEPS)
    places = (terms * (STEPS / TERM_STEPS) + 0.5).floor() / STEPS
    return (1 + torch.minimum(places, length - 1 - places)).clamp(0, 1)
