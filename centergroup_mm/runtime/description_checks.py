# SPDX-License-Identifier: Apache-2.0
"""Whether what a model file says of itself can be true."""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

_MOST_TYPES = 10_000
_LONGEST_TEXT = 1_000
_LARGEST_SIDE, _LARGEST_FACTOR = 8192, 1024


def first_fault(values: Mapping[str, Any]) -> str | None:
    """The first value of a description that cannot be, and what is expected.

    Args:
        values (Mapping[str, Any]): All of a description, as read from JSON.
    """
    for name, (is_right, expected) in _RULES.items():
        if not is_right(values[name]):
            return f'{name!r} is none of {expected}'
    types = len(values['keypoint_names'])
    for name in ('flip_indices', 'sigmas'):
        if len(values[name]) not in ((0, types) if name == 'sigmas' else (types,)):
            return f'{name!r} has {len(values[name])} values for {types} keypoint names'
    for index in chain(values['flip_indices'], *values['skeleton']):
        if not 0 <= index < types:
            return f'it speaks of keypoint {str(index)[:20]}, of {types} from 0 on'
    return None


def _whole(low: int, high: int) -> tuple[Callable[[Any], bool], str]:
    def is_right(value: Any) -> bool:
        return type(value) is int and low <= value <= high

    return is_right, f'the whole numbers {low} to {high}'


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e9


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def _is_list(value: Any, is_right: Callable[[Any], bool]) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= _MOST_TYPES
        and all(map(is_right, value))
    )


def _is_index(value: Any) -> bool:
    return type(value) is int


_TEXT = (_is_text, f'the texts of up to {_LONGEST_TEXT} characters')
_FLAG = (lambda value: isinstance(value, bool), 'true and false')
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    'version': _TEXT,
    'method': _TEXT,
    'dataset': _TEXT,
    'license_of_weights': _TEXT,
    'keypoint_names': (
        lambda value: _is_list(value, _is_text) and bool(value),
        f'the lists of 1 to {_MOST_TYPES} texts',
    ),
    'skeleton': (
        lambda value: _is_list(
            value, lambda link: _is_list(link, _is_index) and len(link) == 2
        ),
        'the lists of pairs of whole numbers',
    ),
    'flip_indices': (
        lambda value: _is_list(value, _is_index),
        'the lists of whole numbers',
    ),
    'sigmas': (
        lambda value: _is_list(value, lambda sigma: _is_number(sigma) and sigma > 0),
        'the lists of positive numbers',
    ),
    'input_side': _whole(1, _LARGEST_SIDE),
    'size_factor': _whole(1, _LARGEST_FACTOR),
    'max_aspect_ratio': (
        lambda value: _is_number(value) and value >= 1,
        'the numbers from 1 on',
    ),
    'score_thr': (_is_number, 'the finite numbers'),
    'flip_test': _FLAG,
    'half': _FLAG,
}
