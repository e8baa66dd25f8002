# SPDX-License-Identifier: Apache-2.0
"""Keypoint candidates that stand for a person, as centers do.

Of two people in one place the heatmap often shows one center only, but two noses or
shoulders. A speaker is a candidate of such a type whose token asks for keypoints of its
own. Queries are centers and speakers together: first all centers, then the candidates
of each speaking type.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..structures import Candidates, GroupingOutput, Queries
from .flip import split_views


def gather_queries(
    keypoints: Candidates, centers: Candidates, speakers: Sequence[int]
) -> Queries:
    """Where the queries are.

    Args:
        keypoints (Candidates): (B, K, M).
        centers (Candidates): (B, 1, P).
        speakers (Sequence[int]): Indices of the S types that speak.

    Returns:
        Queries: Q = P + S * M.
    """
    parts = [(centers, 0), *((keypoints, kind) for kind in speakers)]
    return Queries(
        torch.cat([found.coords[:, kind] for found, kind in parts], 1),
        torch.cat([found.valid[:, kind] for found, kind in parts], 1),
        (None, *speakers),
        tuple(found.coords.shape[2] for found, _ in parts),
    )


def add_speakers(
    centers: Tensor, keypoints: Tensor, num_types: int, speakers: Sequence[int]
) -> Tensor:
    """Put the tokens of speakers behind those of the centers.

    Args:
        centers (Tensor): (B, P, D).
        keypoints (Tensor): (B, K * M, D), type by type.
        num_types (int): K.
        speakers (Sequence[int]): Indices of the S types that speak.

    Returns:
        Tensor: (B, P + S * M, D).
    """
    by_type = keypoints.unflatten(1, (num_types, -1))
    return torch.cat((centers, *(by_type[:, kind] for kind in speakers)), 1)


def align_queries(
    output: GroupingOutput,
    counts: Sequence[int],
    speakers: Sequence[int],
    flip_indices: Sequence[int],
) -> GroupingOutput:
    """Put the queries of the mirrored view in the order of the original.

    Its left shoulders are the right ones of the original.

    Args:
        output (GroupingOutput): Of 2B views and Q queries, original views first.
        counts (Sequence[int]): Queries of each kind, the centers first.
        speakers (Sequence[int]): Indices of the S types that speak.
        flip_indices (Sequence[int]): For each of the K types its mirror image.

    Returns:
        GroupingOutput: What slot q says in both views is of the same query.

    Raises:
        ValueError: If a type speaks and its mirror image does not.
    """
    silent = {flip_indices[kind] for kind in speakers} - set(speakers)
    if silent:
        raise ValueError(
            f'A flip test needs both sides: of speakers={tuple(speakers)} the mirror '
            f'images {sorted(silent)} are missing.'
        )
    order = [0, *(1 + speakers.index(flip_indices[kind]) for kind in speakers)]

    def align(values: Tensor) -> Tensor:
        original, mirrored = split_views(values)
        parts = mirrored.split(list(counts), 1)
        return torch.cat((original, torch.cat([parts[i] for i in order], 1)))

    return GroupingOutput(*(align(values) for values in output))
