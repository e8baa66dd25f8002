# SPDX-License-Identifier: Apache-2.0
"""The mirrored view of the flip test: going there and coming back.

Views are stacked along the batch: first all images as they are, then all mirrored.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..structures import Candidates, GroupingOutput


def split_views(views: Tensor) -> tuple[Tensor, Tensor]:
    """Original and mirrored views, (B, ...) each, of (2B, ...).

    Unlike ``chunk``, exporters follow this for any number of images.
    """
    original, mirrored = views.unflatten(0, (2, -1)).unbind(0)
    return original, mirrored


def mirror_coords(coords: Tensor, width: int) -> Tensor:
    """Mirror (..., 2) pixel coordinates in an image of ``width`` pixels."""
    x, y = coords.unbind(-1)
    return torch.stack((width - 1 - x, y), -1)


def swap_types(values: Tensor, flip_indices: Sequence[int], dim: int = 1) -> Tensor:
    """Put every type in the place of its mirror image.

    Args:
        values (Tensor): T entries along ``dim``.
        flip_indices (Sequence[int]): For each of the T types its mirror image.
        dim (int): Of the types.
    """
    index = torch.tensor(flip_indices)
    if values.is_cuda:
        # From pinned memory: another copy would wait for all the GPU has yet to do.
        index = index.pin_memory()
    return values.index_select(dim, index.to(values.device, non_blocking=True))


def average_flipped_maps(maps: Tensor, flip_indices: Sequence[int]) -> Tensor:
    """Average the maps of both views in the frame of the original.

    Args:
        maps (Tensor): (2B, T, h, w), original views then mirrored ones.
        flip_indices (Sequence[int]): For each of the T types its mirror image.

    Returns:
        Tensor: (B, T, h, w).
    """
    original, mirrored = split_views(maps)
    return (original + swap_types(mirrored.flip(-1), flip_indices)) / 2


def stack_flipped_tags(tags: Tensor, flip_indices: Sequence[int] | None) -> Tensor:
    """Bring the tags of both views into the frame of the original, side by side.

    Unlike heatmaps, tags of different views are different embeddings: no average.

    Args:
        tags (Tensor): (B, T, h, w), or (2B, T, h, w), original views then mirrored
            ones.
        flip_indices (Sequence[int], optional): For each of the T types its mirror
            image; given if and only if there are mirrored views.

    Returns:
        Tensor: (B, L, T, h, w), L = 1 or 2 views.
    """
    if flip_indices is None:
        return tags[:, None]
    original, mirrored = split_views(tags)
    return torch.stack((original, swap_types(mirrored.flip(-1), flip_indices)), 1)


def add_mirrored_view(
    candidates: Candidates, flip_indices: Sequence[int], width: int
) -> Candidates:
    """Append the candidates as the mirrored view sees them.

    A left wrist at x becomes a right wrist at w - 1 - x, hence sits in the slots of the
    right wrist: within a view the slots are always in the order of the types.

    Args:
        candidates (Candidates): (B, T, M).
        flip_indices (Sequence[int]): For each of the T types its mirror image.
        width (int): Input width in pixels.

    Returns:
        Candidates: (2B, T, M).
    """
    own = (candidates.coords, candidates.scores, candidates.valid)
    mirrored = (mirror_coords(candidates.coords, width), *own[1:])
    return Candidates(
        *(
            torch.cat((one, swap_types(other, flip_indices)))
            for one, other in zip(own, mirrored, strict=True)
        )
    )


def merge_views(
    views: GroupingOutput, flip_indices: Sequence[int], average: bool
) -> GroupingOutput:
    """Merge what is said of both views, in the frame of the original.

    A right wrist of the mirrored view is the original's left one, as the keypoint that
    is looked for and as the candidate. Logits are averaged.

    Args:
        views (GroupingOutput): Of 2B views, the original ones first; the N = K*M
            candidates of the attention type by type.
        flip_indices (Sequence[int]): For each of the K types its mirror image.
        average (bool): Average the attention too; otherwise, the paper, that of each
            keypoint comes from the view that is surer to see it, a tie going to the
            original.

    Returns:
        GroupingOutput: float32, of B images.
    """
    by_type = views.attention.float().unflatten(-1, (len(flip_indices), -1))
    attention, mirrored_attention = split_views(by_type)
    for dim in (2, 3):
        mirrored_attention = swap_types(mirrored_attention, flip_indices, dim)
    visibility, mirrored_visibility = split_views(views.visibility.float())
    mirrored_visibility = swap_types(mirrored_visibility, flip_indices, 2)
    center, mirrored_center = split_views(views.center.float())
    if average:
        attention = (attention + mirrored_attention) / 2
    else:
        surer = (mirrored_visibility > visibility)[..., None, None]
        attention = torch.where(surer, mirrored_attention, attention)
    return GroupingOutput(
        attention.flatten(-2),
        (visibility + mirrored_visibility) / 2,
        (center + mirrored_center) / 2,
    )
