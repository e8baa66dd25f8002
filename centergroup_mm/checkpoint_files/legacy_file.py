# SPDX-License-Identifier: Apache-2.0
"""torch's first format: pickles in a row, then the data of the tensors."""

import struct
from typing import Any, BinaryIO

import torch

from .budget import Budget
from .errors import RefusedError
from .interpreter import Interpreter
from .served import SERVED
from .storages import Identity, MapLocation, Storage, place, read_identity

# The number that files of this format start with, as a pickle.
FIRST_BYTES = b'\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.'
_VERSION = 1001
_COUNT = struct.Struct('<q')
_CHUNK = 2**20


class _Bounded:
    """A file that is never asked for more than it has.

    Python sets aside what it is asked for before it looks whether that is there.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self.tell = file.tell
        self.readline = file.readline

    def read(self, num_bytes: int) -> bytes:
        return self._file.read(min(num_bytes, self._size - self._file.tell()))


def read_legacy(
    file: BinaryIO, size: int, map_location: MapLocation, stand_ins: bool
) -> Any:
    """Read a checkpoint; arguments and errors are those of ``read_zip``."""
    stream = _Bounded(file, size)
    budget = Budget(size)

    def read(load_storage: Any = None) -> Any:
        return Interpreter(SERVED, budget, load_storage, stand_ins).run(stream)

    file.seek(len(FIRST_BYTES))
    if read() != _VERSION:
        raise RefusedError('has another version of this format. Save it anew.')
    system = read()
    if type(system) is not dict or system.get('little_endian') is not True:
        raise RefusedError('was written by a machine of another byte order.')
    start = file.tell()
    # The data comes last: the first pass tells its sizes, on a device without memory.
    identities = _Identities(size - start)
    read(identities.load)
    keys = read()
    texts = type(keys) is list and all(type(key) is str for key in keys)
    if not texts or sorted(keys) != sorted(identities.by_key):
        raise RefusedError('lacks the data of a tensor. It is damaged: get it again.')
    storages = {
        key: Storage(
            place(_read_storage(file, identity, size), identity.location, map_location),
            identity.dtype,
        )
        for key, identity in ((key, identities.by_key[key]) for key in keys)
    }
    if file.tell() != size:
        raise RefusedError('goes on behind its end: it is damaged. Get it again.')
    file.seek(start)
    return read(lambda parts: storages[read_identity(parts).key])


class _Identities:
    """The storages that a file refers to, without their data."""

    def __init__(self, available: int) -> None:
        self.by_key: dict[str, Identity] = {}
        self._available = available

    def load(self, parts: tuple) -> Storage:
        found = read_identity(parts)
        if self.by_key.setdefault(found.key, found) is found:
            self._available -= found.num_bytes
        if self.by_key[found.key] != found or self._available < 0:
            raise RefusedError(
                'has less data than its tensors: it is truncated or damaged. Compare '
                'its size with the original and get it again.'
            )
        return Storage(
            torch.UntypedStorage(found.num_bytes, device='meta'), found.dtype
        )


def _read_storage(
    file: BinaryIO, identity: Identity, size: int
) -> torch.UntypedStorage:
    (count,) = _COUNT.unpack(file.read(_COUNT.size))
    available = size - file.tell()
    if count * identity.dtype.itemsize != identity.num_bytes or (
        identity.num_bytes > available
    ):
        raise RefusedError(
            'lacks the data of a tensor: it is truncated or damaged. Compare its size '
            'with the original and get it again.'
        )
    memory = torch.empty(identity.num_bytes, dtype=torch.uint8)
    file.readinto(memoryview(memory.numpy()))
    return memory.untyped_storage()
