# SPDX-License-Identifier: Apache-2.0
"""Places at which a training can be made to end itself by SIGKILL."""

import os
import signal
from collections.abc import Callable

import mmengine.hooks.checkpoint_hook as host
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook

from centergroup_mm import files as atomic_files

# Iterations of the training, between checkpoints, and at the save in question.
ITERATIONS, INTERVAL, KILLED_SAVE = 12, 4, 8
# Where the process ends, mostly in a save.
POINTS: tuple[str, ...] = (
    'half of the checkpoint written',
    'checkpoint not yet synced',
    'checkpoint not yet renamed',
    'checkpoint renamed',
    'last_checkpoint emptied',
    'last_checkpoint half written',
    'last_checkpoint not yet renamed',
    'last_checkpoint renamed',
    'old checkpoint not yet removed',
    'old checkpoint removed',
)
# The same for the best checkpoint, and in which of the saves of one iteration.
BEST_POINTS = {
    'half of the best checkpoint written': 2,
    'old best checkpoint not yet removed': 3,
    'old best checkpoint removed': 3,
}
VALIDATING = 'last validation not yet done'
POINTS += (*BEST_POINTS, VALIDATING)


class KillHook(Hook):
    """Ends the process at one of POINTS, in the save of iteration KILLED_SAVE."""

    priority = 100

    def __init__(self, point: str) -> None:
        self.point = point
        self.saves = 0

    def before_save_checkpoint(self, runner, checkpoint):
        if self.point != VALIDATING and checkpoint['meta']['iter'] == KILLED_SAVE:
            self.saves += 1
            # The regular one, the best one, and the regular one again, which now knows
            # of the best; then the old best one goes.
            if self.saves == BEST_POINTS.get(self.point, 1):
                self.arm()

    def before_val_epoch(self, runner):
        if self.point == VALIDATING and runner.iter == ITERATIONS:
            end()

    def arm(self) -> None:
        """Replace the function at whose call the process ends."""
        point = self.point
        if point.startswith('half of'):
            atomic_files.open = half_writing(open)
        elif point == 'last_checkpoint emptied':
            host.open = emptying(open)
        elif point == 'last_checkpoint half written':
            host.open = half_writing(open)
        elif point == 'checkpoint not yet synced':
            os.fsync = end
        elif point.endswith('renamed'):
            number = 2 if 'last_checkpoint' in point else 1
            os.replace = ending(os.replace, number, before='not yet' in point)
        else:
            remove = ending(LocalBackend.remove, 1, before='not yet' in point)
            LocalBackend.remove = remove


def end(*args: object) -> None:
    """End this process as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def ending(function: Callable, number: int, before: bool) -> Callable:
    """A function that ends the process at its n-th call, before or after its work."""
    calls = []

    def wrapper(*args):
        calls.append(args)
        if len(calls) == number and before:
            end()
        function(*args)
        if len(calls) == number:
            end()

    return wrapper


def emptying(function: Callable) -> Callable:
    """An ``open`` after which the process ends."""
    return lambda *args: end(function(*args))


def half_writing(function: Callable) -> Callable:
    """An ``open`` whose file takes half of what is written, and then the process."""

    def wrapper(*args):
        file = function(*args)

        def write(content):
            os.write(file.fileno(), memoryview(_bytes(content))[: len(content) // 2])
            end()

        return _File(file, write)

    return wrapper


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


class _File:
    def __init__(self, file, write: Callable) -> None:
        self.file, self.write = file, write

    def __enter__(self) -> '_File':
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()
