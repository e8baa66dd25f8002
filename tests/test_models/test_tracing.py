# SPDX-License-Identifier: Apache-2.0
"""Inference is one function of tensors that can be traced and exported."""

import pytest
import torch
from torch import nn
from torch.export import Dim

from centergroup_mm.ops import candidates

SIZE = (96, 64)
WIDTHS = (8, 8, 16, 16)  # of the small model's branches
# All that reads crowds otherwise than the paper.
CROWDS = {
    'head.average_attention': True,
    'head.exclusive': True,
    'backbone.type': 'HRNetWithBranches',
    'head.tokenizer.branches': WIDTHS,
    'head.tokenizer.scores': True,
    'head.decoder.fine_centers': True,
    'head.decoder.center_kernel': 3,
    'head.decoder.newton_sigma': 2.5,
}


class FromImages(nn.Module):
    """Images (B, 3, h, w) to the fields of Poses."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return tuple(self.model(images, None, mode='tensor'))


class FromFeatures(nn.Module):
    """Features of both views and masks to the fields of Poses."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, maps, inside, inside_quarter):
        flip_types = [0, 2, 1, 4, 3, 5]
        found = self.head.find_poses([maps], inside, inside_quarter, flip_types)
        return tuple(found.poses)


def images(seed):
    torch.manual_seed(seed)
    return (torch.randn(1, 3, SIZE[1], SIZE[0]),)


def features(seed):
    torch.manual_seed(seed)
    inside = torch.ones(1, 1, SIZE[1], SIZE[0], dtype=torch.bool)
    inside[..., SIZE[0] - 16 * seed :] = False
    return backbone_maps(2, *SIZE[::-1]), inside, inside[:, 0, ::4, ::4]


def backbone_maps(batch, height, width):
    """At 1/4, 1/8, 1/16 and 1/32."""
    return [
        torch.randn(batch, channels, height // stride, width // stride)
        for channels, stride in zip(WIDTHS, (4, 8, 16, 32), strict=True)
    ]


def with_weights(model):
    """Layers of the tokenizer that begin at zero get weights, or say nothing."""
    for name, weight in model.named_parameters():
        if name.endswith('_linear.weight') and not weight.any():
            torch.nn.init.normal_(weight)
    return model


def trace(module, example):
    return torch.jit.trace(module, example, check_trace=False)


def export(module, example):
    # Not strict, as from torch 2.7 on by default.
    return torch.export.export(module, example, strict=False).module()


@pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')
@pytest.mark.parametrize('compile_', [trace, export])
@pytest.mark.parametrize('variant', [{}, CROWDS], ids=['paper', 'crowds'])
@pytest.mark.parametrize('start', ['images', 'features'])
def test_compiled_model_agrees_on_other_inputs(build, start, variant, compile_):
    model = with_weights(build(variant))
    module, example = (
        (FromImages(model), images)
        if start == 'images'
        else (FromFeatures(model.head), features)
    )
    module.eval()
    with torch.no_grad():
        compiled = compile_(module, example(1))
        for seed in (1, 2, 3):
            expected = module(*example(seed))
            assert expected[3].any()
            for field, other in zip(compiled(*example(seed)), expected, strict=True):
                torch.testing.assert_close(field, other, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize('variant', [{}, CROWDS], ids=['paper', 'crowds'])
def test_exported_for_any_number_and_size_of_images(build, monkeypatch, variant):
    """The flip test in one graph, for other batches, heights and widths."""
    # So that a run takes a few maps at a time, how many depending on the size.
    monkeypatch.setattr(candidates, 'CPU_PIXELS', 4 * 128 * 192)
    module = FromFeatures(with_weights(build(variant)).head).eval()

    def example(batch, height, width):
        torch.manual_seed(batch)
        inside = torch.ones(batch, 1, height, width, dtype=torch.bool)
        inside[..., width - 16 :] = False
        maps = backbone_maps(2 * batch, height, width)
        return maps, inside, inside[:, 0, ::4, ::4]

    # A graph of torch's own is guarded against one image, for which sizes of 1 spread.
    batch = Dim('batch', min=2, max=8)
    rows, columns = Dim('rows', min=1, max=8), Dim('columns', min=1, max=8)
    shapes = (
        [{0: 2 * batch, 2: n * rows, 3: n * columns} for n in (16, 8, 4, 2)],
        {0: batch, 2: 64 * rows, 3: 64 * columns},
        {0: batch, 1: 16 * rows, 2: 16 * columns},
    )
    with torch.no_grad():
        exported = torch.export.export(
            module, example(2, 128, 192), dynamic_shapes=shapes
        ).module()
        for size in ((4, 192, 128), (3, 128, 128)):
            expected = module(*example(*size))
            assert expected[3].any()
            for field, other in zip(exported(*example(*size)), expected, strict=True):
                torch.testing.assert_close(field, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('variant', [{}, {'head.grouping.encoder_skip': True}, CROWDS])
def test_nothing_waits_for_a_value_on_the_way_to_the_poses(build, variant):
    """On tensors without data, whatever asks for a value fails; on a GPU it waits."""
    model = build({'head.tokenizer.patches': False, **variant}).to('meta').eval()
    maps, *masks = features(1)
    example = [[m.to('meta') for m in maps], *(mask.to('meta') for mask in masks)]
    with torch.no_grad():
        poses = FromFeatures(model.head)(*example)
    assert [field.device.type for field in poses] == ['meta'] * 5
