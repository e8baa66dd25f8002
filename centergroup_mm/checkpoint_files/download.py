# SPDX-License-Identifier: Apache-2.0
"""Downloads of checkpoints: whole, with a time limit, checked against their names."""

import hashlib
import os
import re
import time
import uuid
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote, urlparse
from urllib.request import Request, urlopen

from .errors import CheckpointFileError, shown, shown_name

URL_PREFIXES = ('http://', 'https://', 'file://')
# Seconds without any data, and for the whole of a file.
STALL_LIMIT = 30.0
TIME_LIMIT = 3600.0
# NAME-HASH.pth and the host's NAME-HASH_DATE.pth; a date alone is no hash.
_HASH = re.compile(r'-(?!(?:19|20)\d{6}\.)([0-9a-f]{8,64})(?:_\d{8})?\.\w+$')
_CHUNK = 2**20


def hash_in_name(name: str) -> str | None:
    """First digits of the SHA-256 that a file's name states, None if there are none."""
    found = _HASH.search(name)
    return found[1] if found else None


def download(
    url: str,
    folder: Path,
    stall_limit: float = STALL_LIMIT,
    time_limit: float = TIME_LIMIT,
) -> Path:
    """Download a file, unless the folder has it.

    Args:
        url (str): ``http://``, ``https://`` or ``file://``.
        folder (Path): Made if missing; the file gets its name in the address.
        stall_limit (float): Seconds that the server may stay silent.
        time_limit (float): Seconds for all of it.

    Returns:
        Path: The whole file.

    Raises:
        CheckpointFileError: If it cannot be downloaded in time, breaks off, or has
            another hash than its name states.
    """
    shown_url = shown_name(url)
    try:
        name = Path(unquote(urlparse(url).path)).name
    except ValueError as error:
        raise CheckpointFileError(
            f'{shown_url} is no address ({error}). Check the address.'
        ) from None
    if not name:
        raise CheckpointFileError(f'{shown_url} names no file. Check the address.')
    target = folder / name
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f'.{uuid.uuid4().hex}.partial'
    try:
        digest = _transfer(url, partial, stall_limit, time_limit)
        stated = hash_in_name(name)
        if stated and not digest.startswith(stated):
            raise CheckpointFileError(
                f'{shown_url} has the SHA-256 {digest[:8]}..., its name says {stated}: '
                'it is damaged or was replaced. Download it again, or ask its authors.'
            )
        os.replace(partial, target)
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, CheckpointFileError):
            raise
        reason = shown(str(error) or type(error).__name__)
        raise CheckpointFileError(
            f'{shown_url} cannot be downloaded: {reason}. Check the address, or '
            'download the file by other means and give its path.'
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _transfer(url: str, target: Path, stall_limit: float, time_limit: float) -> str:
    """Write what an address gives to a file; returns its SHA-256."""
    digest = hashlib.sha256()
    deadline = time.monotonic() + time_limit
    request = Request(url, headers={'User-Agent': 'centergroup_mm'})
    with urlopen(request, timeout=stall_limit) as source, open(target, 'wb') as file:
        expected = source.headers.get('Content-Length')
        # One read returns what has arrived, not only whole chunks.
        while (
            chunk := source.read1(_CHUNK)
            if hasattr(source, 'read1')
            else (source.read(_CHUNK))
        ):
            if time.monotonic() > deadline:
                raise TimeoutError(f'it took longer than {time_limit:.0f} s')
            digest.update(chunk)
            file.write(chunk)
        received = file.tell()
    if expected is not None and received != int(expected):
        raise OSError(f'{received:,} of {int(expected):,} bytes were sent')
    return digest.hexdigest()
