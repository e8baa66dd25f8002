# SPDX-License-Identifier: Apache-2.0
"""Which weights hold NaN or infinity."""

from collections.abc import Mapping

import torch
from torch import Tensor


def not_finite(weights: Mapping[str, Tensor]) -> list[str]:
    """Names of the weights that hold a number that is not finite.

    Integers, and weights without values (``meta``), are not wrong.

    Args:
        weights (Mapping[str, Tensor]): Weights by name.
    """
    memories: dict[tuple, bool] = {}
    wrong = []
    for name, weight in weights.items():
        is_exact = not (weight.is_floating_point() or weight.is_complex())
        if weight.is_meta or is_exact:
            continue
        # Each memory once: a file may pass a small one off as a huge weight, or many.
        storage = weight.untyped_storage()
        key = (weight.device, storage.data_ptr(), weight.dtype)
        if key not in memories:
            numbers = torch.empty(0, dtype=weight.dtype, device=weight.device)
            memories[key] = _is_finite(numbers.set_(storage))
        # What is wrong may lie in a part of the memory that does not matter.
        is_part = weight.nbytes < storage.nbytes()
        if not memories[key] and not (is_part and _is_finite(weight)):
            wrong.append(name)
    return wrong


def _is_finite(numbers: Tensor) -> bool:
    # Torch cannot ask this of numbers of eight bits.
    numbers = numbers.float() if numbers.dtype.itemsize == 1 else numbers
    return bool(torch.isfinite(numbers).all())
