# SPDX-License-Identifier: Apache-2.0
"""Drawing at twice the image's resolution, then reducing it."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from .figure import CIRCLE, Figure, Shape

SUPERSAMPLING = 2
_SHIFT = 4  # fractional bits of OpenCV's polygon corners

# Image px, whose corner is the origin, to OpenCV's, where it is a pixel's center.
_FIXED, _HALF = SUPERSAMPLING << _SHIFT, 0.5 * (1 << _SHIFT)

# From the rim inwards: radius factor, shift towards the light, brightness.
_TONES = np.array([(1.0, 0.0, 0.74), (0.8, 0.14, 0.94), (0.6, 0.26, 1.1)])


@dataclass(frozen=True)
class Light:
    """A scene's light.

    Attributes:
        towards (np.ndarray): (2,) unit vector in the image towards the light.
        contrast (float): 0 (flat) to 1, of the tones on a body.
        ink (float): Brightness of outlines, 0 (black) to 1.
        outline (float): Width of outlines, px.
        gradient (np.ndarray): (2,) relative change of brightness across width and
            height.
        exposure (np.ndarray): (3,) factor per color channel.
        noise (float): Standard deviation of the sensor's noise, gray levels.
        blur (float): Standard deviation of the lens' blur, px; 0 for none.
    """

    towards: np.ndarray
    contrast: float
    ink: float
    outline: float
    gradient: np.ndarray
    exposure: np.ndarray
    noise: float
    blur: float

    @cached_property
    def strokes(self):
        """The strokes that shade a body, the rim first.

        Returns:
            Outlines of a disc (4, V, 2) in its radius, px to add to them
            (4, V, 2), and the brightness (4, 1).
        """
        factors, shifts, tones = np.vstack([(1.0, 0.0, 0.0), _TONES]).T
        gains = 1 + self.contrast * (tones - 1)
        gains[0] = self.ink
        grow = np.zeros((len(factors), *CIRCLE.shape))
        grow[0] = self.outline * CIRCLE
        discs = factors[:, None, None] * CIRCLE
        return discs + shifts[:, None, None] * self.towards, grow, gains[:, None]


def sample_light(rng: np.random.Generator, size: int) -> Light:
    """Draw a scene's light for an image of `size` px."""
    angle = rng.uniform(0, 2 * np.pi)
    return Light(
        towards=np.array([np.cos(angle), np.sin(angle)]),
        contrast=rng.uniform(0.5, 1.0),
        ink=rng.uniform(0.25, 0.6),
        outline=rng.uniform(0.5, 0.9) * size / 256,
        gradient=rng.uniform(-0.3, 0.3, 2),
        exposure=rng.uniform(0.75, 1.15) * rng.uniform(0.93, 1.07, 3),
        noise=rng.uniform(1, 4),
        blur=rng.uniform(0.3, 0.9) if rng.random() < 0.35 else 0.0,
    )


def fill(canvas: np.ndarray, outline: np.ndarray, color) -> None:
    """Fill a convex outline of (N, 1, 2) or (N, 2) image px on the doubled canvas."""
    fixed = np.rint(outline * _FIXED - _HALF).astype(np.int32)
    cv2.fillConvexPoly(canvas, fixed, color, 8, _SHIFT)


def draw_shapes(canvas: np.ndarray, shapes: list[Shape], light: Light) -> None:
    """Draw shapes as one body: rims first, then each tone over all of them."""
    discs, grow, gains = light.strokes
    strokes = []
    for shape in shapes:
        fixed = shape.points(discs, grow) * _FIXED - _HALF
        hulls = [cv2.convexHull(points) for points in np.rint(fixed).astype(np.int32)]
        strokes.append((hulls, np.minimum(gains * shape.color, 255).tolist()))
    for tone in range(len(gains)):
        for hulls, colors in strokes:
            cv2.fillConvexPoly(canvas, hulls[tone], colors[tone], 8, _SHIFT)


def draw_figure(canvas: np.ndarray, figure: Figure, light: Light) -> None:
    """Draw a person on the doubled canvas, layer by layer."""
    for layer in figure.layers:
        draw_shapes(canvas, layer.shapes, light)
        for shape in layer.details:
            fill(canvas, shape.outline, shape.color)


def draw_silhouette(size: int, figure: Figure) -> np.ndarray:
    """Return a (2 size, 2 size) uint8 mask: 2 on cloth, 1 elsewhere on the body."""
    mask = np.zeros((SUPERSAMPLING * size,) * 2, np.uint8)
    for layer in figure.layers:
        for shape in (*layer.shapes, *layer.details):
            fill(mask, shape.outline, 2 if shape.cloth else 1)
    return mask


def cloth(rng: np.random.Generator, side: int, pattern: int) -> np.ndarray:
    """Return a (side, side, 3) uint8 map of folds and weave; 128 leaves a pixel."""
    folds = smooth_noise(rng, side, 9) * 16
    if pattern == 1:
        folds += _stripes(rng, side) * 22
    elif pattern == 2:
        folds += _stripes(rng, side) * 14 + _stripes(rng, side) * 14
    elif pattern == 3:
        folds += smooth_noise(rng, side, 60) * 26
    return cv2.merge([np.clip(folds + 128, 0, 255).astype(np.uint8)] * 3)


def _stripes(rng, side):
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, 16)
    ramp = np.arange(side, dtype=np.float32) * (2 * np.pi / period)
    wave = np.sin(ramp * np.cos(angle) + ramp[:, None] * np.sin(angle))
    return np.sign(wave)


def smooth_noise(rng: np.random.Generator, side: int, cells: int) -> np.ndarray:
    """Return (side, side) float32 noise of unit variance at its `cells` nodes."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    return cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)


def weave(canvas: np.ndarray, silhouette: np.ndarray, texture: np.ndarray) -> None:
    """Multiply the canvas by a texture (128 = 1) where the silhouette is cloth."""
    x, y, w, h = cv2.boundingRect(silhouette)
    window = slice(y, y + h), slice(x, x + w)
    mask = (silhouette[window] == 2).astype(np.uint8)
    if mask.any():
        woven = cv2.multiply(canvas[window], texture[:h, :w], scale=1 / 128)
        cv2.copyTo(woven, mask, canvas[window])


def develop(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> np.ndarray:
    """Reduce the doubled canvas to the image and apply light, blur and noise."""
    size = canvas.shape[0] // SUPERSAMPLING
    image = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    ramp = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    gain = 1 + light.gradient[0] * ramp + light.gradient[1] * ramp[:, None]
    picture = image * gain[..., None].astype(np.float32)
    picture *= light.exposure.astype(np.float32)
    if light.blur:
        picture = cv2.GaussianBlur(picture, (5, 5), light.blur)
    picture += light.noise * rng.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)
