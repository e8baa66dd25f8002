# SPDX-License-Identifier: Apache-2.0
"""What several command lines take."""

import argparse


def key_value(text: str) -> str:
    """Check one of ``--cfg-options`` (``type`` of argparse), which the host reads.

    Raises:
        argparse.ArgumentTypeError: If there is no value; the host would only say that
            it cannot unpack.
    """
    if '=' not in text:
        raise argparse.ArgumentTypeError(f'{text!r} is not of the form key=value')
    return text
