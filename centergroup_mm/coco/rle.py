# SPDX-License-Identifier: Apache-2.0
"""Masks as COCO's run lengths, and back."""

from reprlib import repr as short_repr

import numpy as np

# COCO's text form of run lengths: six-bit characters from '0' on, of which five bits
# are payload and one says that more follow.
_FIRST_CHARACTER = 48
_PAYLOAD, _MORE, _SIGN = 0x1F, 0x20, 0x10
# Of one run: 12 characters. Longer numbers would take ever longer to add up.
_MOST_BITS = 60


def decode_rle(rle: dict, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Decode a COCO run-length mask, compressed or not.

    Args:
        rle (dict): ``size`` [h, w] and ``counts``, a list of run lengths (column by
            column, zeros first) or their text form.
        shape (tuple[int, int], optional): Size (h, w) that it must have, which bounds
            the memory that it takes.

    Returns:
        np.ndarray: bool (h, w).

    Raises:
        ValueError: If a key is missing, a value of another type, the size another than
            ``shape``, or the runs do not fill it.
    """
    if not {'size', 'counts'} <= rle.keys():
        raise ValueError(
            f'a segmentation with the keys {sorted(rle)}; run lengths have "size" and '
            '"counts"'
        )
    size, counts = rle['size'], rle['counts']
    if not _are_integers(size) or len(size) != 2 or min(size) < 0:
        raise ValueError(
            f'a run-length mask of the size {short_repr(size)}; expected two integers '
            '[height, width] in pixels'
        )
    height, width = size
    if shape is not None and (height, width) != shape:
        raise ValueError(
            f'a run-length mask of {height} x {width} pixels for an image of '
            f'{shape[0]} x {shape[1]} (height x width)'
        )
    if isinstance(counts, str | bytes):
        counts = _read_counts(counts.encode() if isinstance(counts, str) else counts)
    elif not _are_integers(counts):
        raise ValueError(
            f'the run lengths {short_repr(counts)}; expected a list of integers, or '
            'their text form'
        )
    if any(count < 0 for count in counts) or sum(counts) != height * width:
        raise ValueError(
            f'run lengths that sum to {sum(counts)} for a mask of {height} x {width} = '
            f'{height * width} pixels'
        )
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def _are_integers(values: object) -> bool:
    return isinstance(values, list | tuple) and all(
        isinstance(value, int) and not isinstance(value, bool) for value in values
    )


def _read_counts(text: bytes) -> list[int]:
    """Run lengths from COCO's text form."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = character - _FIRST_CHARACTER
        value |= (bits & _PAYLOAD) << shift
        shift += 5
        if shift > _MOST_BITS:
            raise ValueError(
                'a text of run lengths in which one has more than '
                f'{_MOST_BITS // 5} characters'
            )
        if bits & _MORE:
            continue
        if bits & _SIGN:
            value -= 1 << shift
        # From the fourth on, a run is stored as its difference to the last but one.
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts


def encode_rle(mask: np.ndarray) -> dict:
    """Encode a mask as COCO's uncompressed run lengths.

    Args:
        mask (np.ndarray): bool (h, w).

    Returns:
        dict: ``size`` [h, w] and ``counts``: lengths of runs down the columns, zeros
        and ones in turn, zeros first.
    """
    flat = np.asarray(mask, bool).ravel(order='F')
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate([[0], edges, [flat.size]])
    counts = np.diff(bounds).tolist()
    if flat.size and flat[0]:
        counts.insert(0, 0)
    return {'size': list(mask.shape), 'counts': counts}
