# SPDX-License-Identifier: Apache-2.0
"""A part of the head is a registered class: another one is a value of the config."""

import pytest
import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import nn

from centergroup_mm.models import (
    CandidateTokenizer,
    GroupingTransformer,
    HigherHRNetMaps,
    PoseScore,
)
from centergroup_mm.structures import GroupingOutput

SCORE = 0.625


class FirstCandidate(BaseModule):
    """A grouping without a transformer: every center takes the first of each type."""

    def __init__(self, num_keypoints, bias):
        super().__init__()
        self.num_keypoints, self.embed_dims = num_keypoints, 16
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, keypoints, centers, last_only=False):
        batch, num_centers, _ = centers.features.shape
        first = torch.arange(self.num_keypoints)
        per_type = keypoints.types.shape[0] // self.num_keypoints
        attention = nn.functional.one_hot(first * per_type, len(keypoints.types))
        logits = self.bias + keypoints.features.mean() * 0
        output = GroupingOutput(
            attention.float().expand(batch, num_centers, -1, -1),
            logits.expand(batch, num_centers, self.num_keypoints),
            logits.expand(batch, num_centers),
        )
        return [output] if last_only else [output, output]


class ZeroTokens(CandidateTokenizer):
    """Tokens without appearance."""

    def _read_features(self, features, coords, valid, num_keypoints, size):
        read = super()._read_features(features, coords, valid, num_keypoints, size)
        return read * 0


class WideMaps(HigherHRNetMaps):
    """Heatmaps with a layer more in front."""

    def __init__(self, in_channels, num_types, gain):
        super().__init__(in_channels, num_types, num_blocks=1)
        self.gain = gain
        self.front = nn.Conv2d(in_channels, in_channels, 1)

    def forward(self, feats):
        return super().forward([self.gain * self.front(feats[0]), *feats[1:]])


class FixedScore(nn.Module):
    """All poses are as good."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, center, visibility):
        return torch.full_like(center, self.value)


VARIANTS = {
    'grouping': (FirstCandidate, dict(bias=2.0)),
    'tokenizer': (ZeroTokens, dict(num_blocks=1)),
    'detector': (WideMaps, dict(gain=2.0)),
    'score': (FixedScore, dict(value=SCORE)),
}


@pytest.fixture
def registered():
    """The variants under their names, for the time of a test."""
    for variant, _ in VARIANTS.values():
        MODELS.register_module(module=variant)
    yield
    for variant, _ in VARIANTS.values():
        del MODELS.module_dict[variant.__name__]


@pytest.fixture
def build_variant(registered, small_config, build):
    """Build the small model with other parts."""

    def make(*parts):
        settings = {}
        for part in parts:
            variant, arguments = VARIANTS[part]
            config = dict(arguments, type=variant.__name__)
            if part in small_config.head:
                config['_delete_'] = True
            settings[f'head.{part}'] = config
        return build(settings)

    return make


def test_without_a_type_the_parts_are_those_of_the_paper(build):
    head = build().head
    assert type(head.grouping) is GroupingTransformer
    assert type(head.tokenizer) is CandidateTokenizer
    assert type(head.detector) is HigherHRNetMaps
    assert type(head.score) is PoseScore
    assert not list(head.score.state_dict()), 'checkpoints know of no score'


@pytest.mark.parametrize(
    'parts', [*((part,) for part in VARIANTS), tuple(VARIANTS)], ids='+'.join
)
def test_a_variant_trains_and_predicts(
    build_variant, make_sample, make_images, people, parts
):
    model = build_variant(*parts)
    for part in parts:
        variant, arguments = VARIANTS[part]
        own = getattr(model.head, part)
        assert type(own) is variant
    # Before training, which moves the heatmaps that were given peaks.
    model.test_cfg.update(flip_test=True)
    data = {'inputs': make_images((64, 64)), 'data_samples': [make_sample()]}
    with torch.no_grad():
        (sample,) = model.test_step(data)
    poses = sample.pred_instances
    assert len(poses) > 0
    if 'score' in parts:
        assert (poses.bbox_scores == SCORE).all()
    if 'grouping' in parts:
        # All people are one and the same, for each takes the same candidates.
        assert (poses.keypoints == poses.keypoints[:1]).all()

    data = {'inputs': make_images((64, 64)), 'data_samples': [make_sample(people)]}
    losses = model.train()(**model.data_preprocessor(data, True), mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    if 'grouping' in parts:
        assert model.head.grouping.bias.grad != 0
    if 'detector' in parts:
        assert model.head.detector.front.weight.grad.any()


def test_a_variant_is_saved_and_loaded(build_variant):
    parts = tuple(VARIANTS)
    weights = {k: w + 1 for k, w in build_variant(*parts).state_dict().items()}
    model = build_variant(*parts)
    model.load_state_dict(weights)
    loaded = model.state_dict()
    assert all(torch.equal(loaded[key], weight) for key, weight in weights.items())


def test_an_unknown_type_is_named(build):
    with pytest.raises(KeyError, match='NoSuchGrouping'):
        build({'head.grouping.type': 'NoSuchGrouping'})
