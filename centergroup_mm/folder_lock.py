# SPDX-License-Identifier: Apache-2.0
"""A folder that one process at a time may use."""

import errno
import os
import socket
import stat
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# What a file system without locks answers.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class FolderInUse(RuntimeError):
    """Another process uses the folder."""


class FolderLock:
    """Holds a folder for this process, until it is released or the process ends.

    The lock is the kernel's and ends with the process, however that ends; the file
    stays and means nothing. Processes that this one starts do not hold it, and within
    one process it may be taken again. It does not work on every network file system.

    Args:
        folder (Path): The folder, which must exist.
        use (str): What it is used for, for the message to the other process.
    """

    NAME = '.lock'

    def __init__(self, folder: str | Path, use: str) -> None:
        self.path = Path(folder, self.NAME)
        self.use = use
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the folder.

        Returns:
            bool: False if locks do not work here.

        Raises:
            FolderInUse: If another process has it.
            OSError: If the lock is no plain file.
        """
        if self._descriptor is not None:
            return True
        if fcntl is None:
            return False
        # No file object: its end, whenever that is, would end the lock.
        descriptor = self._open()
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(descriptor, 1000).decode(errors='replace').strip()
            os.close(descriptor)
            if error.errno in _NO_LOCKS:
                return False
            raise FolderInUse(
                f'{self.path.parent} is in use by {owner or "another process"}, '
                f'{self.use}. Wait for it, end it, or choose another folder.'
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(
            descriptor, f'process {os.getpid()} on {socket.gethostname()}'.encode()
        )
        self._descriptor = descriptor
        return True

    def _open(self) -> int:
        """Open the file, which is written to: never what a stranger links to it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(self.path, flags, 0o666)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENXIO):
                raise
            raise self._no_lock() from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            os.close(descriptor)
            raise self._no_lock()
        return descriptor

    def _no_lock(self) -> OSError:
        return OSError(
            f'{self.path} is a link, a pipe or a device; expected a plain file, or '
            'none. Remove it if you trust the folder.'
        )

    def release(self) -> None:
        """Give the folder back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def check(self) -> None:
        """See whether it could be taken, and leave it.

        Raises:
            FolderInUse: If another process has it.
        """
        self.acquire()
        self.release()
