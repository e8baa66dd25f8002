# SPDX-License-Identifier: Apache-2.0
"""Images by how crowded, persons by how large."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ..crowd.annotate import crowd_index
from .truth import ImageTruth, Truth

CROWD_LEVELS = ('easy', 'medium', 'hard')
# The CrowdPose paper says 0.1; its evaluation code, and with it every published
# figure, takes 0.2. An image on a border is of the harder level.
CROWD_BORDERS = (0.2, 0.8)

# COCO's, in px^2. A person on a border is of the larger level.
SIZE_BORDERS = (32.0**2, 96.0**2)


def with_crowd_indices(truth: Truth) -> Truth:
    """Annotations with a ``crowdIndex`` for every image, measured where none is given.

    Measured by CrowdPose's definition: the mean over persons of how many keypoints of
    others lie in the person's box, per keypoint of its own, 1 at most.
    """
    images = {
        image_id: image
        if image.crowd_index is not None
        else replace(image, crowd_index=_measure_crowd_index(image))
        for image_id, image in truth.images.items()
    }
    return replace(truth, images=images)


def _measure_crowd_index(image: ImageTruth) -> float:
    triplets = np.dstack([image.keypoints, image.visibility])
    return crowd_index(
        [
            dict(num_keypoints=1, keypoints=person, bbox=box)
            for person, box in zip(triplets, image.boxes, strict=True)
        ]
    )


def crowd_level(image: ImageTruth, borders: tuple[float, float] = CROWD_BORDERS) -> str:
    """'easy', 'medium' or 'hard' by CrowdPose's ``crowdIndex``.

    Raises:
        ValueError: If the image has none.
    """
    if image.crowd_index is None:
        raise ValueError(
            f'image {image.image_id} ({image.file_name}) has no "crowdIndex"; levels '
            'of crowding need annotations in the format of CrowdPose.'
        )
    return CROWD_LEVELS[int(np.searchsorted(borders, image.crowd_index, side='right'))]


def image_ids_by_crowd_level(
    truth: Truth, borders: tuple[float, float] = CROWD_BORDERS
) -> dict[str, list[int]]:
    """Image ids of each level, which may be none.

    Raises:
        ValueError: If an image has no ``crowdIndex``.
    """
    groups = {level: [] for level in CROWD_LEVELS}
    for image in truth.images.values():
        groups[crowd_level(image, borders)].append(image.image_id)
    return groups


def area_quantiles(images: Iterable[ImageTruth], parts: int) -> tuple[float, ...]:
    """Borders in px^2 that split all persons into parts of about equal number.

    Args:
        images (Iterable[ImageTruth]): The images.
        parts (int): Number of parts, at least 1.

    Returns:
        tuple[float, ...]: ``parts - 1`` rising borders; none if there is no person.
    """
    areas = np.concatenate([np.zeros(0), *(image.areas for image in images)])
    shares = np.linspace(0, 1, parts + 1)[1:-1]
    return tuple(np.quantile(areas, shares).tolist()) if len(areas) else ()


def area_levels(areas: np.ndarray, borders: Sequence[float]) -> np.ndarray:
    """Which part each area is in, 0 to ``len(borders)``; borders go to the larger."""
    return np.searchsorted(borders, areas, side='right')
