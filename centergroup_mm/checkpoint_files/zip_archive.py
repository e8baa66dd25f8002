# SPDX-License-Identifier: Apache-2.0
"""torch's present format: a zip archive of a pickle and the data of the tensors."""

import io
import struct
import zipfile
from typing import Any, BinaryIO

import torch

from .budget import Budget
from .errors import RefusedError, shown
from .interpreter import Interpreter
from .served import SERVED
from .storages import MapLocation, Storage, place, read_identity

FIRST_BYTES = b'PK\x03\x04'
_CHUNK = 2**20

# The records at the end of an archive: the index's size and place, in 32 and 64 bits.
_END = struct.Struct('<4s4H2LH')
_END_64 = struct.Struct('<4sQ2H2L4Q')
_LOCATOR_SIZE = 20
_ENCRYPTED = 0x1
# An entry of the index becomes an object ten times as large.
_LARGEST_INDEX = 8 * 2**20


class Archive:
    """The records of a zip archive, each checked against its checksum when read.

    There is one parser: what is checked is what is read.

    Args:
        file (BinaryIO): The open file.
        size (int): Its size in bytes.

    Raises:
        RefusedError: If it is anything but one plain archive from the first byte to
            the last.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        _check_end(file, size)
        self._archive = zipfile.ZipFile(file)
        records = self._archive.infolist()
        names = [record.filename for record in records]
        if any(name.endswith('/constants.pkl') for name in names):
            raise RefusedError(
                'is a TorchScript program; expected a checkpoint of weights.'
            )
        if len(set(names)) != len(names):
            raise RefusedError('has two records of one name. Do not use it.')
        if any(record.compress_type != zipfile.ZIP_STORED for record in records):
            raise RefusedError(
                'is a compressed archive, which torch.save does not write. Unpack it '
                'if it contains a checkpoint.'
            )
        total = sum(record.file_size for record in records)
        if total > size or min((r.header_offset for r in records), default=1) != 0:
            raise RefusedError('is an archive that does not add up. Do not use it.')
        if any(record.flag_bits & _ENCRYPTED for record in records):
            raise RefusedError('is an encrypted archive. Decrypt it first.')
        pickles = [name for name in names if name.endswith('/data.pkl')]
        if len(pickles) != 1 or pickles[0].count('/') != 1:
            raise RefusedError(
                'is a zip archive, but not one of torch.save. Unpack it if it '
                'contains a checkpoint.'
            )
        self._folder = pickles[0][: -len('data.pkl')]
        self._sizes = {record.filename: record.file_size for record in records}
        self._unread = set(names)

    def size(self, name: str) -> int | None:
        """Size of a record in bytes, None if there is none."""
        return self._sizes.get(self._folder + name)

    def read(self, name: str) -> bytes:
        """Read a record."""
        self._unread.discard(self._folder + name)
        return self._archive.read(self._folder + name)

    def read_storage(self, name: str) -> torch.UntypedStorage:
        """Read a record into memory for tensors."""
        path = self._folder + name
        memory = torch.empty(self._sizes[path], dtype=torch.uint8)
        target = memoryview(memory.numpy())
        self._unread.discard(path)
        position = 0
        with self._archive.open(path) as record:
            while chunk := record.read(_CHUNK):
                target[position : position + len(chunk)] = chunk
                position += len(chunk)
        return memory.untyped_storage()

    def check_the_rest(self) -> None:
        """Check the records that nobody has read."""
        for path in self._unread:
            with self._archive.open(path) as record:
                while record.read(_CHUNK):
                    pass


def _check_end(file: BinaryIO, size: int) -> None:
    """Check that the archive ends where the file does, with an index of modest size."""
    if size < _END.size:
        raise RefusedError('is cut off. Compare its size with the original.')
    file.seek(size - _END.size)
    signature, *_, index_size, _, comment = _END.unpack(file.read(_END.size))
    if signature != b'PK\x05\x06' or comment:
        raise RefusedError(
            'is a zip archive without its end, or with something behind it: it is '
            'truncated or was tampered with. Compare its size with the original and '
            'download it again.'
        )
    start_64 = size - _END.size - _LOCATOR_SIZE - _END_64.size
    if start_64 > 0:
        file.seek(start_64)
        signature, *_, index_size_64, _ = _END_64.unpack(file.read(_END_64.size))
        if signature == b'PK\x06\x06':
            index_size = max(index_size_64, index_size * (index_size < 2**32 - 1))
    if index_size > min(size, _LARGEST_INDEX):
        raise RefusedError('has an index that does not add up. Do not use it.')
    file.seek(0)


def read_zip(
    file: BinaryIO, size: int, map_location: MapLocation, stand_ins: bool
) -> Any:
    """Read a checkpoint.

    Args:
        file (BinaryIO): The open file.
        size (int): Its size in bytes.
        map_location (MapLocation): Where tensors shall be.
        stand_ins (bool): Whether to pass over what is not served.

    Raises:
        RefusedError: If it is refused.
        Exception: Of many kinds, if it is damaged.
    """
    archive = Archive(file, size)
    if archive.size('byteorder') and archive.read('byteorder') != b'little':
        raise RefusedError('was written by a machine of another byte order.')
    storages: dict[str, Storage] = {}

    def load(parts: tuple) -> Storage:
        key, dtype, num_bytes, location = read_identity(parts)
        if key not in storages:
            if archive.size(f'data/{key}') != num_bytes:
                raise RefusedError(
                    f'lacks the data of a tensor ({shown(key)}). It is damaged: '
                    'compare its size with the original and get it again.'
                )
            memory = archive.read_storage(f'data/{key}')
            storages[key] = Storage(place(memory, location, map_location), dtype)
        if storages[key].dtype != dtype:
            raise RefusedError('reads the same data as two types. Do not use it.')
        return storages[key]

    interpreter = Interpreter(SERVED, Budget(size), load, stand_ins)
    content = interpreter.run(io.BytesIO(archive.read('data.pkl')))
    archive.check_the_rest()
    return content
