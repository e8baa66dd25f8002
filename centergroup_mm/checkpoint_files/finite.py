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
    seen: dict[tuple, bool] = {}
    wrong = []
    for name, weight in weights.items():
        is_exact = not (weight.is_floating_point() or weight.is_complex())
        if weight.is_meta or is_exact:
            continue
        key = (weight.device, weight.data_ptr(), weight.dtype)
        if weight.nbytes < weight.untyped_storage().nbytes():
            # A part of a larger memory, the rest of which does not matter.
            key += (weight.shape, weight.stride())
            numbers = weight
        else:
            # Each memory once: a file may pass a small one off as a huge weight, or as
            # many.
            numbers = torch.empty(0, dtype=weight.dtype, device=weight.device)
            numbers = numbers.set_(weight.untyped_storage())
        if key not in seen:
            # Torch cannot ask this of numbers of eight bits.
            numbers = numbers.float() if weight.dtype.itemsize == 1 else numbers
            seen[key] = bool(torch.isfinite(numbers).all())
        if not seen[key]:
            wrong.append(name)
    return wrong
