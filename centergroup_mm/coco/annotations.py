# SPDX-License-Identifier: Apache-2.0
"""COCO annotation files: reading them, and finding persons and their images."""

import json
from codecs import BOM_UTF8
from collections import defaultdict
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from os.path import exists, isdir
from reprlib import repr as short_repr

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
    with _local_file(path) as local_path:
        if not exists(local_path):
            raise FileNotFoundError(
                f'Annotation file {path} does not exist. Set data_root and ann_file of '
                'the dataset.'
            )
        if isdir(local_path):
            raise FileNotFoundError(
                f'{path} is a folder; expected an annotation file. Set ann_file of the '
                'dataset.'
            )
        # Some editors and tools begin a file with a byte-order mark.
        with open(local_path, encoding='utf-8-sig') as file:
            try:
                content = json.load(file)
            except (ValueError, RecursionError) as error:
                raise ValueError(f'{path} is not a JSON file: {error}') from error
    if not isinstance(content, dict) or not isinstance(content.get('images'), list):
        raise ValueError(
            f'{path} has no list "images". A COCO annotation file is an object with '
            'the lists "images", "annotations" and "categories".'
        )
    for kind, name in _LISTS.items():
        _check_entries(path, kind, content.get(name, []))
    return content


def _local_file(path: str) -> AbstractContextManager[str]:
    """A path to read from: its own, or that of a copy of what a URL names."""
    if '://' not in path:
        return nullcontext(path)
    # Only here: whoever reads files of the disk needs no mmengine.
    from mmengine.fileio import get_local_path

    return get_local_path(path)


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


def has_byte_order_mark(path: str) -> bool:
    """Whether a file begins with one, which the host's evaluation cannot read."""
    with _local_file(path) as local_path, open(local_path, 'rb') as file:
        return file.read(len(BOM_UTF8)) == BOM_UTF8


def split_categories(content: dict) -> tuple[set[int], set[int]]:
    """Ids of the categories that hold keypoints, and of the others.

    A file that names keypoints for no category is taken to hold persons only.
    """
    categories = content.get('categories', [])
    every = {category['id'] for category in categories}
    persons = {category['id'] for category in categories if category.get('keypoints')}
    return (persons, every - persons) if persons else (every, set())


def group_by_image(annotations: Iterable[dict]) -> dict[int, list[dict]]:
    """Annotations of each image id, in the file's order."""
    groups: defaultdict[int, list[dict]] = defaultdict(list)
    for annotation in annotations:
        groups[annotation['image_id']].append(annotation)
    return groups
