# SPDX-License-Identifier: Apache-2.0
"""mmengine's local files, written atomically."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from ..files import write_atomically


@register_backend('atomic_local')
class AtomicLocalBackend(LocalBackend):
    """mmengine's local files, written atomically; removals can be deferred.

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
