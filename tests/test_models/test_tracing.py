# SPDX-License-Identifier: Apache-2.0
"""Inference is one function of tensors that can be traced and exported."""

import pytest
import torch
from torch import nn
from torch.export import Dim

from centergroup_mm.ops import candidates

from .variants import CROWD_READING

SIZE = (96, 64)


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

    def forward(self, features, inside, inside_quarter):
        flip_types = [0, 2, 1, 4, 3, 5]
        found = self.head.find_poses([features], inside, inside_quarter, flip_types)
        return tuple(found.poses)


def images(seed):
    torch.manual_seed(seed)
    return (torch.randn(1, 3, SIZE[1], SIZE[0]),)


def features(seed):
    torch.manual_seed(seed)
    inside = torch.ones(1, 1, SIZE[1], SIZE[0], dtype=torch.bool)
    inside[..., SIZE[0] - 16 * seed :] = False
    maps = torch.randn(2, 8, SIZE[1] // 4, SIZE[0] // 4)
    return maps, inside, inside[:, 0, ::4, ::4]


def trace(module, example):
    return torch.jit.trace(module, example, check_trace=False)


def export(module, example):
    # Not strict, as from torch 2.7 on by default.
    return torch.export.export(module, example, strict=False).module()


@pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')
@pytest.mark.parametrize('compile_', [trace, export])
@pytest.mark.parametrize('variant', [{}, CROWD_READING], ids=['paper', 'crowds'])
@pytest.mark.parametrize('start', ['images', 'features'])
def test_compiled_model_agrees_on_other_inputs(build, start, variant, compile_):
    model = build(variant)
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
@pytest.mark.parametrize('variant', [{}, CROWD_READING], ids=['paper', 'crowds'])
def test_exported_for_any_number_and_size_of_images(build, monkeypatch, variant):
    """The flip test in one graph, for other batches, heights and widths."""
    # So that a run takes a few maps at a time, how many depending on the size.
    monkeypatch.setattr(candidates, 'CPU_PIXELS', 4 * 128 * 192)
    module = FromFeatures(build(variant).head).eval()

    def example(batch, height, width):
        torch.manual_seed(batch)
        inside = torch.ones(batch, 1, height, width, dtype=torch.bool)
        inside[..., width - 16 :] = False
        maps = torch.randn(2 * batch, 8, height // 4, width // 4)
        return maps, inside, inside[:, 0, ::4, ::4]

    # A graph of torch's own is guarded against one image, for which sizes of 1 spread.
    batch = Dim('batch', min=2, max=8)
    rows, columns = Dim('rows', min=1, max=8), Dim('columns', min=1, max=8)
    quarter = {2: 16 * rows, 3: 16 * columns}
    shapes = (
        {0: 2 * batch, **quarter},
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


@pytest.mark.parametrize(
    'variant', [{}, {'head.grouping.encoder_skip': True}, CROWD_READING]
)
def test_nothing_waits_for_a_value_on_the_way_to_the_poses(build, variant):
    """On tensors without data, whatever asks for a value fails; on a GPU it waits."""
    model = build({'head.tokenizer.patches': False, **variant}).to('meta').eval()
    example = [tensor.to('meta') for tensor in features(1)]
    with torch.no_grad():
        poses = FromFeatures(model.head)(*example)
    assert [field.device.type for field in poses] == ['meta'] * 5
