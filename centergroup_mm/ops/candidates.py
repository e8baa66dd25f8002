# SPDX-License-Identifier: Apache-2.0
"""From heatmaps to a fixed number of candidates per type."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..structures import Candidates
from .recording import is_recorded

# Side of the blocks that the search for the best pixels looks at first.
BLOCK = 16
# Pixels that a CPU takes at a time: larger intermediate maps leave its cache, and their
# memory comes from the system and goes back to it with every operation.
CPU_PIXELS = 2**21


def sliding_max(maps: Tensor, kernel_size: int, dim: int) -> Tensor:
    """Maximum over the windows that lie within the map, along one dimension.

    Windows grow by doubling: the maximum over 2n pixels is that of two windows of n.

    Args:
        maps (Tensor): Any shape.
        kernel_size (int): Length of the window.
        dim (int): -1 or -2.

    Returns:
        Tensor: Same shape, but shorter by ``kernel_size - 1`` along ``dim``.
    """
    reached = 1
    while reached < kernel_size:
        step = min(reached, kernel_size - reached)
        length = maps.shape[dim] - step
        maps = torch.maximum(
            maps.narrow(dim, 0, length), maps.narrow(dim, step, length)
        )
        reached += step
    return maps


def keep_local_maxima(heatmaps: Tensor, kernel_size: int) -> Tensor:
    """Set everything to zero that is not the maximum of its window.

    The window is square and ignores what lies outside the map. A maximum over a square
    is a maximum over rows of maxima over columns.

    Args:
        heatmaps (Tensor): (B, C, h, w), finite.
        kernel_size (int): Odd side of the window in pixels.

    Returns:
        Tensor: (B, C, h, w), the input at local maxima (every pixel of a plateau
        included) and 0 elsewhere.
    """
    half = kernel_size // 2
    if is_recorded():
        # What runs a graph has a fast operator for this, and copies for every slice.
        # On a CPU torch's own takes ten times as long as sliding.
        window_max = F.max_pool2d(heatmaps, kernel_size, stride=1, padding=half)
    else:
        padded = F.pad(heatmaps, (half,) * 4, value=float('-inf'))
        window_max = sliding_max(sliding_max(padded, kernel_size, -2), kernel_size, -1)
    return zero_elsewhere(heatmaps, window_max == heatmaps)


def zero_elsewhere(maps: Tensor, chosen: Tensor) -> Tensor:
    """Maps where they are chosen, 0 elsewhere.

    Args:
        maps (Tensor): Any shape, finite.
        chosen (Tensor): bool, of that shape or one that fits it.
    """
    # In torch a choice is faster than a product, which converts the mask first; in
    # ONNX Runtime it takes three times as long.
    if is_recorded():
        return maps * chosen.to(maps.dtype)
    return torch.where(chosen, maps, maps.new_zeros(()))


def best_pixels(maps: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The highest pixels of every map, best first.

    They lie in the ``count`` blocks with the highest maxima: a block that holds one of
    them has a maximum at least as high. Only these blocks are searched.

    Args:
        maps (Tensor): (B, C, h, w).
        count (int): M, at most h * w.

    Returns:
        tuple[Tensor, Tensor]: values and int64 indices into the flattened map, (B, C,
        M); as of ``maps.flatten(2).topk(M)`` but for the order of equal values.
    """
    height, width = maps.shape[-2:]
    rows, columns = height // BLOCK, width // BLOCK
    if height % BLOCK or width % BLOCK or rows * columns <= count:
        return maps.flatten(2).topk(count)
    # Over rows first, where neighbors in memory are compared many at a time.
    block_max = maps.unflatten(3, (columns, BLOCK)).unflatten(2, (rows, BLOCK))
    block_max = block_max.amax(3).amax(-1).flatten(2)
    block = block_max.topk(count, sorted=False).indices
    steps = torch.arange(BLOCK, device=maps.device)
    x, y = (place[..., None] * BLOCK + steps for place in _places(block, columns))
    index = (y[..., :, None] * width + x[..., None, :]).flatten(2)
    values, best = maps.flatten(2).gather(2, index).topk(count)
    return values, index.gather(2, best)


def select_candidates(
    heatmaps: Tensor,
    inside: Tensor,
    usable: Tensor,
    kernel_size: int,
    num_candidates: int,
    score_floor: float,
    min_candidates: int,
) -> Candidates:
    """Take the best local maxima of every map (supplementary 3.2).

    Non-maxima and padding hold zero and so outrank negative maxima; a slot without
    a positive maximum is never valid.

    Args:
        heatmaps (Tensor): (B, T, h, w) at input resolution.
        inside (Tensor): bool (B, 1, h, w), True inside the image, False in padding.
        usable (Tensor): bool (B, 1, h, w), where a candidate may be valid: ``inside``
            at inference, inside and outside ignore regions in training.
        kernel_size (int): Side of the suppression window.
        num_candidates (int): M, slots per type.
        score_floor (float): A maximum is valid from this score on ...
        min_candidates (int): ... or if fewer than this many of its type are better.

    Returns:
        Candidates: coords (B, T, M, 2), scores and valid (B, T, M).
    """
    scores, index = _best_peaks(heatmaps, inside, kernel_size, num_candidates)
    coords = torch.stack(_places(index, heatmaps.shape[-1]), dim=-1)
    ranks = torch.arange(num_candidates, device=scores.device)
    usable = usable.flatten(2).expand(-1, heatmaps.shape[1], -1).gather(2, index)
    valid = (scores >= score_floor) | (ranks < min_candidates)
    return Candidates(coords, scores, valid & usable & (scores > 0))


def _places(index: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """x and y of flat indices; exporters take no remainder by a size."""
    y = torch.div(index, width, rounding_mode='floor')
    return index - y * width, y


def _best_peaks(
    heatmaps: Tensor, inside: Tensor, kernel_size: int, count: int
) -> tuple[Tensor, Tensor]:
    """Values and indices (B, T, M) of the highest local maxima inside the image."""
    batch, num_types, height, width = heatmaps.shape
    at_once = num_types
    if not heatmaps.is_cuda and not is_recorded():
        at_once = max(1, CPU_PIXELS // (batch * height * width))
    found = []
    for maps in heatmaps.split(at_once, 1):
        maps = keep_local_maxima(zero_elsewhere(maps, inside), kernel_size)
        found.append(best_pixels(maps, count))
    values, indices = zip(*found, strict=True)
    return torch.cat(values, 1), torch.cat(indices, 1)
