# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of other layouts made into this package's, and its own into releases."""

from ..checkpoint_files import CheckpointFileError
from .convert import convert_checkpoint
from .publish import publish_checkpoint
from .weights import read_weights

__all__ = [
    'CheckpointFileError',
    'convert_checkpoint',
    'publish_checkpoint',
    'read_weights',
]
