# SPDX-License-Identifier: Apache-2.0
"""Means over a whole batch, wherever its images are."""

from collections.abc import Mapping

import torch
from mmdet.utils import reduce_mean
from torch import Tensor


def mean_over_batch(sums: Tensor, counts: Tensor) -> Tensor:
    """Means of what this process has of a batch that several processes share.

    Distributed training averages the gradients of R processes. A sum divided by the
    R-th part of what all of them count gives, after that average, the gradient of the
    mean over the whole batch, as one process would compute it.

    Args:
        sums (Tensor): Sums over the images of this process, any shape.
        counts (Tensor): How many values each sum has, same shape.

    Returns:
        Tensor: Same shape; 0, still differentiable, where nobody counts anything.
    """
    counts = reduce_mean(counts.to(sums.dtype))
    return sums / counts.masked_fill(counts == 0, 1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the whole batch of the entries under ``mask``, 0 if there are none.

    Every entry stays in the graph, so that each parameter has a gradient in every
    process whatever its images hold.

    Args:
        values (Tensor): Any shape.
        mask (Tensor): bool, same shape.

    Returns:
        Tensor: A scalar, see :func:`mean_over_batch`.
    """
    return mean_over_batch((values * mask).sum(), mask.sum())


def means_by_stage(
    terms: Mapping[str, tuple[float, Tensor, Tensor]],
) -> dict[str, Tensor]:
    """Means over the whole batch, of all stages together and of each.

    Args:
        terms (Mapping): By name a weight, values (S, ...) and a bool mask (S, ...).

    Returns:
        dict[str, Tensor]: ``loss_NAME`` of each term, and for the log ``NAME_stage1``
        and so on without gradient.
    """
    sums, counts = (
        torch.stack([part.flatten(1).sum(1, dtype=torch.float) for part in parts])
        for parts in (
            [values * mask for _, values, mask in terms.values()],
            [mask for *_, mask in terms.values()],
        )
    )
    # (terms, stages), and all stages together: one exchange between the processes.
    sums = torch.cat((sums.sum(1, keepdim=True), sums.detach()), 1)
    counts = torch.cat((counts.sum(1, keepdim=True), counts), 1)
    losses = {}
    for (name, (weight, *_)), means in zip(
        terms.items(), mean_over_batch(sums, counts), strict=True
    ):
        losses[f'loss_{name}'] = weight * means[0]
        for stage, mean in enumerate(means[1:], 1):
            losses[f'{name}_stage{stage}'] = weight * mean.detach()
    return losses
