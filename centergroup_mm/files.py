# SPDX-License-Identifier: Apache-2.0
"""Writing files so that, whenever the process dies, what is on disk is whole.

And reading notes from folders that strangers may have filled.
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

# The name of a file that is still being written: the final one and the process that
# writes it, for two may want to write the same file.
FRAGMENT = re.compile(r'.+\.\d+\.partial|.+\.pth\.partial')

# In bytes; a note holds a path or a number.
_LONGEST_NOTE = 4096


def write_atomically(path: str | Path, content: bytes | memoryview) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    At every moment ``path`` holds its whole former content or its whole new one.

    Args:
        path (str | Path): The file; missing parent folders are made.
        content (bytes | memoryview): What it shall hold.

    Raises:
        OSError: If it cannot be written (a full disk); ``path`` is then untouched.
    """
    write_together({Path(path): content})


def write_together(
    files: Mapping[Path, bytes | memoryview], overwrite: bool = True
) -> None:
    """Write several files, of which none changes if one cannot be written.

    They are written beside their places, then renamed one by one in the order of
    ``files``. Where that is cut short, those before are new and those after are as they
    were: a file that says that the others are whole comes last.

    Args:
        files (Mapping[Path, bytes | memoryview]): What they shall hold.
        overwrite (bool): Whether files that are already there may be replaced.

    Raises:
        FileExistsError: If one is there and may not be replaced.
        OSError: If one cannot be written, or renamed into place.
    """
    check_free(files, overwrite)
    partial = {path: _partial(path) for path in files}
    try:
        for path, content in files.items():
            _write_through(partial[path], content)
        for path in files:
            os.replace(partial[path], path)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)


def check_free(paths: Iterable[Path], overwrite: bool) -> None:
    """Refuse to replace what is there; errors are those of :func:`write_together`."""
    for path in paths:
        if path.is_dir():
            raise IsADirectoryError(f'{path} is a folder; expected a file name.')
        if path.exists() and not overwrite:
            raise FileExistsError(
                f'{path} is already there. Name another target, or replace it with '
                '--overwrite.'
            )


def read_note(path: str | Path) -> str | None:
    """Read a short text; None if there is none.

    Whatever the path leads to: a pipe or a device, which may have no end, is no text.
    """
    try:
        # Without it, opening a pipe waits for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0))
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST_NOTE:
            return None
        content = os.read(descriptor, _LONGEST_NOTE)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    try:
        return content.decode('utf-8')
    except UnicodeDecodeError:
        return None


def _partial(path: Path) -> Path:
    return path.with_name(f'{path.name}.{os.getpid()}.partial')


def _write_through(path: Path, content: bytes | memoryview) -> None:
    """Write to the disk itself, so that a rename never names an empty file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
