# SPDX-License-Identifier: Apache-2.0
"""Making a release of a trained checkpoint."""

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from pickle import UnpicklingError

from mmengine.runner import CheckpointLoader
from torch import Tensor

from .files import checkpoint_bytes, write_together
from .restricted_reader import CheckpointFileError

GROUPING_MODULE = re.compile(r'head\.grouping\.grouping_modules\.(\d+)\.')


def publish_checkpoint(source: str | Path, target: str | Path) -> Path:
    """Write the part of a checkpoint that inference needs.

    The state of the training is left out and, of the grouping modules, all but the
    last, which alone is used at inference. The model loads such a file with the
    unchanged config and predicts the same.

    Args:
        source (str | Path): Path or URL of a checkpoint of this package.
        target (str | Path): ``NAME.pth``; the file becomes ``NAME-HASH_DATE.pth`` as
            the host names its releases, HASH being the first eight digits of its
            SHA-256.

    Returns:
        Path: The file.

    Raises:
        CheckpointFileError: If the file cannot be read or holds no weights.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(
            str(source), map_location='cpu', logger='silent'
        )
    except (RuntimeError, EOFError, UnpicklingError) as error:
        reason = str(error).split('\n')[0] or type(error).__name__
        raise CheckpointFileError(
            f'{source} cannot be read as a checkpoint of this package: {reason}'
        ) from error
    if not isinstance(checkpoint, dict) or 'state_dict' not in checkpoint:
        raise CheckpointFileError(
            f'{source} has no "state_dict"; expected a checkpoint of this package, as '
            'written in training or by the conversion.'
        )
    content = checkpoint_bytes(
        drop_unused_modules(checkpoint['state_dict']),
        checkpoint.get('meta', {}).get('dataset_meta'),
    )
    digest = hashlib.sha256(content).hexdigest()[:8]
    target = Path(target)
    stem = target.stem if target.suffix == '.pth' else target.name
    published = target.with_name(f'{stem}-{digest}_{date.today():%Y%m%d}.pth')
    write_together({published: content})
    return published


def drop_unused_modules(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out all grouping modules but the last.

    Args:
        weights (Mapping[str, Tensor]): A state dict of CenterGroup or of a detector.

    Returns:
        dict[str, Tensor]: What remains, in memory of its own.
    """
    modules = {key: GROUPING_MODULE.match(key) for key in weights}
    last = max((int(m[1]) for m in modules.values() if m), default=None)
    return {
        key: weight.clone()
        for key, weight in weights.items()
        if not modules[key] or int(modules[key][1]) == last
    }
