# SPDX-License-Identifier: Apache-2.0
"""Several categories with the same keypoints, as those of animals, taken as one."""

from reprlib import repr as short_repr

from .annotations import split_categories


def as_one_category(content: dict, path: str) -> tuple[dict, str]:
    """Take all categories that hold keypoints as one.

    The one has the smallest of their ids and the keypoints that all of them have.
    Categories without keypoints, where others have some, stay as they are.

    Args:
        content (dict): As in :func:`read_annotation_file`; it is not changed.
        path (str): Name of the annotation file, for the messages.

    Returns:
        tuple[dict, str]: The content, its annotations with the id of the one category,
        and a sentence on what was merged, empty if there was nothing to merge.

    Raises:
        ValueError: If two of the categories name different keypoints, or an annotation
            has a category that is not listed.
    """
    ids, _ = split_categories(content)
    if len(ids) < 2:
        return content, ''
    categories = content['categories']
    merged = sorted(
        (category for category in categories if category['id'] in ids),
        key=lambda category: category['id'],
    )
    first = merged[0]
    annotations = content.get('annotations', [])
    _check_names(merged, path)
    _check_listed(annotations, categories, path)
    one = {**first, 'name': f'{first.get("name")} and {len(ids) - 1} more'}
    remark = (
        f'{path}: its {len(ids)} categories with keypoints are taken and evaluated as '
        f'one, {first["id"]}: '
        + ', '.join(str(category.get('name')) for category in merged)
    )
    merged_content = {
        **content,
        'categories': [one] + [c for c in categories if c['id'] not in ids],
        'annotations': [
            {**annotation, 'category_id': first['id']}
            if annotation.get('category_id') in ids
            else annotation
            for annotation in annotations
        ],
    }
    return merged_content, remark


def _check_names(merged: list[dict], path: str) -> None:
    """Refuse to merge categories whose keypoints differ."""
    first = merged[0]
    for category in merged[1:]:
        if (category.get('keypoints') or []) != (first.get('keypoints') or []):
            raise ValueError(
                f'{path}: the categories {first["id"]} ({first.get("name")!r}) and '
                f'{category["id"]} ({category.get("name")!r}) cannot be merged: their '
                '"keypoints" differ. Expected the same names in the same order; give '
                '"keypoints" only to categories of the same types.'
            )


def _check_listed(annotations: list[dict], categories: list[dict], path: str) -> None:
    """Refuse annotations of a category that the file does not list."""
    listed = {category['id'] for category in categories}
    for annotation in annotations:
        if annotation.get('category_id') not in listed:
            raise ValueError(
                f'{path}: annotation {annotation.get("id")!r} has the category_id '
                f'{annotation.get("category_id")!r}, which "categories" does not list; '
                f'expected one of {short_repr(sorted(listed))}. List it there, with '
                'its "keypoints".'
            )
