# SPDX-License-Identifier: Apache-2.0
"""A last look at what was read: data of known types, in a tree of modest size."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from .errors import RefusedError
from .objects import StandIn

_MAX_DEPTH = 100
# A tree may refer to one branch from many places: a walk meets it each time.
_MAX_ENTRIES = 2_000_000
_LEAVES = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray),
    *(torch.Tensor, torch.dtype, torch.device, torch.Size, HistoryBuffer, StandIn),
)
_MAPPINGS = (dict, OrderedDict, Counter)
_SEQUENCES = (list, tuple, set, frozenset)
_END = object()


def check_plain(content: Any) -> None:
    """Walk over what a file holds as any user of it would.

    Raises:
        RefusedError: If it holds unfinished or unknown objects, or has no end.
    """
    branches = [iter((content,))]
    entries = 0
    while branches:
        value = next(branches[-1], _END)
        if value is _END:
            branches.pop()
            continue
        entries += 1
        if len(branches) > _MAX_DEPTH or entries > _MAX_ENTRIES:
            raise RefusedError(
                'nests its entries without end. It was not written by a training: do '
                'not use it.'
            )
        branches.append(iter(_inner(value)))


def _inner(value: Any) -> Iterable:
    """What a value contains."""
    if type(value) in _LEAVES or isinstance(value, (np.generic, np.dtype)):
        return ()
    if type(value) in _MAPPINGS:
        return value.values()
    if type(value) in _SEQUENCES:
        return value
    if type(value) is np.ndarray:
        return value.flat if value.dtype == object else ()
    raise RefusedError(
        f'holds an object of type {type(value).__name__} where data is expected. Do '
        'not use it.'
    )
