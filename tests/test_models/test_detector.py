# SPDX-License-Identifier: Apache-2.0
"""The detector's head: which channel is what."""

import torch

from centergroup_mm.models.detector import HigherHRNetMaps

C, T = 6, 4


def test_shapes():
    head = HigherHRNetMaps(C, T, num_blocks=2).eval()
    heatmaps, tags = head([torch.randn(2, C, 8, 12)])
    assert [tuple(maps.shape) for maps in heatmaps] == [(2, T, 8, 12), (2, T, 16, 24)]
    assert tags.shape == (2, T, 8, 12)


def test_heatmaps_come_before_tags():
    head = HigherHRNetMaps(C, T, num_blocks=1).eval()
    with torch.no_grad():
        head.final_layers[0].weight.zero_()
        head.final_layers[0].bias.copy_(torch.arange(2.0 * T))
    heatmaps, tags = head([torch.randn(1, C, 4, 4)])
    assert heatmaps[0][0, :, 0, 0].tolist() == [0, 1, 2, 3]
    assert tags[0, :, 0, 0].tolist() == [4, 5, 6, 7]


def test_finer_maps_see_the_coarse_maps_and_tags():
    """The transposed convolution takes the feature, then heatmaps and tags."""
    head = HigherHRNetMaps(C, T, num_blocks=1).eval()
    assert head.deconv[0].in_channels == C + 2 * T
    feature = torch.randn(1, C, 4, 4)
    for channel in range(2 * T):
        with torch.no_grad():
            before = head([feature])[0][1]
            head.final_layers[0].bias[channel] += 5
            after = head([feature])[0][1]
        assert not torch.equal(before, after), channel
    with torch.no_grad():
        head.deconv[0].weight[:C].zero_()
        head.final_layers[0].weight.zero_()
    _, finer = head([feature])[0]
    _, other = head([torch.randn(1, C, 4, 4)])[0]
    torch.testing.assert_close(finer, other)


def test_initial_heatmaps_are_small():
    """Weights as HigherHRNet's recipe draws them: heatmaps start near zero."""
    head = HigherHRNetMaps(C, T)
    head.init_weights()
    heatmaps, _ = head.eval()([torch.randn(1, C, 8, 8)])
    assert max(maps.abs().max() for maps in heatmaps) < 0.1 + max(
        layer.bias.abs().max() for layer in head.final_layers
    )
