# SPDX-License-Identifier: Apache-2.0
"""The attention of a flip test, by hand."""

import torch

from centergroup_mm.ops.attention_views import merge_attention


def test_rows_come_from_the_surer_view_in_the_original_frame():
    # One center, three types of which 1 and 2 mirror each other, two candidates each.
    flip_indices = [0, 2, 1]
    original = torch.arange(18.0).view(1, 1, 3, 6)
    mirrored = 100 + original
    # Type 0: the original is surer. Type 1 is type 2 of the mirrored view: that is
    # surer. Type 2 against type 1 of the mirrored view is a tie: the original.
    visibility = torch.tensor([[[2.0, 0.0, 1.0]], [[1.0, 1.0, 3.0]]])

    merged = merge_attention(torch.cat((original, mirrored)), visibility, flip_indices)

    expected = original.clone()
    # Its columns too: the candidates of types 1 and 2 change places.
    expected[0, 0, 1] = mirrored[0, 0, 2, [0, 1, 4, 5, 2, 3]]
    assert torch.equal(merged, expected)
