# SPDX-License-Identifier: Apache-2.0
"""People to draw, from annotation files and from MMPose's predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..coco.annotation_checks import AnnotationChecker
from ..coco.annotations import group_by_image, read_annotation_file
from ..coco.ignored_people import ignored_in_evaluation
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
    name = str(annotation_file)
    content = read_annotation_file(name)
    categories = [c for c in content.get('categories', []) if c.get('keypoints')]
    if len(categories) != 1:
        raise ValueError(
            f'{name} has {len(categories)} categories with "keypoints"; expected one.'
        )
    category = categories[0]
    num_keypoints = len(category['keypoints'])
    annotations = [
        annotation
        for annotation in content.get('annotations', [])
        if annotation.get('category_id') == category['id']
    ]
    checker = AnnotationChecker(
        name, num_keypoints, category['id'], need_keypoints=False
    )
    checker.check(content['images'], annotations)
    groups = group_by_image(annotations)
    skeleton = [(a - 1, b - 1) for a, b in category.get('skeleton', [])]
    images = []
    for image in content['images']:
        if 'crowdIndex' not in image:
            raise ValueError(
                f'{name}: image {image["id"]} has no "crowdIndex"; expected a file in '
                'the format of CrowdPose or of tools/make_crowd.py.'
            )
        persons, regions = [], []
        for annotation in groups[image['id']]:
            if ignored_in_evaluation(annotation) is None:
                persons.append(annotation['keypoints'])
            else:
                regions.append(annotation['bbox'])
        people = annotated_people(persons, num_keypoints)
        images.append(
            AnnotatedImage(
                image['file_name'], image['crowdIndex'], people, regions, skeleton
            )
        )
    images.sort(key=lambda image: (-image.crowd_index, -len(image.people)))
    return images[:count]


def annotated_people(
    keypoints: Sequence[Sequence[float]], num_keypoints: int
) -> DrawnPeople:
    """People from COCO's flat lists x, y, v of K keypoints."""
    triplets = np.array(keypoints, dtype=float).reshape(-1, num_keypoints, 3)
    visibility = triplets[..., 2]
    return DrawnPeople(triplets[..., :2], visibility > 0, visibility == 1)


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
