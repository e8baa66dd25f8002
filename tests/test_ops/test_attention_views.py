# SPDX-License-Identifier: Apache-2.0
"""The attention of a flip test, by hand."""

import torch

from centergroup_mm.ops.attention_views import average_attention, merge_attention

FLIP_INDICES = [0, 2, 1]


def test_rows_come_from_the_surer_view_in_the_original_frame():
    # One center, three types of which 1 and 2 mirror each other, two candidates each.
    original = torch.arange(18.0).view(1, 1, 3, 6)
    mirrored = 100 + original
    # Type 0: the original is surer. Type 1 is type 2 of the mirrored view: that is
    # surer. Type 2 against type 1 of the mirrored view is a tie: the original.
    visibility = torch.tensor([[[2.0, 0.0, 1.0]], [[1.0, 1.0, 3.0]]])

    merged = merge_attention(torch.cat((original, mirrored)), visibility, FLIP_INDICES)

    expected = original.clone()
    # Its columns too: the candidates of types 1 and 2 change places.
    expected[0, 0, 1] = mirrored[0, 0, 2, [0, 1, 4, 5, 2, 3]]
    assert torch.equal(merged, expected)


def test_average_is_in_the_original_frame():
    """The mirrored view looks for what is its type 2 with row 2: the original's 1."""
    views = torch.zeros(2, 1, 3, 6)
    views[0, 0, 1, 4] = views[1, 0, 2, 3] = 1.0
    averaged = average_attention(views, FLIP_INDICES)
    # Candidate 3 is the second of type 1 there, the second of type 2 here.
    expected = torch.zeros(1, 1, 3, 6)
    expected[0, 0, 1, 4], expected[0, 0, 1, 5] = 0.5, 0.5
    assert torch.equal(averaged, expected)


def test_exchanging_the_views_mirrors_the_average():
    views = torch.randn(4, 5, 3, 6).softmax(-1)
    averaged = average_attention(views, FLIP_INDICES)
    torch.testing.assert_close(averaged.sum(-1), torch.ones(2, 5, 3))
    other = average_attention(views.roll(2, 0), FLIP_INDICES).unflatten(-1, (3, 2))
    other = other[:, :, FLIP_INDICES][:, :, :, FLIP_INDICES].flatten(-2)
    torch.testing.assert_close(other, averaged)


def test_views_that_agree_choose_what_each_of_them_would():
    attention = torch.randn(2, 5, 3, 6).softmax(-1)
    mirrored = attention.unflatten(-1, (3, 2))[:, :, FLIP_INDICES][
        :, :, :, FLIP_INDICES
    ]
    views = torch.cat((attention, mirrored.flatten(-2)))
    torch.testing.assert_close(average_attention(views, FLIP_INDICES), attention)
    merged = merge_attention(views, torch.zeros(4, 5, 3), FLIP_INDICES)
    torch.testing.assert_close(merged, attention)
