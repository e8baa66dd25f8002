# SPDX-License-Identifier: Apache-2.0
"""The residual CNN at tokens equals the dense one."""

import pytest
import torch

from centergroup_mm.models import patch_cnn
from centergroup_mm.models.layers import ResidualCNN
from centergroup_mm.models.patch_cnn import patches_are_cheaper, read_residual_cnn
from centergroup_mm.ops.sampling import read_bilinear

SIZE = (96, 64)


def make_cnn(num_blocks):
    torch.manual_seed(0)
    cnn = ResidualCNN(6, 10, num_blocks)
    for module in cnn.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.normal_(module.bias)
    return cnn.eval()


@pytest.mark.parametrize('num_blocks', [0, 1, 2, 3])
@pytest.mark.parametrize('channels_last', [False, True])
@pytest.mark.parametrize('chunk', [1000, 16])
@torch.no_grad()
def test_equals_the_dense_cnn(num_blocks, channels_last, chunk, monkeypatch):
    monkeypatch.setattr(patch_cnn, 'CHUNK', chunk)
    cnn = make_cnn(num_blocks)
    feature = torch.randn(3, 6, 16, 24)
    if channels_last:
        feature = feature.contiguous(memory_format=torch.channels_last)
    coords = torch.stack(
        (torch.randint(0, 96, (3, 40)), torch.randint(0, 64, (3, 40))), -1
    )
    # All corners, edges and repeated places too.
    corners = torch.tensor(
        [[0, 0], [95, 0], [0, 63], [95, 63], [1, 1], [1, 1], [94, 2]]
    )
    coords[:, :7] = corners
    valid = torch.rand(3, 40) > 0.3
    valid[:, :7] = True
    expected = read_bilinear(cnn(feature), coords, SIZE)
    found = read_residual_cnn(cnn, feature, coords, valid, SIZE)
    torch.testing.assert_close(found[valid], expected[valid], rtol=1e-4, atol=1e-5)
    assert (found[~valid] == 0).all()


@torch.no_grad()
def test_without_a_valid_token():
    cnn = make_cnn(2)
    coords = torch.zeros(2, 5, 2, dtype=torch.int64)
    valid = torch.zeros(2, 5, dtype=torch.bool)
    found = read_residual_cnn(cnn, torch.randn(2, 6, 16, 24), coords, valid, SIZE)
    assert found.shape == (2, 5, 10)
    assert (found == 0).all()


def test_patches_pay_for_few_tokens_only():
    pixels = 128 * 192
    assert patches_are_cheaper(100, 2, pixels)
    assert not patches_are_cheaper(2000, 2, pixels)
    assert patches_are_cheaper(2 * 540, 2, 2 * pixels), 'a crowd in both views'
    assert not patches_are_cheaper(1, 0, pixels), 'nothing to save without blocks'
