# SPDX-License-Identifier: Apache-2.0
"""What is raised for a file that is no checkpoint."""

from ..texts import shown, shown_name

__all__ = ['CheckpointFileError', 'RefusedError', 'shown', 'shown_name']


class CheckpointFileError(ValueError):
    """The file is no checkpoint that can be read, or not of a known layout."""


class RefusedError(Exception):
    """What is wrong with a file: the rest of a sentence that starts with its name."""
