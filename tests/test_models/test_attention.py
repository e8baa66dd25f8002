# SPDX-License-Identifier: Apache-2.0
"""Center-keypoint attention and its masks."""

import pytest
import torch

from centergroup_mm.models.attention import CenterKeypointAttention, padding_mask

B, P, N, K, D, WIDTH = 2, 3, 6, 4, 8, 5


@pytest.fixture
def attention():
    return CenterKeypointAttention(K, D, WIDTH)


def random_inputs():
    return (
        torch.randn(B, P, D),
        torch.randn(B, N, D),
        torch.randn(B, P, D),
        torch.randn(B, N, D),
    )


def keep_all():
    return torch.zeros(B, N, dtype=torch.bool)


def test_padding_mask_never_masks_everything():
    valid = torch.tensor([[True, False], [False, False], [True, True]])
    expected = torch.tensor([[False, True], [False, False], [False, False]])
    assert torch.equal(padding_mask(valid), expected)


def test_rows_sum_to_one_and_dropped_keys_get_nothing(attention):
    dropped = keep_all()
    dropped[0, 1:] = True
    dropped[1, ::2] = True
    weights, attended = attention(*random_inputs(), dropped)
    assert weights.shape == (B, P, K, N)
    assert attended.shape == (B, P, K, WIDTH)
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, P, K))
    assert not weights[dropped[:, None, None].expand_as(weights)].any()
    assert (weights[0, ..., 0] == 1).all()


def test_formula_head_by_head(attention):
    """Softmax of scaled products; embeddings reach queries and keys, not values."""
    centers, keypoints, center_embedding, keypoint_embedding = random_inputs()
    weights, attended = attention(
        centers, keypoints, center_embedding, keypoint_embedding, keep_all()
    )
    query = attention.query(centers + center_embedding)
    key = attention.key(keypoints + keypoint_embedding)
    value = attention.value(keypoints)
    for k in range(K):
        own = slice(k * WIDTH, (k + 1) * WIDTH)
        logits = query[..., own] @ key[..., own].mT / WIDTH**0.5
        torch.testing.assert_close(weights[:, :, k], logits.softmax(-1))
        torch.testing.assert_close(
            attended[:, :, k], logits.softmax(-1) @ value[..., own]
        )


def test_dropped_keys_influence_nothing(attention):
    centers, keypoints, center_embedding, keypoint_embedding = random_inputs()
    dropped = keep_all()
    dropped[:, 3:] = True
    weights, attended = attention(
        centers, keypoints, center_embedding, keypoint_embedding, dropped
    )
    other_keypoints = keypoints.clone()
    other_keypoints[:, 3:] = 1e3
    weights_then, attended_then = attention(
        centers, other_keypoints, center_embedding, keypoint_embedding, dropped
    )
    torch.testing.assert_close(weights_then, weights)
    torch.testing.assert_close(attended_then, attended)
