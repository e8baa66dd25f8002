# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of other layouts made into this package's, and its own into releases."""

from .convert import convert_checkpoint
from .publish import publish_checkpoint
from .restricted_reader import CheckpointFileError, read_checkpoint

__all__ = [
    'CheckpointFileError',
    'convert_checkpoint',
    'publish_checkpoint',
    'read_checkpoint',
]
