# SPDX-License-Identifier: Apache-2.0
"""One attention of the two that the views of a flip test have."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .flip import split_views, swap_types


def merge_attention(
    attention: Tensor, visibility: Tensor, flip_indices: Sequence[int]
) -> Tensor:
    """Take each keypoint's attention from the view that decides its location.

    The rule is that of :func:`.flip.merge_views`, so that the most attended candidate
    of a row is the one at which the merged pose has its keypoint. Rows of the mirrored
    view are put in the frame of the original: its right wrist is the original's left
    one, as head and as candidate.

    Args:
        attention (Tensor): (2B, P, K, N), original views then mirrored ones, the
            N = K*M candidates type by type.
        visibility (Tensor): (2B, P, K), logits.
        flip_indices (Sequence[int]): For each of the K types its mirror image.

    Returns:
        Tensor: (B, P, K, N), rows sum to 1.
    """
    original, mirrored = _in_frame_of_original(attention, flip_indices)
    visibility, mirrored_visibility = split_views(visibility.float())
    surer = swap_types(mirrored_visibility, flip_indices, 2) > visibility
    return torch.where(surer[..., None, None], mirrored, original).flatten(-2)


def average_attention(attention: Tensor, flip_indices: Sequence[int]) -> Tensor:
    """Average the attention of both views in the frame of the original.

    Args:
        attention (Tensor): (2B, P, K, N), as for :func:`merge_attention`.
        flip_indices (Sequence[int]): For each of the K types its mirror image.

    Returns:
        Tensor: (B, P, K, N), rows sum to 1.
    """
    original, mirrored = _in_frame_of_original(attention, flip_indices)
    return ((original + mirrored) / 2).flatten(-2)


def _in_frame_of_original(
    attention: Tensor, flip_indices: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Both views, (B, P, K, K, M) each: by type of the row and of the candidates."""
    by_type = attention.unflatten(-1, (len(flip_indices), -1))
    original, mirrored = split_views(by_type)
    return original, swap_types(swap_types(mirrored, flip_indices, 2), flip_indices, 3)
