# SPDX-License-Identifier: Apache-2.0
"""The safetensors format: weights without any program."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, BinaryIO

import safetensors.torch
from torch import Tensor

from .errors import RefusedError
from .storages import MapLocation, move

# The header's length comes first, then the header, which is JSON.
_LENGTH_BYTES = 8
_LARGEST_HEADER = 2 * 2**20
_DIGEST, _META = 'sha256_of_data', 'dataset_meta'


def is_safetensors(first: bytes, size: int) -> bool:
    """Whether a file of this size that starts with these nine bytes may be of it."""
    header = int.from_bytes(first[:_LENGTH_BYTES], 'little')
    return first[_LENGTH_BYTES:] == b'{' and header + _LENGTH_BYTES <= size


def read_safetensors(
    file: BinaryIO, size: int, map_location: MapLocation, _stand_ins: bool
) -> dict:
    """Read a checkpoint; arguments and errors are those of ``read_zip``.

    Returns:
        dict: ``state_dict``, and ``meta`` with what :func:`safetensors_bytes` wrote.
    """
    header, data_start = _read_header(file)
    notes = header.get('__metadata__', {}) if type(header) is dict else {}
    file.seek(0)
    content = file.read(size)
    if _DIGEST in notes and notes[_DIGEST] != _digest(content, data_start):
        raise RefusedError(
            'is damaged: its checksum is another. Compare it with the original and '
            'get it again.'
        )
    weights = safetensors.torch.load(content)
    meta: dict[str, Any] = {}
    if _META in notes:
        meta[_META] = json.loads(notes[_META], object_pairs_hook=_with_numbers)
    return dict(
        meta=meta,
        state_dict={key: move(weight, map_location) for key, weight in weights.items()},
    )


def _read_header(file: BinaryIO) -> tuple[dict, int]:
    file.seek(0)
    length = int.from_bytes(file.read(_LENGTH_BYTES), 'little')
    if length > _LARGEST_HEADER:
        raise RefusedError('has a header that is far too long. Do not use it.')
    return json.loads(file.read(length)), length + _LENGTH_BYTES


def safetensors_bytes(
    weights: Mapping[str, Tensor], dataset_meta: dict | None
) -> bytes:
    """The content of a file.

    The format has no checksums, so that a digest of the data is noted in the header.

    Args:
        weights (Mapping[str, Tensor]): Become ``state_dict``.
        dataset_meta (dict, optional): Of plain types; becomes
            ``meta['dataset_meta']``. The format knows texts only: it is kept as JSON.
    """
    own = {key: weight.contiguous().clone() for key, weight in weights.items()}
    notes: dict[str, Any] = {'format': 'pt'}
    if dataset_meta is not None:
        notes[_META] = json.dumps(dataset_meta)
    content = safetensors.torch.save(own, metadata=notes)
    start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], 'little')
    notes[_DIGEST] = _digest(content, start)
    return safetensors.torch.save(own, metadata=notes)


def _with_numbers(pairs: list[tuple[str, Any]]) -> dict:
    """A dictionary whose keys are numbers again, which JSON makes texts."""
    return {int(key) if key.isdecimal() else key: value for key, value in pairs}


def _digest(content: bytes, data_start: int) -> str:
    return hashlib.sha256(memoryview(content)[data_start:]).hexdigest()
