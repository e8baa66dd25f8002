# SPDX-License-Identifier: Apache-2.0
"""Checks of what mmengine takes from a checkpoint to resume a training."""

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import torch
from mmengine.optim import _ParamScheduler

from ..checkpoint_files import CheckpointFileError, memory_of

# Numbers of ``meta``, and where they end: numpy takes seeds of 32 bits.
_ENDS = {'iter': 2**40, 'epoch': 2**40, 'seed': 2**32}
# What optimizers and schedules reckon with.
_RATES = ('lr', 'initial_lr', 'weight_decay')
_STEPS = ('last_step', '_global_step', 'begin', 'end')
# How much more than their data the tensors of an entry may be, and what is free.
_MOST_COPIES = 2
_FREE_BYTES = 2**20


def check_progress(meta: dict, name: str) -> None:
    """Check the numbers that the host counts and draws with.

    Raises:
        CheckpointFileError: If one is out of its range; ``name`` is the file.
    """
    for key, end in _ENDS.items():
        if key in meta and not 0 <= meta[key] < end:
            raise CheckpointFileError(
                f'{name} has a number {key!r} outside of 0 to {end}. It was not '
                'written by a training: do not use it.'
            )


def check_optimizer(entry: dict, name: str) -> None:
    """Check the state of one optimizer, or of several by their names.

    Raises:
        CheckpointFileError: If the host could not use it.
    """
    several = entry and all(
        isinstance(one, dict) and 'param_groups' in one for one in entry.values()
    )
    for one in entry.values() if several else (entry,):
        groups, state = one.get('param_groups'), one.get('state')
        if not (
            isinstance(groups, list)
            and all(isinstance(group, dict) for group in groups)
            and all(isinstance(group.get('params'), list) for group in groups)
            and all(_are_numbers(group, _RATES) for group in groups)
            and isinstance(state, dict)
        ):
            _refuse(name, 'optimizer')
    check_sizes(entry, name, 'optimizer')


def check_schedulers(entry: list | dict, name: str) -> None:
    """Check the states of schedules, or lists of them by names of optimizers.

    Raises:
        CheckpointFileError: If the host could not use them.
    """
    for schedulers in entry.values() if isinstance(entry, dict) else (entry,):
        if not (
            isinstance(schedulers, list)
            and all(isinstance(state, dict) for state in schedulers)
            and all(_are_numbers(state, _STEPS) for state in schedulers)
            # They become attributes: one named as a method would take its place.
            and not any(hasattr(_ParamScheduler, str(k)) for s in schedulers for k in s)
        ):
            _refuse(name, 'param_schedulers')


def check_log(hub: Mapping, name: str) -> None:
    """Check what the host compares or looks up in the log of a training.

    Raises:
        CheckpointFileError: If a best score is no number, or it is not said with true
            or false which of the log's values are resumed.
    """
    info, resumed = hub.get('runtime_info', {}), hub.get('resumed_keys', {})
    scores = [key for key in info if str(key).startswith('best_score')]
    flags = resumed.items()
    if not (
        _are_numbers(info, scores)
        and all(isinstance(k, str) and isinstance(flag, bool) for k, flag in flags)
    ):
        _refuse(name, 'message_hub')


def check_sizes(entry: Any, name: str, key: str) -> None:
    """Check that tensors are about as large as their data: the host copies them.

    Raises:
        CheckpointFileError: If a few numbers stand for giants.
    """
    tensors = [*_tensors(entry)]
    total = sum(tensor.nbytes for tensor in tensors)
    if total > _MOST_COPIES * memory_of(tensors) + _FREE_BYTES:
        raise CheckpointFileError(
            f'{name} has tensors in {key!r} that repeat a few numbers: they are made '
            'to exhaust the memory. Do not use it.'
        )


def _are_numbers(entries: Mapping, keys: Iterable[str]) -> bool:
    return all(isinstance(entries.get(key, 0), Real | torch.Tensor) for key in keys)


def _tensors(entry: Any) -> Iterable[torch.Tensor]:
    # It is a tree of modest depth: the reader has seen to that.
    if isinstance(entry, torch.Tensor):
        yield entry
    elif isinstance(entry, (dict, list, tuple)):
        for inner in entry.values() if isinstance(entry, dict) else entry:
            yield from _tensors(inner)


def _refuse(name: str, key: str) -> None:
    raise CheckpointFileError(
        f'{name} has an entry {key!r} that is none. Start from its weights with '
        '`--cfg-options load_from=FILE`, without `--resume`.'
    )
