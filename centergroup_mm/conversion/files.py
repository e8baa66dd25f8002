# SPDX-License-Identifier: Apache-2.0
"""Writing of checkpoints."""

import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


def checkpoint_bytes(weights: Mapping[str, Tensor], dataset_meta: dict | None) -> bytes:
    """The content of a checkpoint file.

    It is made of plain types only and so loads with ``weights_only=True`` anywhere.

    Args:
        weights (Mapping[str, Tensor]): Becomes ``state_dict``.
        dataset_meta (dict, optional): The keypoint types, by which the host's
            inferencers draw; becomes ``meta['dataset_meta']``.
    """
    meta = {} if dataset_meta is None else dict(dataset_meta=plain(dataset_meta))
    stream = io.BytesIO()
    torch.save(dict(meta=meta, state_dict=dict(weights)), stream)
    return stream.getvalue()


def write_together(files: Mapping[Path, bytes], overwrite: bool = True) -> None:
    """Write several files, or none of them if one cannot be written.

    Args:
        files (Mapping[Path, bytes]): What they shall hold.
        overwrite (bool): Whether files that are already there may be replaced.

    Raises:
        FileExistsError: If one is there and may not be replaced.
        OSError: If one cannot be written.
    """
    check_free(files, overwrite)
    partial = {
        path: path.with_name(f'{path.name}.{os.getpid()}.partial') for path in files
    }
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(partial[path], 'wb') as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path in files:
            os.replace(partial[path], path)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)


def check_free(paths: Iterable[Path], overwrite: bool) -> None:
    """Refuse to replace what is there; errors are those of :func:`write_together`."""
    for path in paths:
        if path.is_dir():
            raise IsADirectoryError(f'{path} is a folder; expected a file name.')
        if path.exists() and not overwrite:
            raise FileExistsError(
                f'{path} is already there. Name another target, or replace it with '
                '--overwrite.'
            )


def plain(value: Any) -> Any:
    """Nested containers with lists in place of arrays."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(entry) for entry in value)
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
