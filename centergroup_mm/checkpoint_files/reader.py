# SPDX-License-Identifier: Apache-2.0
"""The one reader of checkpoint files: by their first bytes to what reads their format.

Nothing in a file is run, whoever wrote it; what is read is plain data: containers,
numbers, texts, tensors, numpy arrays and mmengine's logs. Memory stays within six times
the size of the file and 128 MiB.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import legacy_file, zip_archive
from .errors import CheckpointFileError, RefusedError, shown, shown_name
from .legacy_file import read_legacy
from .plain_data import check_plain
from .safetensors_file import is_safetensors, read_safetensors
from .storages import MapLocation
from .zip_archive import read_zip

_FIRST = 512


def read_checkpoint(
    path: str | Path,
    map_location: MapLocation = None,
    stand_ins: bool = False,
    name: str | None = None,
) -> Any:
    """Read a checkpoint without running what is in it.

    Args:
        path (str | Path): A file written by ``torch.save`` (either format) or by
            safetensors.
        map_location (MapLocation): Where tensors shall be, as for ``torch.load``; by
            default on the CPU.
        stand_ins (bool): Whether objects of other libraries become stand-ins without
            effect; by default they are an error.
        name (str, optional): What messages call the file. Defaults to ``path``.

    Returns:
        Any: What was saved: plain data. Of a safetensors file a dictionary with
        ``state_dict`` and ``meta``.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointFileError: If it cannot be read; in one line, with the name of the
            file and what to do.
    """
    name = shown_name(name or path)
    path = Path(path)
    if path.is_dir():
        raise CheckpointFileError(f'{name} is a folder. Give the file of a checkpoint.')
    if not path.is_file():
        raise FileNotFoundError(
            f'Checkpoint {name} does not exist or is no file. Check the path.'
        )
    with open(path, 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        try:
            read = _reader_for(file.read(_FIRST), size)
            content = read(file, size, map_location, stand_ins)
            check_plain(content)
        except RefusedError as refused:
            raise CheckpointFileError(f'{name} {refused}') from None
        except Exception as error:  # random bytes can fail in any way
            reason = shown(str(error).split('\n')[0])
            raise CheckpointFileError(
                f'{name} ({size:,} bytes) cannot be read as a checkpoint: '
                f'{type(error).__name__} {reason}. It is truncated or damaged, or was '
                'not written by torch.save: compare its size with the original and '
                'get it again.'
            ) from error
    return content


def _reader_for(first: bytes, size: int) -> Callable:
    """What reads a file that starts so."""
    if not first:
        raise RefusedError(
            'is empty (0 bytes); it cannot be read as a checkpoint. Get it again.'
        )
    if first.startswith(zip_archive.FIRST_BYTES):
        return read_zip
    if first.startswith(legacy_file.FIRST_BYTES):
        return read_legacy
    if is_safetensors(first[:9], size):
        return read_safetensors
    if first.lstrip()[:1] == b'<':
        raise RefusedError(
            'is a web page and no checkpoint. Open the address in a browser, download '
            'the file and give its path.'
        )
    raise RefusedError(
        f'({size:,} bytes) cannot be read as a checkpoint: it starts with '
        f'{shown(first[:8])}. Expected a file of torch.save or safetensors; it may be '
        'another kind of file, or truncated or damaged.'
    )
