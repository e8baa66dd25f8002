# SPDX-License-Identifier: Apache-2.0
"""Pictures of poses side by side: one color per person, captions above and below.

All images are (H, W, 3) uint8 in OpenCV's BGR order.
"""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from ..coco import People

CAPTION_HEIGHT = 26
TITLE_HEIGHT = 30
GAP = 6
BLOCK_GAP = 24
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_COLOR = (40, 40, 40)
_REGION_COLOR = (190, 190, 190)
# Fractions of pixels in cv2's drawing functions.
SUBPIXEL_BITS = 4


def person_color(index: int) -> tuple[int, int, int]:
    """A bright color, far from those of the neighboring indices.

    Hues advance by the golden ratio, which never comes back to a hue that was used.
    """
    hue = index * 0.618034 % 1
    value = (1.0, 0.75)[index // 6 % 2]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.9, value)
    return round(255 * blue), round(255 * green), round(255 * red)


def match_people(people: People, reference: People) -> list[int]:
    """Number people so that the same number, hence color, means the same person.

    Pairs are those with the smallest sum of distances between keypoints that both
    have; whoever is left over gets a number of their own.

    Args:
        people (People): N people.
        reference (People): R people, numbered 0 to R - 1.

    Returns:
        list[int]: Numbers of the N people.
    """
    # Not at the top: drawing needs no scipy.
    from scipy.optimize import linear_sum_assignment

    both = people.labelled[:, None] & reference.labelled[None]
    offsets = people.keypoints[:, None] - reference.keypoints[None]
    distances = np.linalg.norm(offsets, axis=-1) * both
    # Without a common keypoint two people are as far apart as can be.
    far = max(1.0, distances.max(initial=0.0)) * 2
    count = both.sum(-1)
    cost = np.where(count > 0, distances.sum(-1) / np.maximum(count, 1), far)
    rows, columns = linear_sum_assignment(cost)
    numbers = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    free = iter(range(len(reference), len(reference) + len(people)))
    return [numbers[i] if i in numbers else next(free) for i in range(len(people))]


def draw_people(
    image: np.ndarray,
    people: People,
    skeleton: Sequence[tuple[int, int]],
    numbers: Sequence[int] | None = None,
    scale: float = 1.5,
    regions: Sequence[Sequence[float]] = (),
) -> np.ndarray:
    """Resize an image and draw skeletons on it.

    Args:
        image (np.ndarray): (H, W, 3).
        people (People): N people. Rings are occluded keypoints.
        skeleton (Sequence[tuple[int, int]]): Pairs of keypoint types to connect.
        numbers (Sequence[int], optional): Number of each person, see
            :func:`person_color`; defaults to 0 to N - 1.
        scale (float): Enlargement; below 1 the image shrinks. Defaults to 1.5.
        regions (Sequence[Sequence[float]]): Boxes x, y, width, height in image pixels
            to outline in gray.

    Returns:
        np.ndarray: (scale * H, scale * W, 3).
    """
    canvas = resize_smoothly(image, scale).copy()
    for x, y, width, height in regions:
        corners = fixed_point(np.array([(x, y), (x + width, y + height)]), scale)
        for color, thickness in (((0, 0, 0), 4), (_REGION_COLOR, 2)):
            cv2.rectangle(
                canvas, *corners, color, thickness, cv2.LINE_AA, SUBPIXEL_BITS
            )
    numbers = range(len(people)) if numbers is None else numbers
    for person, number in enumerate(numbers):
        places = fixed_point(people.keypoints[person], scale)
        draw_person(
            canvas,
            places,
            people.labelled[person],
            people.visibility[person] == 1,
            skeleton,
            person_color(number),
        )
    return canvas


def resize_smoothly(image: np.ndarray, scale: float) -> np.ndarray:
    """Resize an image (H, W, 3) by a factor; shrinking averages what falls together."""
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)


def fixed_point(points: np.ndarray, scale: float = 1.0) -> list[tuple[int, int]]:
    """Image pixels (N, 2) as cv2's fixed-point places on the enlarged image.

    Points that are nowhere (NaN) or far away, which cv2 cannot draw, come to lie
    somewhere: leave them out.
    """
    enlarged = (np.nan_to_num(points) + 0.5) * scale - 0.5
    places = np.rint(enlarged * 2**SUBPIXEL_BITS).clip(-(2**28), 2**28)
    return [tuple(place) for place in places.astype(int).tolist()]


def draw_person(
    canvas: np.ndarray,
    places: Sequence[tuple[int, int]],
    shown: Sequence[bool],
    occluded: Sequence[bool],
    skeleton: Sequence[tuple[int, int]],
    color: tuple[int, int, int],
    stroke: float = 2.0,
    radius: float | None = None,
) -> None:
    """Draw one person onto a picture.

    Args:
        canvas (np.ndarray): (H, W, 3), changed.
        places (Sequence[tuple[int, int]]): K keypoints in sixteenths of a pixel, see
            :func:`fixed_point`.
        shown (Sequence[bool]): K, False where there is no keypoint to draw.
        occluded (Sequence[bool]): K, True for a ring and not a disc.
        skeleton (Sequence[tuple[int, int]]): Pairs of keypoint types to connect.
        color (tuple[int, int, int]): BGR.
        stroke (float): Width of the limbs in pixels. Defaults to 2.
        radius (float, optional): Of the keypoints; 1.5 strokes without.
    """
    line = dict(lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)
    links = [(a, b) for a, b in skeleton if shown[a] and shown[b]]
    radius = 1.5 * stroke if radius is None else radius
    rim = max(1.0, 0.5 * stroke)
    # A dark rim first, so that limbs stand out from clothes of their color.
    for rim_color, width in (((0, 0, 0), stroke + 2 * rim), (color, stroke)):
        for a, b in links:
            thickness = max(1, round(width))
            cv2.line(canvas, places[a], places[b], rim_color, thickness, **line)
    outer, disc, inner = (
        round(r * 2**SUBPIXEL_BITS) for r in (radius + rim, radius, radius * 7 / 12)
    )
    for place, is_shown, is_occluded in zip(places, shown, occluded, strict=True):
        if is_shown:
            cv2.circle(canvas, place, outer, (0, 0, 0), -1, **line)
            middle = (255, 255, 255) if is_occluded else color
            cv2.circle(canvas, place, disc, color, -1, **line)
            cv2.circle(canvas, place, inner, middle, -1, **line)


def make_grid(
    rows: Sequence[Sequence[np.ndarray]],
    titles: Sequence[str],
    captions: Sequence[str],
    blocks: int = 2,
) -> np.ndarray:
    """Arrange rows of tiles under titles, a caption below each row.

    Args:
        rows (Sequence[Sequence[np.ndarray]]): R rows of T tiles; all tiles (H, W, 3).
        titles (Sequence[str]): T, above the tiles of each block.
        captions (Sequence[str]): R.
        blocks (int): Rows next to each other. Defaults to 2.

    Returns:
        np.ndarray: The picture, on white.

    Raises:
        ValueError: If there are no rows or the tiles differ in size.
    """
    shapes = {tile.shape for row in rows for tile in row}
    if len(shapes) != 1:
        raise ValueError(
            f'A grid needs tiles of one size, got {sorted(shapes) or "none"}.'
        )
    height, width = shapes.pop()[:2]
    step_x = len(titles) * (width + GAP) - GAP + BLOCK_GAP
    step_y = height + CAPTION_HEIGHT + GAP
    lines = -(-len(rows) // blocks)
    picture_size = (TITLE_HEIGHT + lines * step_y, blocks * step_x - BLOCK_GAP, 3)
    picture = np.full(picture_size, 255, dtype=np.uint8)
    for block in range(min(blocks, len(rows))):
        for column, title in enumerate(titles):
            left = block * step_x + column * (width + GAP)
            _write(picture, title, (left, TITLE_HEIGHT - 10), 0.6)
    for index, (row, caption) in enumerate(zip(rows, captions, strict=True)):
        left = index % blocks * step_x
        top = TITLE_HEIGHT + index // blocks * step_y
        for column, tile in enumerate(row):
            x = left + column * (width + GAP)
            picture[top : top + height, x : x + width] = tile
        _write(picture, caption, (left, top + height + 19), 0.6)
    return picture


def _write(picture: np.ndarray, text: str, place: tuple[int, int], size: float) -> None:
    cv2.putText(picture, text, place, _FONT, size, _TEXT_COLOR, 1, cv2.LINE_AA)
