# SPDX-License-Identifier: Apache-2.0
"""The residual CNN where tokens read it, and nowhere else (inference only).

Dense, its 3x3 convolutions are the dearest part behind the detector; a few dozen tokens
need a small neighborhood each. The numbers are those of the dense CNN: zeros that its
convolutions see beyond the border of the map are put there after every layer.
"""

import torch
import torch.nn.functional as F
from mmpose.models.backbones.resnet import BasicBlock
from torch import Tensor, nn

from ..ops.sampling import bilinear_neighbors
from .layers import ResidualCNN

# Patches that go through the layers together: so many stay in a processor's cache.
CHUNK = 192
# Cost of a patch's pixel relative to one of the dense CNN; docs/performance.md has the
# measurement. A little more than that, so that patches are never the dearer choice.
PATCH_OVERHEAD = 1.25


def read_residual_cnn(
    cnn: ResidualCNN,
    feature: Tensor,
    coords: Tensor,
    valid: Tensor,
    size: tuple[int, int],
) -> Tensor:
    """Read the CNN's output at valid tokens without computing all of it.

    Args:
        cnn (ResidualCNN): In evaluation mode.
        feature (Tensor): (B, C, h, w), its input.
        coords (Tensor): (B, N, 2), (x, y) in input pixels.
        valid (Tensor): bool (B, N).
        size (tuple[int, int]): Input [w, h].

    Returns:
        Tensor: (B, N, D), equal to ``read_bilinear(cnn(feature), coords, size)`` where
        valid, 0 elsewhere.
    """
    height, width = feature.shape[-2:]
    neighbors, weights = bilinear_neighbors(coords, size, (width, height))
    first = neighbors[..., 0]
    images = torch.arange(len(feature), device=first.device)[:, None]
    # Tokens of several types often lie between the same pixels.
    places, token_place = torch.unique(
        (images * (height * width) + first)[valid], return_inverse=True
    )
    margin = 2 * len(cnn.blocks)
    values = torch.cat(
        [
            _run(cnn, *_cut_patches(feature, chunk, margin)).flatten(2)
            for chunk in places.split(CHUNK)
        ]
    )[token_place]
    read = (values * weights[valid][:, None].to(values)).sum(-1)
    output = read.new_zeros(*valid.shape, read.shape[-1])
    output[valid] = read
    return output


def patches_are_cheaper(num_tokens: int, num_blocks: int, num_pixels: int) -> bool:
    """Whether patches cost less than the dense CNN.

    Args:
        num_tokens (int): Valid tokens of the batch.
        num_blocks (int): BasicBlocks of the CNN.
        num_pixels (int): Of the feature maps of the batch.
    """
    # Side lengths of what each convolution of a patch gives: 2, 4, 6, ...
    pixels = sum((2 + 2 * i) ** 2 for i in range(2 * num_blocks))
    return PATCH_OVERHEAD * num_tokens * pixels < 2 * num_blocks * num_pixels


def _cut_patches(feature: Tensor, places: Tensor, margin: int) -> tuple[Tensor, Tensor]:
    """Square patches around a pixel and the next ones to the right and below.

    Args:
        feature (Tensor): (B, C, h, w).
        places (Tensor): int64 (U,), indices into the pixels of all maps.
        margin (int): In pixels.

    Returns:
        tuple[Tensor, Tensor]: (U, C, s, s) with s = 2 + 2 * margin, and bool
        (U, 1, s, s), which pixels lie in the map; the others repeat its border.
    """
    _, _, height, width = feature.shape
    image, pixel = places // (height * width), places % (height * width)
    steps = torch.arange(-margin, margin + 2, device=places.device)
    rows = (pixel // width)[:, None] + steps
    columns = (pixel % width)[:, None] + steps
    inside = ((rows >= 0) & (rows < height))[:, :, None] & (
        (columns >= 0) & (columns < width)
    )[:, None]
    patches = feature.permute(0, 2, 3, 1)[
        image[:, None, None],
        rows.clamp(0, height - 1)[:, :, None],
        columns.clamp(0, width - 1)[:, None],
    ]
    return patches.permute(0, 3, 1, 2), inside[:, None]


def _run(cnn: ResidualCNN, patches: Tensor, inside: Tensor) -> Tensor:
    """(U, D, 2, 2), the inner pixels of patches."""
    x = cnn.project(patches) * inside
    for block in cnn.blocks:
        x = _run_block(block, x, inside)
        inside = _crop(inside, 2)
        x = x * inside
    return x


def _run_block(block: BasicBlock, x: Tensor, inside: Tensor) -> Tensor:
    """A residual block without padding."""
    y = block.relu(block.norm1(_convolve(block.conv1, x))) * _crop(inside, 1)
    return block.relu(block.norm2(_convolve(block.conv2, y)) + _crop(x, 2))


def _convolve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return F.conv2d(x, conv.weight, conv.bias)


def _crop(x: Tensor, margin: int) -> Tensor:
    return x[..., margin:-margin, margin:-margin]
