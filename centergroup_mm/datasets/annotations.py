# SPDX-License-Identifier: Apache-2.0
"""COCO annotation files: reading and checking, before anything is computed of them."""

import json
from collections import defaultdict
from collections.abc import Iterable
from math import inf
from reprlib import repr as short_repr

from mmengine.fileio import exists, get_local_path

# No image is nearly as large: a coordinate in pixels beyond it is a mistake.
COORDINATE_LIMIT = 1e7

_LISTS = {'image': 'images', 'annotation': 'annotations', 'category': 'categories'}


def read_annotation_file(path: str) -> dict:
    """Read a COCO annotation file.

    Args:
        path (str): Path or URL of the file.

    Returns:
        dict: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON, has no list of images, or its lists hold
            something else than objects with usable ids.
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
    for kind, name in _LISTS.items():
        _check_entries(path, kind, content.get(name, []))
    return content


def _check_entries(path: str, kind: str, entries: object) -> None:
    """Check what must hold before one can look for entries by their ids."""
    if not isinstance(entries, list):
        raise ValueError(
            f'{path}: "{_LISTS[kind]}" is {short_repr(entries)}; expected a list of '
            'objects.'
        )
    for index, entry in enumerate(entries):
        name = f'{path}: {kind} number {index}'
        if not isinstance(entry, dict):
            raise ValueError(
                f'{name} is {short_repr(entry)}; expected an object with an "id". '
                f'Correct the list "{_LISTS[kind]}".'
            )
        if kind == 'category' and not isinstance(entry.get('id'), int):
            raise ValueError(
                f'{name} ({short_repr(entry.get("name"))}) has the id '
                f'{short_repr(entry.get("id"))}; expected an integer, to which '
                'annotations refer by their "category_id".'
            )
        for key in ('id', 'image_id', 'category_id'):
            if isinstance(entry.get(key), list | dict):
                raise ValueError(
                    f'{name} (id {short_repr(entry.get("id"))}) has the {key} '
                    f'{short_repr(entry[key])}; expected one integer.'
                )


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
        need_area (bool): Whether every annotation must have its area, ignored ones
            too, as the COCO evaluation wants with ``use_area``. Otherwise it is not
            looked at. Defaults to False.
    """

    def __init__(
        self,
        path: str,
        num_keypoints: int,
        category: int,
        need_keypoints: bool,
        need_area: bool = False,
    ) -> None:
        self.path = path
        self.num_keypoints = num_keypoints
        self.category = category
        self.need_keypoints = need_keypoints
        self.need_area = need_area

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
            self._check_crowd(annotation)
            self._check_box(annotation)
            self._check_keypoints(annotation)
            if self.need_area:
                self._check_area(annotation)

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

    def _check_crowd(self, annotation: dict) -> None:
        crowd = annotation.get('iscrowd', 0)
        # Not a mere comparison: as a text, "0" would count as true later on.
        if not isinstance(crowd, int) or crowd not in (0, 1):
            raise self._error(
                f'annotation {annotation["id"]} has the iscrowd {crowd!r}; expected '
                'the number 0 (one person) or 1 (a crowd), or false or true'
            )

    def _check_area(self, annotation: dict) -> None:
        area = annotation.get('area')
        if not _is_number(area) or not 0 <= area < inf:
            found = f'the area {area!r}' if 'area' in annotation else 'no "area"'
            raise self._error(
                f'annotation {annotation["id"]} has {found}; the COCO evaluation '
                'judges distances by it: expected a finite number of px^2, not '
                'negative. For a file without areas set use_area=False of both the '
                'dataset and CocoMetric'
            )

    def _check_box(self, annotation: dict) -> None:
        name = f'annotation {annotation["id"]}'
        bbox = annotation.get('bbox')
        if bbox is None:
            raise self._error(
                f'{name} has no "bbox"; every annotation needs its box '
                "[x, y, width, height] in pixels, from which the person's size is taken"
            )
        if not are_coordinates(bbox) or len(bbox) != 4 or min(bbox[2:]) < 0:
            raise self._error(
                f'{name} has the bbox {short_repr(bbox)}; expected four finite numbers '
                f'[x, y, width, height] in pixels, none beyond {COORDINATE_LIMIT:.0f}, '
                'width and height not negative'
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
        if not are_coordinates(keypoints):
            bad = next(value for value in keypoints if not are_coordinates([value]))
            raise self._error(
                f'{name} has the keypoint value {short_repr(bad)}; expected finite '
                f'numbers x, y in pixels, none beyond {COORDINATE_LIMIT:.0f}, and a '
                'visibility of 0, 1 or 2'
            )
        bad = [value for value in keypoints[2::3] if value not in (0, 1, 2)]
        if bad:
            raise self._error(
                f'{name} has a keypoint of visibility {bad[0]}; expected 0 (not '
                'labelled), 1 (labelled, occluded) or 2 (labelled, visible)'
            )

    def _error(self, fault: str) -> ValueError:
        return ValueError(f'{self.path}: {fault}.')


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def are_coordinates(values: object, limit: float = COORDINATE_LIMIT) -> bool:
    """Whether it is a list of finite numbers within the limit, in pixels."""
    return isinstance(values, list) and all(
        _is_number(value) and abs(value) <= limit for value in values
    )


def group_by_image(annotations: Iterable[dict]) -> dict[int, list[dict]]:
    """Annotations of each image id, in the file's order."""
    groups = defaultdict(list)
    for annotation in annotations:
        groups[annotation['image_id']].append(annotation)
    return groups
