# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint says of the keypoint types, as far as the host may use it.

The host's inferencers copy ``meta['dataset_meta']`` over what they know of an image
before it is loaded: an entry ``img_path`` would replace the image by another file, or
by what an address gives.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import CheckpointFileError, shown

# Numbers, characters and entries altogether; whole bodies have some thousands.
_LARGEST = 1_000_000
_LEAVES = (type(None), bool, int, float, np.bool_, np.integer, np.floating)
# What the host's parse_pose_metainfo yields, by the shape of it. K stands for the
# number of keypoint types, L for any length. Whole numbers name keypoint types.
_TYPES_OF = {
    'upper_body_ids': ('L',),
    'lower_body_ids': ('L',),
    'flip_indices': ('K',),
    'flip_pairs': ('L', 2),
    'skeleton_links': ('L', 2),
}
_NUMBERS_OF = {
    'keypoint_colors': ('K', 3),
    'skeleton_link_colors': ('L', 3),
    # One of the host's own metainfos has weights of another number.
    'dataset_keypoint_weights': ('L',),
    'sigmas': ('K',),
}
# The last are the categories of COCO's files, and the classes of the host's detectors.
_OTHERS: dict[str, type | tuple[type, ...]] = {
    'dataset_name': str,
    'num_keypoints': (int, np.integer),
    'num_skeleton_links': (int, np.integer),
    'keypoint_id2name': dict,
    'keypoint_name2id': dict,
    'stats_info': dict,
    'CLASSES': (list, tuple, str),
    'classes': (list, tuple, str),
    'PALETTE': (list, tuple, str),
    'palette': (list, tuple, str),
}


def known_dataset_meta(meta: Mapping, file: str) -> dict[str, Any]:
    """The entries that the host's datasets make; all others are left out.

    Args:
        meta (Mapping): ``meta['dataset_meta']`` as it was read.
        file (str): The file, for the message.

    Returns:
        dict: Of numbers, texts, arrays of numbers, and containers of these. Entries
        may be missing.

    Raises:
        CheckpointFileError: If an entry is not what the host makes under its name.
    """
    allowed = {*_TYPES_OF, *_NUMBERS_OF, *_OTHERS}
    used = {
        key: value
        for key, value in meta.items()
        if isinstance(key, str) and key in allowed and value is not None
    }
    fault = _unusual_content(used) or _first_fault(used)
    if fault:
        raise CheckpointFileError(
            f'{file} has in meta, "dataset_meta", {fault}. Expected what the host '
            'parses from a metainfo of keypoint types: use another checkpoint, or save '
            'this one without "dataset_meta".'
        )
    return used


def _unusual_content(meta: Mapping) -> str | None:
    """Anything but a modest number of numbers and texts; a walk that has an end."""
    left, waiting = _LARGEST, [meta]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if not all(type(key) in (str, int) for key in value):
                return 'keys that are neither texts nor whole numbers'
            left -= sum(len(key) for key in value if isinstance(key, str))
            value = [*value.values()]
        if isinstance(value, list | tuple):
            left -= len(value)
            waiting += value if left >= 0 else ()
        elif isinstance(value, np.ndarray) and value.dtype.kind in 'biuf':
            left -= value.size
        elif isinstance(value, str):
            left -= len(value)
        elif not isinstance(value, _LEAVES):
            return f'an object of type {type(value).__name__}'
        if left < 0:
            return f'more than {_LARGEST:,} numbers and characters'
    return None


def _first_fault(meta: Mapping) -> str | None:
    """The first entry that is not as the host makes it, in words."""
    for key, kinds in _OTHERS.items():
        if key in meta and not isinstance(meta[key], kinds):
            return f'{key!r} of type {type(meta[key]).__name__}'
    types = _num_types(meta)
    for key, shape in {**_TYPES_OF, **_NUMBERS_OF}.items():
        if key in meta and not _fits(meta[key], shape, types, key in _TYPES_OF):
            return f'{key!r} as {shown(meta[key])} for {types} keypoint types'
    names = meta.get('keypoint_id2name', {})
    if not all(isinstance(name, str) and name.isprintable() for name in names.values()):
        return '"keypoint_id2name" with names that are no texts'
    numbers = [*names, *meta.get('keypoint_name2id', {}).values()]
    if not all(isinstance(number, int) and 0 <= number < types for number in numbers):
        return f'names with other numbers than 0 to {types - 1}'
    if not meta.get('dataset_name', '').isprintable():
        return '"dataset_name" with characters that cannot be shown'
    links, colors = (meta.get(k) for k in ('skeleton_links', 'skeleton_link_colors'))
    if links is not None and colors is not None and len(links) != len(colors):
        return f'{len(colors)} colors for {len(links)} links of the skeleton'
    return None


def _num_types(meta: Mapping) -> int:
    for key in ('flip_indices', 'keypoint_id2name'):
        if hasattr(meta.get(key), '__len__'):
            return len(meta[key])
    return int(meta.get('num_keypoints', 0))


def _fits(value: Any, shape: tuple, types: int, names_types: bool) -> bool:
    """Whether a value is an array of a shape, or nothing at all."""
    if not isinstance(value, list | tuple | np.ndarray):
        return False
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):  # of no one shape
        return False
    if not array.size:
        return True
    wanted = [
        {'K': types, 'L': found}.get(length, length)
        for length, found in zip(shape, array.shape, strict=False)
    ]
    if len(shape) != array.ndim or list(array.shape) != wanted:
        return False
    if not names_types:
        return array.dtype.kind in 'iuf' and bool(np.isfinite(array).all())
    return array.dtype.kind in 'iu' and bool((array >= 0).all() & (array < types).all())
