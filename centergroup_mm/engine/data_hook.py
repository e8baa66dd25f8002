# SPDX-License-Identifier: Apache-2.0
"""Batches that depend on the seed of the training and on nothing else."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import IterBasedTrainLoop
from mmpose.registry import HOOKS
from torch.utils.data import DataLoader

from .data_workers import has_no_shared_memory, memory_advice, prepare_workers
from .random_states import kept_random_states


class _Shared:
    """Holds what must stay one and the same when what contains it is copied."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def __deepcopy__(self, memo: dict) -> Any:
        return self.content


class WatchedBatches:
    """Batches, with advice when the workers that load them cannot work.

    Args:
        batches (Iterator): The batches.
    """

    def __init__(self, batches: Iterator) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        with advice_on_workers():
            return next(self._batches)


@contextmanager
def advice_on_workers() -> Iterator[None]:
    """Add to an error of data workers what to do about it.

    Raises:
        RuntimeError: If one has died, or there is no shared memory to start them.
    """
    try:
        yield
    except (RuntimeError, OSError) as error:
        full = getattr(error, 'errno', None) == errno.ENOSPC
        if not full and not str(error).startswith('DataLoader worker'):
            raise
        what = f'No data worker can start: {error}' if full else error
        raise RuntimeError(f'{what}. {memory_advice()}') from error


@HOOKS.register_module()
class DataLoadingHook(Hook):
    """Make order and augmentation repeatable, and data workers well-behaved.

    The host builds the training's loader before it resumes. A seed that was drawn, not
    set, is another one then, and so would be the order of the images. Here the loader
    is built again when the seed of the first start is known. Loaders that were handed
    to the runner ready-made are left as they are.

    Workers, those of validation and test too, end with their trainer, and stop it when
    there is no shared memory left; see `data_workers`.
    """

    priority = 'HIGH'

    def __init__(self) -> None:
        # Without any, the host cannot even build the loader, before hooks are called.
        if has_no_shared_memory():
            print_log(memory_advice(), logger='current', level=logging.WARNING)

    def before_train(self, runner) -> None:
        """Build the loader for the seed."""
        if not isinstance(runner._train_dataloader, dict):
            return
        loop = runner.train_loop
        by_iterations = isinstance(loop, IterBasedTrainLoop)
        if by_iterations:
            iterate = type(loop.dataloader_iterator)
            # With the old loader it ends the workers that the host has started.
            loop.dataloader_iterator = None
        loop.dataloader = rebuild_loader(runner, loop.dataloader)
        if by_iterations:
            with advice_on_workers():
                batches = iterate(loop.dataloader)
            loop.dataloader_iterator = WatchedBatches(batches)

    def before_val(self, runner) -> None:
        """Prepare the validation's workers."""
        prepare_workers(runner.val_dataloader)

    def before_test(self, runner) -> None:
        """Prepare the test's workers."""
        prepare_workers(runner.test_dataloader)


def rebuild_loader(runner, loader: DataLoader) -> DataLoader:
    """Build the loader of the training anew, from its config and the runner's seed.

    Args:
        runner (Runner): The runner.
        loader (DataLoader): The loader that it has built, whose dataset is kept.
    """
    config = dict(runner._train_dataloader)
    config.pop('num_batch_per_epoch', None)
    config['dataset'] = _Shared(loader.dataset)
    with kept_random_states():
        # Where each rank has a seed of its own, the sampler's common one is drawn.
        np.random.seed(runner.seed)
        rebuilt = runner.build_dataloader(
            config,
            seed=runner.seed,
            diff_rank_seed=runner._randomness_cfg.get('diff_rank_seed', False),
        )
    # The seed of workers whose config has a `worker_init_fn` of its own. It would be
    # drawn from torch's global generator, whose state depends on what came before.
    rebuilt.generator = torch.Generator().manual_seed(runner.seed)
    prepare_workers(rebuilt)
    return rebuilt
