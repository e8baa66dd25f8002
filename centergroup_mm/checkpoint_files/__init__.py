# SPDX-License-Identifier: Apache-2.0
"""Files of checkpoints: the one reader, which runs nothing, and what fetches them."""

from .dataset_meta import known_dataset_meta
from .download import URL_PREFIXES, download
from .errors import CheckpointFileError, shown_name
from .finite import not_finite
from .memory import memory_of
from .reader import read_checkpoint
from .safetensors_file import safetensors_bytes

__all__ = [
    'URL_PREFIXES',
    'CheckpointFileError',
    'download',
    'known_dataset_meta',
    'memory_of',
    'not_finite',
    'read_checkpoint',
    'safetensors_bytes',
    'shown_name',
]
