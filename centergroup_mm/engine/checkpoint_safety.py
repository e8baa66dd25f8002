# SPDX-License-Identifier: Apache-2.0
"""mmengine's loading of checkpoints, by the reader that runs nothing.

``load_from``, ``--resume``, ``--checkpoint`` and the inferencers all ask mmengine's
``CheckpointLoader``, which asks the loaders registered here. What they return is data;
this module also takes out what the host would run, and checks the shape of what the
host uses without a look.
"""

import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import barrier, get_dist_info
from mmengine.runner import CheckpointLoader

from ..checkpoint_files import (
    CheckpointFileError,
    download,
    known_dataset_meta,
    read_checkpoint,
    shown_name,
)
from .entry_checks import (
    check_log,
    check_optimizer,
    check_progress,
    check_schedulers,
    check_sizes,
)
from .removals import own_files

_NOT_OURS = 'Expected a checkpoint of a training, a conversion or a release.'
# Entries that the host uses, and what they have to be.
_ENTRY_TYPES: dict[str, type | tuple[type, ...]] = {
    'state_dict': dict,
    'meta': dict,
    'message_hub': dict,
    'optimizer': dict,
    'param_schedulers': (list, dict),
    'ema_state_dict': dict,
}
_META_TYPES = {'iter': int, 'epoch': int, 'seed': int, 'dataset_meta': dict}
_LOG_ENTRIES = ('log_scalars', 'runtime_info', 'resumed_keys')


class MissingEntryError(CheckpointFileError, KeyError):
    """A checkpoint lacks an entry that the host needs."""

    def __str__(self) -> str:
        # That of KeyError would put the message in quotes.
        return str(self.args[0])


class NamedEntries(dict):
    """A dictionary that says which file lacks an entry.

    Args:
        entries (Mapping): What it holds.
        file (str): The file, for the message.
    """

    def __init__(self, entries: Mapping, file: str) -> None:
        super().__init__(entries)
        self.file = file
        # What a resumed training would fail on; for others the weights are good.
        self.unusable: dict[str, CheckpointFileError] = {}

    def __getitem__(self, key: str) -> Any:
        if key in self.unusable:
            raise self.unusable[key]
        return super().__getitem__(key)

    def __missing__(self, key: str) -> Any:
        raise MissingEntryError(
            f'{self.file} has no {key!r}: it holds weights, but not the state of a '
            'training. Start from it with `--cfg-options load_from=FILE`, without '
            '`--resume`.'
        )

    def __reduce__(self) -> tuple:
        # Saved again, it is a dictionary that any reader knows.
        return OrderedDict, (), None, None, iter(self.items())


def for_host(content: Any, file: str) -> NamedEntries:
    """Make what a file holds ready for mmengine.

    mmengine runs configs that it finds in checkpoints: the text under ``config`` when a
    training is resumed, the others when an inferencer gets no config. They are left
    out, and so is all of ``dataset_meta`` that does not tell of keypoint types. It also
    removes files that they name: see :func:`own_files`.

    Args:
        content (Any): What was read.
        file (str): The file, for messages.

    Raises:
        CheckpointFileError: If an entry is not what the host expects under its name.
            The state of optimizers and schedules is refused once it is asked for.
    """
    name = shown_name(file)
    if not isinstance(content, dict):
        raise CheckpointFileError(
            f'{name} holds an object of type {type(content).__name__}, not a '
            f'dictionary. {_NOT_OURS}'
        )
    checkpoint = NamedEntries(content, name)
    if hasattr(content, '_metadata'):  # versions of modules, in a bare state dict
        checkpoint._metadata = content._metadata
    if checkpoint.get('meta', True) is None:
        checkpoint['meta'] = {}
    _check_types(checkpoint, _ENTRY_TYPES, name)
    _check_weights(checkpoint, name)
    checks = dict(optimizer=check_optimizer, param_schedulers=check_schedulers)
    for key in checks.keys() & checkpoint.keys():
        try:
            checks[key](checkpoint[key], name)
        except CheckpointFileError as error:
            checkpoint.unusable[key] = error
    if 'meta' in checkpoint:
        checkpoint['meta'] = _meta_for_host(checkpoint['meta'], name)
    if 'message_hub' in checkpoint:
        hub = dict(checkpoint['message_hub'])
        _check_types(hub, dict.fromkeys(_LOG_ENTRIES, dict), name)
        _check_names(hub.get('log_scalars', {}), 'values of its log', name)
        check_log(hub, name)
        checkpoint['message_hub'] = NamedEntries(hub, name)
        if 'runtime_info' in hub:
            hub['runtime_info'] = own_files(
                _without(hub['runtime_info'], 'cfg'), str(file)
            )
            checkpoint['message_hub'].update(hub)
    return checkpoint


def _meta_for_host(meta: dict, name: str) -> NamedEntries:
    used = {
        key: value
        for key, value in meta.items()
        if value is not None or key not in _META_TYPES
    }
    _check_types(used, _META_TYPES, name)
    if 'dataset_meta' in used:
        known = known_dataset_meta(used.pop('dataset_meta'), name)
        # Without any, the host takes the keypoint types of the config.
        used |= {'dataset_meta': known} if known else {}
    check_progress(used, name)
    check_sizes(used.get('training_state'), name, 'training_state')
    return NamedEntries(_without(used, 'cfg', 'config'), name)


def _without(entries: dict, *keys: str) -> dict:
    return {key: value for key, value in entries.items() if key not in keys}


def _check_types(entries: Mapping, types: Mapping[str, Any], name: str) -> None:
    for key, kind in types.items():
        if key in entries and not isinstance(entries[key], kind):
            raise CheckpointFileError(
                f'{name} has an object of type {type(entries[key]).__name__} as '
                f'{key!r}. {_NOT_OURS}'
            )


def _check_weights(checkpoint: Mapping, name: str) -> None:
    """Names must be texts that can be shown, and weights tensors."""
    if 'state_dict' not in checkpoint:
        if 'ema_state_dict' in checkpoint or 'meta' in checkpoint:
            raise CheckpointFileError(
                f'{name} has no "state_dict", only {", ".join(map(repr, checkpoint))}. '
                f'{_NOT_OURS}'
            )
        if not any(isinstance(v, (torch.Tensor, dict)) for v in checkpoint.values()):
            raise CheckpointFileError(f'{name} holds no weights. {_NOT_OURS}')
        weights = checkpoint
    else:
        weights = checkpoint['state_dict']
        wrong = [
            key
            for key, weight in weights.items()
            if not isinstance(weight, torch.Tensor)
            and not str(key).endswith('_extra_state')
        ]
        if wrong:
            raise CheckpointFileError(
                f'{name} holds entries among its weights that are no tensors: '
                f'{", ".join(map(ascii, wrong[:5]))}. {_NOT_OURS}'
            )
    _check_names(weights, 'weights', name)


def _check_names(entries: Mapping, what: str, name: str) -> None:
    """They are printed, and written to logs."""
    odd = [key for key in entries if not (isinstance(key, str) and key.isprintable())]
    if odd:
        raise CheckpointFileError(
            f'{name} has {what} without proper names: '
            f'{", ".join(ascii(key)[:100] for key in odd[:5])}. {_NOT_OURS}'
        )


def load_from_local(filename: str, map_location: Any = None) -> NamedEntries:
    """Load a file, in place of mmengine's loader of this name.

    Args:
        filename (str): The path; ``~`` is the home folder.
        map_location (MapLocation): As in ``torch.load``, with the CPU as the default.

    Returns:
        What :func:`for_host` makes of the content.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointFileError: If it is refused.
    """
    content = read_checkpoint(
        os.path.expanduser(filename), map_location, name=str(filename)
    )
    return for_host(content, str(filename))


def load_from_http(filename: str, map_location: Any = None) -> NamedEntries:
    """Download a checkpoint and load it, in place of mmengine's loader of this name.

    Args:
        filename (str): URL, ``http://`` or ``https://``; kept where ``torch.hub`` does.
        map_location (MapLocation): As in :func:`load_from_local`.

    Returns:
        What :func:`for_host` makes of the content.

    Raises:
        CheckpointFileError: If it cannot be downloaded or is refused.
    """
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    rank, _ = get_dist_info()
    try:
        if rank == 0:
            download(filename, folder)
    finally:
        # The others find the file, or fail as rank 0 did.
        barrier()
    path = download(filename, folder)
    content = read_checkpoint(
        path, map_location, name=f'{path} (from {shown_name(filename)})'
    )
    return for_host(content, str(filename))


def allow_own_checkpoints() -> None:
    """Make mmengine load files and URLs by the reader of this package.

    Uses mmengine's extension point. Named zoos (``torchvision://`` and the like) keep
    the host's loaders.
    """
    CheckpointLoader.register_scheme('', loader=load_from_local, force=True)
    CheckpointLoader.register_scheme(
        prefixes=('http://', 'https://'), loader=load_from_http, force=True
    )
