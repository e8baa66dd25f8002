# SPDX-License-Identifier: Apache-2.0
"""Making a release of a trained checkpoint."""

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from torch import Tensor

from ..checkpoint_files import (
    CheckpointFileError,
    known_dataset_meta,
    memory_of,
    safetensors_bytes,
    shown_name,
)
from ..files import write_together
from ..texts import shown
from .content import checkpoint_bytes, plain
from .weights import (
    SHOWN,
    WRAPPER_PREFIX,
    describe_infinite,
    in_own_memory,
    read_source,
)

GROUPING_MODULE = re.compile(r'head\.grouping\.grouping_modules\.(\d+)\.')
REQUIRED_PREFIXES = ('backbone.', 'head.detector.')
KNOWN_PREFIXES = (
    *REQUIRED_PREFIXES,
    'data_preprocessor.',
    'neck.',
    'head.tokenizer.',
    'head.grouping.',
    'head.score.',
    'head.offset_branch.',
    'head.box_branch.',
)
SUFFIXES = {'torch': '.pth', 'safetensors': '.safetensors'}
# Weights may share a memory, but not to become much larger than their file.
LARGEST_MULTIPLE = 2


def publish_checkpoint(
    source: str | Path, target: str | Path, file_format: str = 'torch'
) -> Path:
    """Write the part of a checkpoint that inference needs.

    The state of the training is left out and, of the grouping modules, all but the
    last, which alone is used at inference. The model loads such a file with the
    unchanged config and predicts the same.

    Args:
        source (str | Path): Path or URL of a checkpoint of this package.
        target (str | Path): ``NAME.pth``; the file becomes ``NAME-HASH_DATE.pth`` as
            the host names its releases, HASH being the first eight digits of its
            SHA-256.
        file_format (str): ``torch``, or ``safetensors`` for a file that holds no
            program by design (``NAME-HASH_DATE.safetensors``). Both are loaded alike.

    Returns:
        Path: The file.

    Raises:
        CheckpointFileError: If the file cannot be read, holds no weights or those of
            another model, or weights that are not finite.
        ValueError: If the target has no name, or the format is unknown.
    """
    target = Path(target)
    if not target.name or target.is_dir():
        raise ValueError(f'{target} names no file. Give a target such as NAME.pth.')
    if file_format not in SUFFIXES:
        raise ValueError(f'Expected a format of {list(SUFFIXES)}, got {file_format!r}.')
    checkpoint = read_source(source)
    weights = _own_weights(checkpoint, shown_name(source))
    dataset_meta = _dataset_meta(checkpoint, shown_name(source))
    if file_format == 'safetensors':
        content = safetensors_bytes(weights, dataset_meta)
    else:
        content = checkpoint_bytes(weights, dataset_meta)
    digest = hashlib.sha256(content).hexdigest()[:8]
    stem = target.stem if target.suffix in SUFFIXES.values() else target.name
    name = f'{stem}-{digest}_{date.today():%Y%m%d}{SUFFIXES[file_format]}'
    published = target.with_name(name)
    write_together({published: content})
    return published


def _own_weights(checkpoint: Any, name: str) -> dict[str, Tensor]:
    """The weights of one of this package's models, as they are published.

    Raises:
        CheckpointFileError: If they are those of another model, or damaged.
    """
    weights = checkpoint.get('state_dict') if isinstance(checkpoint, dict) else None
    if not isinstance(weights, dict) or not weights:
        raise CheckpointFileError(
            f'{name} has no "state_dict" with weights; expected a checkpoint of this '
            'package, as written in training or by the conversion.'
        )
    odd = [
        key
        for key, weight in weights.items()
        if not (isinstance(key, str) and key.isprintable() and type(weight) is Tensor)
    ]
    if odd:
        raise CheckpointFileError(
            f'{name} holds entries among its weights that are no tensors, or without '
            f'proper names: {", ".join(map(shown, odd[:SHOWN]))}. Expected a '
            'checkpoint of weights.'
        )
    weights = {key.removeprefix(WRAPPER_PREFIX): w for key, w in weights.items()}
    unknown = [key for key in weights if not key.startswith(KNOWN_PREFIXES)]
    missing = [
        prefix
        for prefix in REQUIRED_PREFIXES
        if not any(key.startswith(prefix) for key in weights)
    ]
    if unknown or missing:
        found = f'unknown: {", ".join(map(shown, unknown[:SHOWN]))}' * bool(unknown)
        lacking = f'missing: {", ".join(f"{prefix}*" for prefix in missing)}'
        raise CheckpointFileError(
            f'{name} holds the weights of another model ({found or lacking}). Expected '
            'a checkpoint of this package; convert a released one first.'
        )
    weights = in_own_memory(drop_unused_modules(weights), name)
    # Safetensors writes shared memory once per weight.
    needed = sum(weight.nbytes for weight in weights.values())
    memory = memory_of(weights.values())
    if needed > LARGEST_MULTIPLE * memory:
        raise CheckpointFileError(
            f'{name} has weights that repeat a few numbers: {needed:,} bytes made of '
            f'{memory:,}; at most {LARGEST_MULTIPLE} times as many are expected. It is '
            'no checkpoint of a training: publish another.'
        )
    if infinite := describe_infinite(weights):
        raise CheckpointFileError(
            f'{name} has {infinite}. Its training failed: publish an earlier '
            'checkpoint.'
        )
    return weights


def _dataset_meta(checkpoint: dict, name: str) -> dict | None:
    meta = checkpoint.get('meta')
    found = meta.get('dataset_meta') if isinstance(meta, dict) else None
    if not isinstance(found, dict):
        return None
    return plain(known_dataset_meta(found, name)) or None


def drop_unused_modules(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out all grouping modules but the last.

    Args:
        weights (Mapping[str, Tensor]): A state dict of CenterGroup or of a detector.

    Returns:
        dict[str, Tensor]: What remains.
    """
    modules = {key: GROUPING_MODULE.match(key) for key in weights}
    last = max((int(m[1]) for m in modules.values() if m), default=None)
    return {
        key: weight
        for key, weight in weights.items()
        if not modules[key] or int(modules[key][1]) == last
    }
