# SPDX-License-Identifier: Apache-2.0
"""Images by how crowded, persons by how large."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .truth import ImageTruth, Truth, load_truth

CROWD_LEVELS = ('easy', 'medium', 'hard')
# The CrowdPose paper says 0.1; its evaluation code, and with it every published
# figure, takes 0.2. An image on a border is of the harder level.
CROWD_BORDERS = (0.2, 0.8)

# COCO's, in px^2. A person on a border is of the larger level.
SIZE_BORDERS = (32.0**2, 96.0**2)


def crowd_index(annotations: Sequence[dict]) -> float:
    """CrowdPose's crowd index of an image, 0 (people apart) to 1.

    The mean over persons of the number of other persons' labeled keypoints in the
    person's box over the number of its own, each ratio capped at 1.

    Args:
        annotations (Sequence[dict]): Of one image, in COCO's format.

    Returns:
        float: Rounded to four decimals; 0 for an image without labeled persons.
    """
    persons = [a for a in annotations if a['num_keypoints'] > 0]
    if not persons:
        return 0.0
    points = [np.reshape(a['keypoints'], (-1, 3)) for a in persons]
    points = [p[p[:, 2] > 0, :2] for p in points]
    ratios = []
    for i, person in enumerate(persons):
        x, y, w, h = person['bbox']
        others = np.concatenate(
            [p for j, p in enumerate(points) if j != i] or [points[i][:0]]
        )
        inside = ((others >= (x, y)) & (others <= (x + w, y + h))).all(axis=1)
        ratios.append(min(inside.sum() / len(points[i]), 1.0))
    return round(float(np.mean(ratios)), 4)


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
    groups: dict[str, list[int]] = {level: [] for level in CROWD_LEVELS}
    for image in truth.images.values():
        groups[crowd_level(image, borders)].append(image.image_id)
    return groups


def area_levels(areas: np.ndarray, borders: Sequence[float]) -> np.ndarray:
    """Which part each area is in, 0 to ``len(borders)``; borders go to the larger."""
    return np.searchsorted(borders, areas, side='right')


def most_crowded(ann_file: str | Path, count: int) -> Truth:
    """The images of highest ``crowdIndex``, the most crowded first.

    Equally crowded ones are ordered by their number of annotated people, then by their
    place in the file.

    Args:
        ann_file (str | Path): COCO format with ``crowdIndex`` on every image.
        count (int): How many, all at most.

    Returns:
        Truth: The file's, with these images and no others.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an image has no ``crowdIndex``, or the file is broken.
    """
    truth = load_truth(ann_file, use_area=False, need_keypoints=False)

    def rank(image: ImageTruth) -> tuple[float, int]:
        if image.crowd_index is None:
            raise ValueError(
                f'{truth.ann_file}: image {image.image_id} has no "crowdIndex"; '
                'expected a file in the format of CrowdPose or of tools/make_crowd.py.'
            )
        return -image.crowd_index, -len(image)

    images = sorted(truth.images.values(), key=rank)
    chosen = {image.image_id: image for image in images[:count]}
    annotations = [a for a in truth.annotations if a['image_id'] in chosen]
    return replace(truth, images=chosen, annotations=annotations)
