# SPDX-License-Identifier: Apache-2.0
"""Centers and speakers as queries: their order, and that of the mirrored view."""

import pytest
import torch

from centergroup_mm.ops.flip import add_mirrored_view
from centergroup_mm.ops.speakers import add_speakers, align_queries, gather_queries
from centergroup_mm.structures import Candidates, GroupingOutput

K, M, P = 3, 2, 4
FLIP = [0, 2, 1]
WIDTH = 100


def candidates(num_types, count):
    shape = (2, num_types, count)
    return Candidates(
        torch.randint(0, WIDTH, (*shape, 2)), torch.rand(shape), torch.rand(shape) > 0.3
    )


def test_queries_are_centers_and_then_type_by_type():
    keypoints, centers = candidates(K, M), candidates(1, P)
    queries = gather_queries(keypoints, centers, (2, 0))
    assert queries.kinds == (None, 2, 0) and queries.counts == (P, M, M)
    expected = torch.cat(
        (centers.coords[:, 0], keypoints.coords[:, 2], keypoints.coords[:, 0]), 1
    )
    assert torch.equal(queries.coords, expected)
    expected = torch.cat(
        (centers.valid[:, 0], keypoints.valid[:, 2], keypoints.valid[:, 0]), 1
    )
    assert torch.equal(queries.valid, expected)


def test_tokens_are_in_the_order_of_the_queries():
    """A token that is its own place stays with it."""
    keypoints, centers = candidates(K, M), candidates(1, P)
    tokens = add_speakers(
        centers.coords[:, 0], keypoints.coords.flatten(1, 2), K, (2, 0)
    )
    assert torch.equal(tokens, gather_queries(keypoints, centers, (2, 0)).coords)


@pytest.mark.parametrize('speakers', [(0,), (1, 2), (2, 0, 1)])
def test_a_slot_is_the_same_query_in_both_views(speakers):
    """Each query says where it is; the mirrored view says so in its own frame."""
    keypoints, centers = candidates(K, M), candidates(1, P)
    own = gather_queries(keypoints, centers, speakers)
    both = gather_queries(
        add_mirrored_view(keypoints, FLIP, WIDTH),
        add_mirrored_view(centers, [0], WIDTH),
        speakers,
    )
    said = both.coords.clone()
    said[2:, :, 0] = WIDTH - 1 - said[2:, :, 0]
    output = GroupingOutput(said, 2 * said, 3 * said[..., 0])
    aligned = align_queries(output, both.counts, speakers, FLIP)
    for factor, field in enumerate(aligned[:2], 1):
        assert torch.equal(field, factor * own.coords.repeat(2, 1, 1))
    assert torch.equal(aligned.center, 3 * own.coords[..., 0].repeat(2, 1))


def test_a_speaker_without_its_mirror_image_is_refused():
    output = GroupingOutput(*[torch.zeros(2, P + M, 1)] * 3)
    with pytest.raises(ValueError, match=r'\[2\] are missing'):
        align_queries(output, (P, M), (1,), FLIP)
