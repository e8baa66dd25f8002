# SPDX-License-Identifier: Apache-2.0
"""COCO annotation files: reading and checking, before anything is computed of them."""

import json
from collections import defaultdict
from collections.abc import Iterable
from numbers import Real

import numpy as np
from mmengine.fileio import exists, get_local_path


def read_annotation_file(path: str) -> dict:
    """Read a COCO annotation file.

    Args:
        path (str): Path or URL of the file.

    Returns:
        dict: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON or has no list of images.
    """
    if not exists(path):
        raise FileNotFoundError(
            f'Annotation file {path} does not exist. Set data_root and ann_file of the '
            'dataset.'
        )
    with get_local_path(path) as local_path, open(local_path, encoding='utf-8') as file:
        try:
            content = json.load(file)
        except ValueError as error:
            raise ValueError(f'{path} is not a JSON file: {error}') from error
    if not isinstance(content, dict) or not isinstance(content.get('images'), list):
        raise ValueError(
            f'{path} has no list "images". A COCO annotation file is an object with '
            'the lists "images", "annotations" and "categories".'
        )
    return content


def split_categories(content: dict) -> tuple[set[int], set[int]]:
    """Ids of the categories that hold keypoints, and of the others.

    A file that names keypoints for no category is taken to hold persons only.
    """
    categories = content.get('categories', [])
    every = {category['id'] for category in categories}
    persons = {category['id'] for category in categories if category.get('keypoints')}
    return (persons, every - persons) if persons else (every, set())


class AnnotationChecker:
    """Checks images and annotations, naming file, annotation and value.

    Args:
        path (str): Name of the annotation file, for the messages.
        num_keypoints (int): Keypoint types of the dataset's metainfo.
        category (int): The only category that annotations may have.
        need_keypoints (bool): Whether every annotation must list its keypoints, as the
            COCO evaluation wants. Otherwise a person may come without.
    """

    def __init__(
        self, path: str, num_keypoints: int, category: int, need_keypoints: bool
    ) -> None:
        self.path = path
        self.num_keypoints = num_keypoints
        self.category = category
        self.need_keypoints = need_keypoints

    def check(self, images: Iterable[dict], annotations: Iterable[dict]) -> None:
        """Check a whole file.

        Raises:
            ValueError: At the first fault.
        """
        self._check_ids('image', images)
        self._check_ids('annotation', annotations)
        for image in images:
            if not isinstance(image.get('file_name'), str):
                raise self._error(f'image {image["id"]} has no "file_name"')
        for annotation in annotations:
            self._check_category(annotation)
            self._check_box(annotation)
            self._check_keypoints(annotation)

    def _check_ids(self, kind: str, entries: Iterable[dict]) -> None:
        seen = set()
        for index, entry in enumerate(entries):
            identity = entry.get('id')
            if not isinstance(identity, int):
                raise self._error(
                    f'{kind} number {index} has the id {identity!r}; ids must be '
                    'integers, as the COCO evaluation wants them. Number them anew'
                )
            if identity in seen:
                raise self._error(
                    f'{kind} id {identity} occurs twice; ids must be unique. Number '
                    'them anew'
                )
            seen.add(identity)

    def _check_category(self, annotation: dict) -> None:
        category = annotation.get('category_id')
        if category != self.category:
            raise self._error(
                f'annotation {annotation["id"]} has the category_id {category!r}; '
                f'expected {self.category}, the category with keypoints'
            )

    def _check_box(self, annotation: dict) -> None:
        name = f'annotation {annotation["id"]}'
        bbox = annotation.get('bbox')
        if bbox is None:
            raise self._error(
                f'{name} has no "bbox"; every annotation needs its box '
                "[x, y, width, height] in pixels, from which the person's size is taken"
            )
        if not _are_finite(bbox) or len(bbox) != 4 or min(bbox[2:]) < 0:
            raise self._error(
                f'{name} has the bbox {bbox}; expected four finite numbers '
                '[x, y, width, height] in pixels, width and height not negative'
            )

    def _check_keypoints(self, annotation: dict) -> None:
        name = f'annotation {annotation["id"]}'
        keypoints = annotation.get('keypoints')
        if keypoints is None:
            if self.need_keypoints:
                raise self._error(
                    f'{name} has no "keypoints", which the COCO evaluation reads; for '
                    f'an unannotated person give {3 * self.num_keypoints} zeros'
                )
            return
        found = len(keypoints) if isinstance(keypoints, list) else keypoints
        if found != 3 * self.num_keypoints:
            raise self._error(
                f'{name} has {found} keypoint numbers; expected '
                f'{3 * self.num_keypoints}: x, y and visibility of each of the '
                f'{self.num_keypoints} keypoints in the metainfo. Give the dataset the '
                'metainfo of its annotations: metainfo=dict(from_file=...)'
            )
        if not _are_finite(keypoints):
            bad = next(value for value in keypoints if not _are_finite([value]))
            raise self._error(
                f'{name} has the keypoint value {bad!r}; expected finite numbers x, y '
                'in pixels and a visibility of 0, 1 or 2'
            )

    def _error(self, fault: str) -> ValueError:
        return ValueError(f'{self.path}: {fault}.')


def _are_finite(values: object) -> bool:
    """Whether it is a list of finite real numbers."""
    return (
        isinstance(values, list)
        and all(isinstance(value, Real) for value in values)
        and bool(np.isfinite(values).all())
    )


def group_by_image(annotations: Iterable[dict]) -> dict[int, list[dict]]:
    """Annotations of each image id, in the file's order."""
    groups = defaultdict(list)
    for annotation in annotations:
        groups[annotation['image_id']].append(annotation)
    return groups
