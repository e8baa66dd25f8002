# SPDX-License-Identifier: Apache-2.0
"""The weights of a foreign checkpoint, and nothing else of it."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import url2pathname

from torch import Tensor

from ..checkpoint_files import (
    URL_PREFIXES,
    CheckpointFileError,
    download,
    memory_of,
    not_finite,
    read_checkpoint,
    shown_name,
)

# Names of weights that a message lists.
SHOWN = 5
# Left in the names when a training ran on several devices.
WRAPPER_PREFIX = 'module.'


def read_weights(source: str | Path) -> dict[str, Tensor]:
    """Read the weights of a checkpoint without running what is pickled in it.

    Released checkpoints hold configuration objects of a library that need not be
    installed: everything but containers and tensors is passed over.

    Args:
        source (str | Path): A file that ``read_checkpoint`` reads, or its URL. The
            weights are its ``state_dict``, or the whole of it.

    Returns:
        dict[str, Tensor]: Weights by name, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointFileError: If it cannot be downloaded or read, or holds no weights.
    """
    name = shown_name(source)
    loaded = read_source(source, stand_ins=True)
    weights = loaded.get('state_dict', loaded) if isinstance(loaded, dict) else None
    if not weights or not isinstance(weights, dict):
        raise CheckpointFileError(
            f'{name} holds no weights: expected a dictionary of tensors, or one under '
            '"state_dict".'
        )
    wrong = [
        ascii(key)
        for key, weight in weights.items()
        if not (isinstance(key, str) and key.isprintable() and type(weight) is Tensor)
    ]
    if wrong:
        raise CheckpointFileError(
            f'{name} holds entries among its weights that are no tensors: '
            f'{", ".join(wrong[:SHOWN])}. Expected a checkpoint of weights.'
        )
    return in_own_memory(weights, name)


def read_source(source: str | Path, stand_ins: bool = False) -> Any:
    """``read_checkpoint`` for a path or a URL; ``file://`` is a path."""
    if str(source).startswith('file:///'):
        source = url2pathname(str(source).removeprefix('file://'))
    if not str(source).startswith(URL_PREFIXES):
        return read_checkpoint(source, stand_ins=stand_ins)
    with TemporaryDirectory() as folder:
        path = download(str(source), Path(folder))
        return read_checkpoint(path, stand_ins=stand_ins, name=shown_name(source))


def in_own_memory(weights: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Copy the weights that are views of a larger memory, which would be saved whole.

    Args:
        weights (Mapping[str, Tensor]): Weights by name.
        name (str): Their file, for the message.

    Raises:
        CheckpointFileError: If that needs more memory than the file has.
    """
    parts = {
        key: weight
        for key, weight in weights.items()
        if weight.untyped_storage().nbytes() > weight.nbytes
    }
    if sum(weight.nbytes for weight in parts.values()) > memory_of(parts.values()):
        raise CheckpointFileError(
            f'{name} has weights that overlap each other in memory. Save copies of '
            'them: torch.save({key: weight.clone() for key, weight in ...}, FILE).'
        )
    return {
        key: weight.clone() if key in parts else weight
        for key, weight in weights.items()
    }


def describe_infinite(weights: Mapping[str, Tensor]) -> str | None:
    """Name the weights that are not finite.

    Args:
        weights (Mapping[str, Tensor]): Weights by name, in their own memory.

    Returns:
        str | None: How many there are and the first names; None if there are none.
    """
    wrong = not_finite(weights)
    if not wrong:
        return None
    more = ', ...' if len(wrong) > SHOWN else ''
    return (
        f'{len(wrong)} of {len(weights)} weights that are not finite (NaN or '
        f'infinite): {", ".join(map(shown_name, wrong[:SHOWN]))}{more}'
    )
