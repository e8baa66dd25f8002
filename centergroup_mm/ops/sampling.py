# SPDX-License-Identifier: Apache-2.0
"""Reading maps at input pixels. The only place that knows how grids align.

A pixel is a unit square and its value sits at its center: input pixel ``x`` lies at
``(x + 0.5) * w_map / w - 0.5`` on a map of width ``w_map``. Beyond the outermost pixel
centers the border value is repeated, as bilinear resizing does.
"""

import torch
from torch import Tensor


def read_bilinear(maps: Tensor, coords: Tensor, size: tuple[int, int]) -> Tensor:
    """Read maps of any resolution at input pixels.

    Equals resizing the maps to the input size (bilinear, ``align_corners=False``) and
    picking the pixels, without ever building the resized maps.

    Args:
        maps (Tensor): (B, C, h, w).
        coords (Tensor): (B, N, 2), (x, y) in input pixels.
        size (tuple[int, int]): Input [w, h].

    Returns:
        Tensor: (B, N, C).
    """
    index, weight = bilinear_neighbors(coords, size, (maps.shape[3], maps.shape[2]))
    # By gathering, whose gradient is deterministic on a CPU, and on a GPU if asked to.
    index = index.flatten(1)[..., None].expand(-1, -1, maps.shape[1])
    values = maps.flatten(2).transpose(1, 2).gather(1, index)
    return (values.unflatten(1, (-1, 4)) * weight[..., None]).sum(2)


def bilinear_neighbors(
    coords: Tensor, size: tuple[int, int], map_size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The four map pixels around each input pixel and their weights.

    Args:
        coords (Tensor): (B, N, 2), (x, y) in input pixels.
        size (tuple[int, int]): Input [w, h].
        map_size (tuple[int, int]): Map [w, h].

    Returns:
        tuple[Tensor, Tensor]: int64 (B, N, 4) indices into the flattened map and
        float (B, N, 4) weights that sum to 1.
    """
    width = map_size[0]
    map_extent = _to_extent(map_size, coords)
    ratio = map_extent / _to_extent(size, coords)
    place = (coords.float() + 0.5) * ratio - 0.5
    place = torch.minimum(place.clamp(min=0), map_extent - 1)
    low = place.floor()
    high = torch.minimum(low + 1, map_extent - 1)
    frac = place - low
    (x0, y0), (x1, y1) = low.long().unbind(-1), high.long().unbind(-1)
    fx, fy = frac.unbind(-1)
    index = torch.stack(
        (y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1), -1
    )
    weight = torch.stack(
        ((1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx), -1
    )
    return index, weight


def read_pixels(maps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Read one pixel of every map per query; queries outside take the border.

    Args:
        maps (Tensor): (B, C, h, w).
        x, y (Tensor): int64 (B, C, N).

    Returns:
        Tensor: (B, C, N).
    """
    height, width = maps.shape[-2:]
    index = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    return maps.flatten(2).gather(2, index)


def _to_extent(size: tuple[int, int], like: Tensor) -> Tensor:
    """float32 (2,) on the device of ``like``.

    Filled there: a copy from the host would wait for all that a GPU has yet to do.
    """
    return torch.stack([like.new_full((), side, dtype=torch.float32) for side in size])
