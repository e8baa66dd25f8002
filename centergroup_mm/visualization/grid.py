# SPDX-License-Identifier: Apache-2.0
"""Pictures of poses side by side: one color per person, captions above and below.

All images are (H, W, 3) uint8 in OpenCV's BGR order.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from ..coco import People
from ..runtime.drawing import SUBPIXEL_BITS, draw_person, fixed_point, person_color

CAPTION_HEIGHT = 26
TITLE_HEIGHT = 30
GAP = 6
BLOCK_GAP = 24
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_COLOR = (40, 40, 40)
_REGION_COLOR = (190, 190, 190)


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

    both = people.labeled[:, None] & reference.labeled[None]
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
            people.labeled[person],
            people.visibility[person] == 1,
            skeleton,
            person_color(number),
        )
    return canvas


def resize_smoothly(image: np.ndarray, scale: float) -> np.ndarray:
    """Resize an image (H, W, 3) by a factor; shrinking averages what falls together."""
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)


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
