# SPDX-License-Identifier: Apache-2.0
"""What a pickle may make beside plain values, and which keys it may use."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .errors import RefusedError

# Python hashes greater integers to ones that a file can make collide.
_LARGEST_KEY = 2**60
_LONGEST_KEY = 1000
# Python hashes a tuple by a formula that a file can solve: with many parts, large
# numbers or fractions it finds as many tuples of one hash as it likes.
_MOST_PARTS = 4
_LARGEST_PART = 2**16


class Function:
    """Something that a file can call, but neither look into nor alter."""

    __slots__ = ('call',)

    def __init__(self, call: Callable) -> None:
        self.call = call


class Pending:
    """An object between its creation and its state.

    Args:
        build (Callable): Makes the object of the state that the file gives it.
    """

    __slots__ = ('build', 'built', 'value')

    def __init__(self, build: Callable) -> None:
        self.build = build
        self.built = False
        self.value: Any = None


class StandIn:
    """Takes the place of what is not served; calls and changes have no effect."""

    __slots__ = ()


def checked_key(key: Any) -> Any:
    """Refuse keys of dictionaries and sets that may take long to hash.

    A tuple of tuples, or many keys made to collide, may take for ever. What passes
    takes no longer to hash than the instructions that made it, which are charged for.

    Raises:
        RefusedError: For any other.
    """
    within = type(key) is tuple
    if within and len(key) > _MOST_PARTS:
        raise RefusedError(
            f'has a key of {len(key)} parts; expected at most {_MOST_PARTS}. Do not '
            'use it.'
        )
    end = _LARGEST_PART if within else _LARGEST_KEY
    for part in key if within else (key,):
        if part is None or type(part) in (bool, StandIn):
            continue
        if type(part) in (str, bytes) and len(part) < _LONGEST_KEY:
            continue
        if type(part) is float and not within:
            continue
        if type(part) is not int or abs(part) >= end:
            raise RefusedError(
                f'has a key that is {kind_of(part)}; expected short texts or numbers'
                f'{f" below {end}, no fractions" if within else ""}. Do not use it.'
            )
    return key


def kind_of(value: Any) -> str:
    """What a value is, without a look into it."""
    return f'an object of type {type(value).__name__}'


def set_versions(target: OrderedDict, state: Any) -> None:
    """Keep the versions of the modules and no other attribute of a state dict."""
    found = state.get('_metadata') if type(state) is dict else None
    if type(found) in (dict, OrderedDict):
        target._metadata = OrderedDict(
            (key, {'version': entry['version']})
            for key, entry in found.items()
            if type(key) is str
            and type(entry) is dict
            and type(entry.get('version')) is int
        )
