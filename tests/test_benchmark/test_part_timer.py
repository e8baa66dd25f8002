# SPDX-License-Identifier: Apache-2.0
"""Every moment of a run belongs to one part."""

import pytest
import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from torch import nn

from centergroup_mm.lab.benchmark.part_timer import (
    FUNCTIONS,
    METHODS,
    OTHER,
    PARTS,
    PartTimer,
    _find,
    _modules_of,
)

# Heatmaps and tags of the host's own head and decoder.
HOST_CONFIG = (
    'mmpose::body_2d_keypoint/associative_embedding/coco/'
    'ae_hrnet-w32_8xb24-300e_coco-512x512.py'
)


class CountingClock:
    """Ticks by 1 whenever somebody works."""

    def __init__(self):
        self.now = 0

    def mark(self):
        return self.now

    def finish(self):
        pass

    def seconds(self, start, end):
        return end - start


class Worker(nn.Module):
    """Works for some ticks, half of them before and half after what it calls."""

    def __init__(self, clock, ticks, inner=None):
        super().__init__()
        self.clock, self.ticks, self.inner = clock, ticks, inner

    def forward(self):
        self.clock.now += self.ticks
        if self.inner is not None:
            self.inner()
        self.clock.now += self.ticks


class Head(nn.Module):
    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.detector = Worker(clock, 1)
        self.tokenizer = Worker(clock, 10)
        self.tokenizer.keypoint_cnn = Worker(clock, 100)
        self.tokenizer.inner = self.tokenizer.keypoint_cnn
        self.grouping = Worker(clock, 1000)

    def forward(self):
        raise AssertionError('not called in a prediction')


class Model(nn.Module):
    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.head = Head(clock)

    def extract_feat(self):
        self.clock.now += 10000

    def predict(self):
        self.extract_feat()
        for part in (self.head.detector, self.head.tokenizer, self.head.grouping):
            part()
            self.clock.now += 7


def test_nested_parts_own_their_time_and_all_add_up():
    clock = CountingClock()
    model = Model(clock)
    with PartTimer(model, clock) as timer:
        for _ in range(2):
            seconds = timer.run(model.predict)
            assert set(seconds) == set(PARTS)
            assert {part: s for part, s in seconds.items() if s} == {
                'backbone': 10000,
                'heads': 2,
                'features': 20,
                'residual_cnn': 200,
                'grouping': 2000,
                OTHER: 21,
            }
    assert sum(seconds.values()) == clock.now / 2


def test_the_model_is_left_as_it_was():
    clock = CountingClock()
    model = Model(clock)
    before = [set(vars(module)) for module in model.modules()]
    model.head.detector.forward = own = lambda: None
    with PartTimer(model, clock):
        assert model.head.detector.forward is not own
    assert model.head.detector.forward is own
    del model.head.detector.forward
    assert [set(vars(module)) for module in model.modules()] == before


def test_an_error_leaves_no_part_open():
    clock = CountingClock()
    model = Model(clock)
    with PartTimer(model, clock) as timer:
        with pytest.raises(AssertionError):
            timer.run(model.head.forward)
        assert timer.run(model.head.grouping)['grouping'] == 2000
        assert timer.run(lambda: None)[OTHER] == 0


def test_calls_outside_of_a_run_are_not_counted():
    clock = CountingClock()
    model = Model(clock)
    with PartTimer(model, clock) as timer:
        model.predict()
        assert sum(timer.run(model.extract_feat).values()) == 10000


@pytest.mark.parametrize('patches', [False, True])
def test_the_residual_cnn_counts_as_such_dense_and_in_patches(build_tiny, patches):
    """In patches, its modules are called one by one and not as a whole."""
    model, samples = build_tiny({'model.head.tokenizer.patches': patches})
    with PartTimer(model) as timer, torch.no_grad():
        seconds = timer.run(lambda: model.predict(torch.randn(1, 3, 64, 64), samples))
    for part in ('backbone', 'heads', 'fusion', 'candidates', 'residual_cnn'):
        assert seconds[part] > 0, part
    for part in ('features', 'grouping', 'refinement', 'transfer', OTHER):
        assert seconds[part] > 0, part
    assert seconds['decoding'] == 0


def test_every_name_still_means_something(repo_root, build_tiny):
    """A renamed function would cost 0 ms for good, and nobody would notice."""
    models = [build_tiny({})[0]]
    for name in ('centernet_tiny', 'higherhrnet_tiny', 'centergroup_w32_released'):
        config = Config.fromfile(repo_root / 'configs' / f'{name}.py')
        models.append(_build(config.model))
    models.append(_build(get_config(HOST_CONFIG).model))
    for path, name, _ in METHODS:
        owners = [_find(model, path) for model in models]
        assert any(callable(getattr(owner, name, None)) for owner in owners), (
            path,
            name,
        )
    known = set().union(*(vars(m) for model in models for m in _modules_of(model)))
    assert set(FUNCTIONS) <= known


def _build(config):
    with DefaultScope.overwrite_default_scope('mmpose'), torch.device('meta'):
        return MODELS.build(config)
