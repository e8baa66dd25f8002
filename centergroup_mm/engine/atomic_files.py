# SPDX-License-Identifier: Apache-2.0
"""Writing files so that, whenever the process dies, what is on disk is whole."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

# The name of a file that is still being written: the final one and the process that
# writes it, for two may want to write the same file.
FRAGMENT = re.compile(r'.+\.\d+\.partial|.+\.pth\.partial')


def write_atomically(path: str | Path, content: bytes | memoryview) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    At every moment ``path`` holds its whole former content or its whole new one.

    Args:
        path: The file; missing parent folders are made.
        content: What it shall hold.

    Raises:
        OSError: If it cannot be written (a full disk); ``path`` is then untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.{os.getpid()}.partial')
    try:
        with open(partial, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@register_backend('atomic_local')
class AtomicLocalBackend(LocalBackend):
    """mmengine's local files, written atomically and removed when told.

    Within :meth:`deferred_removal` files are removed only at its end, and not at
    all if an error ends it: a replacement is whole before the old file goes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._deferred: list[str | Path] | None = None

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Write ``obj`` to ``filepath``; see :func:`write_atomically`."""
        write_atomically(filepath, obj)

    def remove(self, filepath: str | Path) -> None:
        """Remove a file, now or at the end of :meth:`deferred_removal`."""
        if self._deferred is None:
            super().remove(filepath)
        else:
            self._deferred.append(filepath)

    @contextmanager
    def deferred_removal(self) -> Iterator[None]:
        """Hold removals back until the block has ended without an error."""
        self._deferred = []
        try:
            yield
        except BaseException:
            self._deferred = None
            raise
        deferred, self._deferred = self._deferred, None
        for filepath in deferred:
            super().remove(filepath)
