# SPDX-License-Identifier: Apache-2.0
"""Tokens: appearance and position read at the candidates."""

import pytest
import torch
import torch.nn.functional as F

from centergroup_mm.models.tokenizer import CandidateTokenizer
from centergroup_mm.ops.position import encode_positions
from centergroup_mm.structures import Candidates

B, C, D, K, M, P = 2, 6, 8, 3, 4, 5
SIZE = (48, 32)


def candidates(types, num):
    coords = torch.stack(
        (
            torch.randint(0, SIZE[0], (B, types, num)),
            torch.randint(0, SIZE[1], (B, types, num)),
        ),
        -1,
    )
    return Candidates(
        coords, torch.rand(B, types, num), torch.rand(B, types, num) < 0.5
    )


@pytest.fixture
def inputs():
    mask = torch.ones(B, SIZE[1] // 4, SIZE[0] // 4, dtype=torch.bool)
    mask[1, :, 8:] = False
    return candidates(K, M), candidates(1, P), mask


def features(scale=1.0):
    return torch.randn(B, C, int(SIZE[1] / 4 * scale), int(SIZE[0] / 4 * scale))


def read(maps, coords):
    """Resize to the input and pick pixels, (B, N, D)."""
    full = F.interpolate(maps, SIZE[::-1], mode='bilinear', align_corners=False)
    return torch.stack(
        [full[b, :, coords[b, :, 1], coords[b, :, 0]].T for b in range(B)]
    )


@pytest.mark.parametrize('patches', [True, False, None])
@pytest.mark.parametrize('shared', [True, False])
def test_tokens_of_the_candidates_type_by_type(inputs, shared, patches):
    keypoints, centers, mask = inputs
    tokenizer = CandidateTokenizer(C, D, 1, shared, patches).eval()
    feature = features()
    keypoint_tokens, center_tokens = tokenizer(
        [feature], keypoints, centers, mask, SIZE
    )
    assert keypoint_tokens.types.tolist() == [k for k in range(K) for _ in range(M)]
    assert center_tokens.types.tolist() == [K] * P
    cnns = tokenizer.keypoint_cnn, tokenizer.center_cnn or tokenizer.keypoint_cnn
    for tokens, found, cnn in zip(
        (keypoint_tokens, center_tokens), (keypoints, centers), cnns, strict=True
    ):
        coords = found.coords.flatten(1, 2)
        assert torch.equal(tokens.coords, coords)
        assert torch.equal(tokens.valid, found.valid.flatten(1))
        torch.testing.assert_close(
            tokens.positions, encode_positions(mask, coords, SIZE, D)
        )
        torch.testing.assert_close(
            tokens.features[tokens.valid],
            read(cnn(feature), coords)[tokens.valid],
            rtol=1e-4,
            atol=1e-4,
        )


def test_scales_are_blended(inputs):
    """0.6 of scale 1 and 0.2 of each of two others, each read at its own resolution."""
    tokenizer = CandidateTokenizer(C, D, num_blocks=1).eval()
    scales = [features(), features(0.5), features(2.0)]
    several, _ = tokenizer(scales, *inputs, SIZE)
    single = [tokenizer([scale], *inputs, SIZE)[0].features for scale in scales]
    expected = 0.6 * single[0] + 0.2 * single[1] + 0.2 * single[2]
    torch.testing.assert_close(several.features, expected)
    torch.testing.assert_close(
        several.positions, tokenizer([scales[0]], *inputs, SIZE)[0].positions
    )


def test_gradient_reaches_the_backbone(inputs):
    feature = features().requires_grad_()
    keypoint_tokens, _ = CandidateTokenizer(C, D, num_blocks=1)(
        [feature], *inputs, SIZE
    )
    keypoint_tokens.features.square().sum().backward()
    assert feature.grad.abs().max() > 0


def test_training_takes_the_statistics_of_whole_maps(inputs):
    """Patches are for inference: batch norms must see the maps."""
    dense = CandidateTokenizer(C, D, 1, patches=False).train()
    tokenizer = CandidateTokenizer(C, D, 1, patches=True).train()
    tokenizer.load_state_dict(dense.state_dict())
    feature = features()
    expected, _ = dense([feature], *inputs, SIZE)
    found, _ = tokenizer([feature], *inputs, SIZE)
    torch.testing.assert_close(found.features, expected.features)
    for name, value in dense.named_buffers():
        torch.testing.assert_close(tokenizer.get_buffer(name), value)
