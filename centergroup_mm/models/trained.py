# SPDX-License-Identifier: Apache-2.0
"""Whether layers are trained, told from their state and not remembered beside it.

The statistics of a batch norm begin with the mean 0 and the variance 1 in every
channel. Training moves them at its first step, and so does whatever loads trained
weights: a checkpoint of the whole or of a part, ``init_cfg``, a copy, a wrapper.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(*parts: nn.Module) -> list[_BatchNorm]:
    """The batch norms of all parts, whose statistics are kept."""
    return [
        module
        for part in parts
        for module in part.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]


@torch.no_grad()
def any_is_initial(norms: Iterable[_BatchNorm]) -> bool:
    """Whether the statistics of a batch norm are those that it began with.

    Waits for the device once.
    """
    initial = [
        (norm.running_mean == 0).all() & (norm.running_var == 1).all() for norm in norms
    ]
    return bool(torch.stack(initial).any()) if initial else False
