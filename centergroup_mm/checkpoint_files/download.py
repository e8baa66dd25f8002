# SPDX-License-Identifier: Apache-2.0
"""Downloads of checkpoints: whole, with a time limit, checked against their names."""

import hashlib
import os
import re
import threading
import uuid
from concurrent.futures import Future
from http.client import HTTPException, InvalidURL
from pathlib import Path
from urllib.parse import unquote, urlparse
from urllib.request import Request, urlopen

from .errors import CheckpointFileError, shown, shown_name

URL_PREFIXES = ('http://', 'https://')
# Seconds without any data, and for the whole of a file.
STALL_LIMIT = 30.0
TIME_LIMIT = 3600.0
# Bytes; checkpoints with the state of a training are a tenth of it.
SIZE_LIMIT = 16 * 2**30
_LONGEST_NAME = 255  # bytes, as file systems have it
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
    size_limit: int = SIZE_LIMIT,
) -> Path:
    """Download a file, unless the folder has it, with the hash that its name states.

    Args:
        url (str): ``http://`` or ``https://``.
        folder (Path): Made if missing; the file gets its name in the address.
        stall_limit (float): Seconds that the server may stay silent.
        time_limit (float): Seconds for all of it.
        size_limit (int): Bytes that it may have.

    Returns:
        Path: The whole file.

    Raises:
        CheckpointFileError: If it cannot be downloaded in time, is too large, breaks
            off, or has another hash than its name states.
    """
    shown_url, name = shown_name(url), _file_name(url)
    target, stated = folder / name, hash_in_name(name)
    if target.is_file() and (not stated or _digest(target).startswith(stated)):
        return target
    partial = folder / f'.{uuid.uuid4().hex}.partial'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digest = _transfer(url, partial, stall_limit, time_limit, size_limit)
        if stated and not digest.startswith(stated):
            raise CheckpointFileError(
                f'{shown_url} has the SHA-256 {digest[:8]}..., its name says {stated}: '
                'it is damaged or was replaced. Download it again, or ask its authors.'
            )
        os.replace(partial, target)
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, CheckpointFileError):
            raise
        # What is wrong with an address is said with its passwords.
        is_odd = isinstance(error, InvalidURL)
        reason = 'no address' if is_odd else shown(str(error) or type(error).__name__)
        raise CheckpointFileError(
            f'{shown_url} cannot be downloaded: {reason}. Check the address, or '
            'download the file by other means and give its path.'
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _file_name(url: str) -> str:
    """Name of the file that an address is of.

    Raises:
        CheckpointFileError: If it is of none, or of one with too long a name.
    """
    shown_url = shown_name(url)
    try:
        name = Path(unquote(urlparse(url).path)).name
    except ValueError:
        name = ''
    if not url.startswith(URL_PREFIXES) or not name:
        raise CheckpointFileError(
            f'{shown_url} names no file of the web. Check the address: expected '
            'http://... or https://...'
        )
    if len(os.fsencode(name)) > _LONGEST_NAME:
        raise CheckpointFileError(
            f'{shown_url[:100]}... names a file of more than {_LONGEST_NAME} bytes. '
            'Download it by other means and give its path.'
        )
    return name


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _transfer(
    url: str, target: Path, stall_limit: float, time_limit: float, size_limit: int
) -> str:
    """Write what an address gives to a file; returns its SHA-256.

    A server may send its headers byte by byte, which no limit of a socket ends: the
    work is done beside, and left alone when it takes too long.
    """
    outcome: Future[str] = Future()
    done, is_late = threading.Event(), threading.Event()

    def work() -> None:
        try:
            outcome.set_result(_receive(url, target, stall_limit, size_limit, is_late))
        except Exception as error:  # it is raised below
            outcome.set_exception(error)
        finally:
            done.set()

    threading.Thread(target=work, daemon=True).start()
    try:
        if not done.wait(time_limit):
            raise TimeoutError(f'it took longer than {time_limit:.0f} s')
        return outcome.result()
    finally:
        is_late.set()


def _receive(
    url: str,
    target: Path,
    stall_limit: float,
    size_limit: int,
    is_late: threading.Event,
) -> str:
    digest = hashlib.sha256()
    request = Request(url, headers={'User-Agent': 'centergroup_mm'})
    with urlopen(request, timeout=stall_limit) as source:
        expected = source.headers.get('Content-Length')
        if is_late.is_set():
            return ''
        try:
            with open(target, 'wb') as file:
                received = int(expected or 0)
                # One read returns what has arrived, not only whole chunks.
                while received <= size_limit and (chunk := source.read1(_CHUNK)):
                    if is_late.is_set():
                        break
                    digest.update(chunk)
                    file.write(chunk)
                    received = max(received, file.tell())
                if received > size_limit:
                    raise OSError(f'it has more than {size_limit:,} bytes')
                received = file.tell()
        finally:
            if is_late.is_set():
                target.unlink(missing_ok=True)
    if expected is not None and received != int(expected):
        raise OSError(f'{received:,} of {int(expected):,} bytes were sent')
    return digest.hexdigest()
