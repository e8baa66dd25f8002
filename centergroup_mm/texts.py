# SPDX-License-Identifier: Apache-2.0
"""Texts from files, names of files among them, as messages and logs show them.

A terminal obeys control characters: what a stranger's file holds is never printed as
it is.
"""

import re
from pathlib import Path

# Longest text from a file, or of another library, that a message repeats.
_SHOWN_LENGTH = 120
_ADDRESS = re.compile(r'(https?://)(?:[^/?#]*@)?([^?#]*)(.*)', re.DOTALL)


def shown_name(source: str | Path) -> str:
    """A file or an address on one line, whatever its characters.

    Of an address, a user's name and password and what follows a question mark are left
    out: they may be secrets.
    """
    text = str(source)
    if address := _ADDRESS.match(text):
        text = address[1] + address[2] + ('?...' if address[3] else '')
    return text if text.isprintable() else repr(text)


def printable(text: str) -> str:
    """A line in which control characters, and line breaks, are written as escapes."""
    return ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(value: object) -> str:
    """Something that a file holds, on one short line of printable characters."""
    text = printable(repr(value))
    return text if len(text) <= _SHOWN_LENGTH else f'{text[:_SHOWN_LENGTH]}...'
