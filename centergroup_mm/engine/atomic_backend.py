# SPDX-License-Identifier: Apache-2.0
"""mmengine's local files, written atomically."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from ..files import write_atomically
from .removals import is_within


@register_backend('atomic_local')
class AtomicLocalBackend(LocalBackend):
    """mmengine's local files, written atomically; removals can be deferred.

    Within :meth:`deferred_removal` files are removed only at its end, and not at
    all if an error ends it: a replacement is whole before the old file goes.

    Args:
        folder (str, optional): Nothing is removed elsewhere; by default anything is.
    """

    def __init__(self, folder: str | None = None) -> None:
        super().__init__()
        self._folder = folder
        self._deferred: list[str | Path] | None = None

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Write ``obj`` to ``filepath``; see :func:`write_atomically`."""
        write_atomically(filepath, obj)

    def remove(self, filepath: str | Path) -> None:
        """Remove a file, now or at the end of :meth:`deferred_removal`.

        Raises:
            ValueError: If it lies elsewhere.
        """
        self._check_place(filepath)
        if self._deferred is None:
            super().remove(filepath)
        else:
            self._deferred.append(filepath)

    def rmtree(self, dir_path: str | Path) -> None:
        """Remove a folder with all that is in it; errors are those of remove."""
        self._check_place(dir_path)
        super().rmtree(dir_path)

    def _check_place(self, path: str | Path) -> None:
        if self._folder is not None and not is_within(path, self._folder):
            raise ValueError(
                f'{path} is not removed: it lies outside of {self._folder}, where the '
                'checkpoints of this training are. Remove it by hand if it has to go.'
            )

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
