# SPDX-License-Identifier: Apache-2.0
"""The content of a checkpoint file."""

import io
from collections.abc import Mapping
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


def plain(value: Any) -> Any:
    """Nested containers with lists in place of arrays."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(entry) for entry in value)
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
