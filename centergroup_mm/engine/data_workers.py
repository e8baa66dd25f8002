# SPDX-License-Identifier: Apache-2.0
"""Data workers that end with their trainer, and say why they end before."""

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing.queues import Queue
from pathlib import Path

from torch.utils.data import DataLoader

_PR_SET_PDEATHSIG = 1
SHARED_MEMORY = Path('/dev/shm')


def prepare_workers(loader: DataLoader) -> None:
    """Have the workers that a loader will start behave; see :func:`start_worker`."""
    if loader.num_workers and not _is_prepared(loader):
        loader.worker_init_fn = partial(
            start_worker, trainer=os.getpid(), then=loader.worker_init_fn
        )


def start_worker(
    worker: int, trainer: int, then: Callable[[int], None] | None = None
) -> None:
    """Begin a data worker's life.

    Torch's workers survive a trainer that is killed, blocked in a pipe that nobody
    reads; and one that finds no shared memory for a batch drops it,
    for which the trainer waits for ever.

    Args:
        worker (int): Its number.
        trainer (int): Process id of the trainer.
        then (Callable, optional): The function that the loader had.
    """
    end_with_parent(trainer)
    # Of this process alone. The class' own would print the error and go on.
    Queue._on_queue_feeder_error = staticmethod(_give_up)
    if then is not None:
        then(worker)


def has_no_shared_memory() -> bool:
    """Whether there is not even room for the locks that workers share."""
    return SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free < 2**16


def memory_advice() -> str:
    """What to do when data workers die, mostly for lack of memory."""
    shared = ''
    if SHARED_MEMORY.is_dir():
        usage = shutil.disk_usage(SHARED_MEMORY)
        shared = (
            f'{SHARED_MEMORY}, through which workers pass batches, has '
            f'{usage.free / 2**20:.1f} of {usage.total / 2**20:.1f} MB free. '
        )
    return (
        f'{shared}Enlarge it (`docker run --shm-size=8g`), take smaller batches '
        '(train_dataloader.batch_size), fewer workers (train_dataloader.num_workers) '
        'or none (num_workers=0 and persistent_workers=False).'
    )


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process as soon as its parent is gone.

    Linux only; elsewhere nothing is done.

    Args:
        parent (int): Process id of the parent, as it was at the start.
    """
    if not sys.platform.startswith('linux'):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have died before the call, which only concerns what comes.
    if os.getppid() != parent:
        os._exit(1)


def _is_prepared(loader: DataLoader) -> bool:
    function = loader.worker_init_fn
    return isinstance(function, partial) and function.func is start_worker


def _give_up(error: Exception, batch: object) -> None:
    print(
        f'A data worker cannot hand over a batch: {error}. {memory_advice()}',
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)
