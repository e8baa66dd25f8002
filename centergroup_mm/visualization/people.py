# SPDX-License-Identifier: Apache-2.0
"""People to draw, from annotation files and from MMPose's predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..coco import load_truth
from .grid import DrawnPeople


@dataclass(frozen=True)
class AnnotatedImage:
    """One image of a COCO-format annotation file.

    Attributes:
        file_name (str): As in the file.
        crowd_index (float): CrowdPose's measure, 0 (apart) to 1.
        people (DrawnPeople): Annotated people; occluded keypoints have v = 1.
        regions (list[list[float]]): Boxes x, y, width, height in image pixels of
            crowds and of people without keypoints.
        skeleton (list[tuple[int, int]]): Keypoint types to connect, from 0.
    """

    file_name: str
    crowd_index: float
    people: DrawnPeople
    regions: list[list[float]]
    skeleton: list[tuple[int, int]]


def most_crowded(annotation_file: str | Path, count: int) -> list[AnnotatedImage]:
    """The images of highest ``crowdIndex``, the most crowded first.

    Equally crowded ones are ordered by their number of annotated people, then by their
    place in the file.

    Args:
        annotation_file (str | Path): COCO format with ``crowdIndex`` on every image.
        count (int): How many, all at most.

    Returns:
        list[AnnotatedImage]: ``count`` images.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an image has no ``crowdIndex``, or the file is broken.
    """
    truth = load_truth(annotation_file, use_area=False, need_keypoints=False)
    images = []
    for image in truth.images.values():
        if image.crowd_index is None:
            raise ValueError(
                f'{truth.ann_file}: image {image.image_id} has no "crowdIndex"; '
                'expected a file in the format of CrowdPose or of tools/make_crowd.py.'
            )
        people = DrawnPeople(image.keypoints, image.labelled, image.visibility == 1)
        images.append(
            AnnotatedImage(
                image.file_name,
                image.crowd_index,
                people,
                image.region_boxes.tolist(),
                truth.skeleton,
            )
        )
    images.sort(key=lambda image: (-image.crowd_index, -len(image.people)))
    return images[:count]


def predicted_people(
    predictions: Sequence[dict], num_keypoints: int, keypoint_thr: float = 0.5
) -> DrawnPeople:
    """People from the predictions of MMPose's inferencers for one image.

    Args:
        predictions (Sequence[dict]): One dict per person, with ``keypoints`` (K, 2) in
            image pixels and ``keypoint_scores`` (K,).
        num_keypoints (int): K.
        keypoint_thr (float): Keypoints scoring less are not drawn. Defaults to 0.5.

    Returns:
        DrawnPeople: The people; none is occluded, for the model does not say.
    """
    keypoints = np.array([person['keypoints'] for person in predictions], dtype=float)
    scores = np.array([person['keypoint_scores'] for person in predictions])
    shown = scores.reshape(-1, num_keypoints) >= keypoint_thr
    return DrawnPeople(
        keypoints.reshape(-1, num_keypoints, 2), shown, np.zeros_like(shown)
    )
