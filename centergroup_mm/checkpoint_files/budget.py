# SPDX-License-Identifier: Apache-2.0
"""A bound on the memory that the objects of a file may take."""

from .errors import RefusedError

# Small files may be mostly structure: half a million instructions of a pickle.
_FLOOR = 64 * 2**20
_PER_BYTE_OF_FILE = 2


class Budget:
    """Bytes that may still be spent on objects other than the data of tensors.

    Args:
        file_size (int): Size of the file in bytes.
    """

    def __init__(self, file_size: int) -> None:
        self._left = _FLOOR + _PER_BYTE_OF_FILE * file_size

    def charge(self, num_bytes: int) -> None:
        """Spend some of it.

        Raises:
            RefusedError: If nothing is left.
        """
        self._left -= num_bytes
        if self._left < 0:
            raise RefusedError(
                'is refused: a small file that unfolds into much more memory than '
                'weights need is made to exhaust it. Do not use it.'
            )
