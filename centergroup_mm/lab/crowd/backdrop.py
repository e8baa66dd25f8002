# SPDX-License-Identifier: Apache-2.0
"""What stands behind the people: ground, sky, clutter and things like limbs."""

from itertools import pairwise

import cv2
import numpy as np

from .figure import Shape
from .outfit import Color
from .render import SUPERSAMPLING, Light, draw_shapes, fill, smooth_noise


def draw_backdrop(
    rng: np.random.Generator,
    size: int,
    horizon: float,
    light: Light,
    colors: list[Color],
) -> np.ndarray:
    """Return a (2 size, 2 size, 3) uint8 canvas without people.

    Args:
        rng (np.random.Generator): Source of randomness.
        size (int): Side of the image, px.
        horizon (float): Height of the line between wall and ground, px from the top.
        light (Light): The scene's light.
        colors (list[Color]): The people's colors, which the clutter shares.
    """
    horizon = float(np.clip(horizon, 0.05 * size, 0.9 * size))
    canvas = _surfaces(rng, size, horizon)
    for _ in range(rng.integers(2, 7)):
        _clutter(canvas, rng, size, horizon, colors)
    for _ in range(rng.integers(0, 3)):
        _limb_like(canvas, rng, size, light, colors)
    return canvas


def _surfaces(rng, size, horizon):
    """A wall and a ground, each a gradient with its own grain."""
    rows = np.arange(size, dtype=np.float32)
    picture = np.empty((size, size, 3), np.float32)
    for part in (rows < horizon, rows >= horizon):
        count = int(part.sum())
        base, end = rng.uniform(50, 215), rng.uniform(-45, 45)
        tint = rng.normal(0, 16, (2, 3))
        t = np.linspace(0, 1, count, dtype=np.float32)[:, None]
        picture[part] = (base + tint[0] + t * (end + tint[1]))[:, None, :]
    grain = sum(
        rng.uniform(2, amplitude) * smooth_noise(rng, size, cells)
        for cells, amplitude in ((4, 14), (19, 9), (83, 9))
    )
    picture += grain[..., None]
    side = SUPERSAMPLING * size
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)


def _clutter(canvas, rng, size, horizon, colors):
    """A panel, post, blob or window, more often on the wall."""
    x = rng.uniform(0, size)
    y = rng.uniform(0, horizon) if rng.random() < 0.7 else rng.uniform(horizon, size)
    kind = rng.integers(4)
    color = _dull(rng, colors)
    if kind == 0:
        w, h = rng.uniform(0.04, 0.3, 2) * size
        box = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32)
        fill(canvas, box, color)
        fill(canvas, box * 0.86 + box.mean(0) * 0.14, [0.85 * c for c in color])
    elif kind == 1:
        w, top = rng.uniform(0.008, 0.05) * size, rng.uniform(-0.2, 0.4) * size
        box = np.array([[x, top], [x + w, top], [x + w, y], [x, y]], np.float32)
        fill(canvas, box, color)
        fill(canvas, box + (0.6 * w, 0), [0.75 * c for c in color])
    elif kind == 2:
        ends = np.array([[x, y], [x + rng.normal(0, 0.06) * size, y]])
        blob = Shape(ends, rng.uniform(0.02, 0.08, 2) * size, color)
        fill(canvas, blob.outline, color)
    else:
        corners = np.array([x, y]) + rng.normal(0, 0.1, (3, 2)) * size
        fill(canvas, corners.astype(np.float32), color)


def _limb_like(canvas, rng, size, light, colors):
    """One or two tapering sticks shaded as limbs are."""
    points = [rng.uniform(0, size, 2)]
    heading = rng.uniform(0, 2 * np.pi)
    for _ in range(rng.integers(1, 3)):
        step = (
            rng.uniform(0.07, 0.16)
            * size
            * np.array([np.cos(heading), np.sin(heading)])
        )
        points.append(points[-1] + step)
        heading += rng.normal(0, 0.8)
    radius = rng.uniform(0.008, 0.025) * size
    color = colors[rng.integers(len(colors))]
    shapes = [
        Shape(np.stack(pair), np.array([radius, 0.8 * radius]), color)
        for pair in pairwise(points)
    ]
    draw_shapes(canvas, shapes, light)


def _dull(rng, colors):
    """A color between the people's and gray."""
    color = np.array(colors[rng.integers(len(colors))], float)
    return tuple(color + rng.uniform(0.2, 0.8) * (rng.uniform(60, 190) - color))


def draw_shadow(canvas: np.ndarray, foot: np.ndarray, stature: float) -> None:
    """Darken the ground around a (2,) px standing point."""
    cx, cy = SUPERSAMPLING * foot
    rx, ry = SUPERSAMPLING * stature * np.array([0.2, 0.05])
    x0, x1 = int(max(cx - rx, 0)), int(min(cx + rx, canvas.shape[1]))
    y0, y1 = int(max(cy - ry, 0)), int(min(cy + ry, canvas.shape[0]))
    if x1 <= x0 or y1 <= y0:
        return
    dx = (np.arange(x0, x1, dtype=np.float32) - np.float32(cx)) / np.float32(rx)
    dy = (np.arange(y0, y1, dtype=np.float32) - np.float32(cy)) / np.float32(ry)
    gain = 1 - 0.5 * np.clip(1 - dx**2 - dy[:, None] ** 2, 0, 1)
    window = canvas[y0:y1, x0:x1]
    window[:] = (window * gain[..., None]).astype(np.uint8)
