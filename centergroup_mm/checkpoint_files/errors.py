# SPDX-License-Identifier: Apache-2.0
"""What is raised for a file that is no checkpoint, and how files are named in it."""

from pathlib import Path

# Longest text from a file, or of another library, that a message repeats.
_SHOWN_LENGTH = 120


class CheckpointFileError(ValueError):
    """The file is no checkpoint that can be read, or not of a known layout."""


class RefusedError(Exception):
    """What is wrong with a file: the rest of a sentence that starts with its name."""


def shown_name(source: str | Path) -> str:
    """A file or an address on one line, whatever its characters."""
    text = str(source)
    return text if text.isprintable() else repr(text)


def shown(value: object) -> str:
    """Something that a file holds, on one short line of printable characters."""
    text = repr(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= _SHOWN_LENGTH else f'{text[:_SHOWN_LENGTH]}...'
