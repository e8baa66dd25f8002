# SPDX-License-Identifier: Apache-2.0
"""How much memory tensors lie in."""

from collections.abc import Iterable

from torch import Tensor


def memory_of(tensors: Iterable[Tensor]) -> int:
    """Bytes of the storages of tensors, each storage once, however many share it.

    A file may make many large tensors of a few numbers: they need more than this as
    soon as they are copied. Storages without values (``meta``) count as others.

    Args:
        tensors (Iterable[Tensor]): Kept alive by the caller.
    """
    storages = (tensor.untyped_storage() for tensor in tensors)
    return sum({storage._cdata: storage.nbytes() for storage in storages}.values())
