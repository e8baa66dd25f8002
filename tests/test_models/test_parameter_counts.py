# SPDX-License-Identifier: Apache-2.0
"""Numbers of weights, part by part (supplementary Table 2)."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

# The parts that do not depend on the width of the backbone, for K = 17.
COMMON = {
    'initial_mlp': 33_024,
    'encoder': 594_816,
    'attention': 421_056,
    'center_mlp': 33_153,
    'visibility_mlp': 41_345,
    'embeddings': 18_816,
}
WIDTHS = {
    'w32': {
        'backbone': 28_535_552,
        'detector': 110_902,
        'residual_cnn': 595_328,
        'exported': 30_383_992,
    },
    'w48': {
        'backbone': 63_594_912,
        'detector': 233_910,
        'residual_cnn': 597_376,
        'exported': 65_568_408,
    },
}
RELEASED = {
    'tokenizer.shared_cnn': False,
    'grouping.encoder_skip': True,
    'grouping.group_before_encoder': True,
}


def count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.fixture
def build_named(repo_root):
    """Build a named config without memory for its weights."""

    def build(name, head=None):
        config = Config.fromfile(repo_root / 'configs' / f'{name}.py')
        for key, value in (head or {}).items():
            config.merge_from_dict({f'model.head.{key}': value})
        config = config.model
        config.backbone.init_cfg = None
        with DefaultScope.overwrite_default_scope('mmpose'), torch.device('meta'):
            return MODELS.build(config)

    return build


@pytest.mark.parametrize('width', WIDTHS)
def test_parts(build_named, width):
    model = build_named(f'centergroup_{width}')
    head, grouping = model.head, model.head.grouping
    last = grouping.grouping_modules[-1]
    counts = {
        'backbone': count(model.backbone),
        'detector': count(head.detector),
        'residual_cnn': count(head.tokenizer.keypoint_cnn),
        'initial_mlp': count(grouping.initial_mlp),
        'encoder': count(grouping.encoder),
        'attention': count(last.attention),
        'center_mlp': count(last.center_mlp),
        'visibility_mlp': count(last.visibility_mlp),
        'embeddings': count(grouping.position_linear, grouping.type_embedding),
        'exported': count(model) - count(*grouping.grouping_modules[:-1]),
    }
    assert counts == {**COMMON, **WIDTHS[width]}


def test_parts_make_up_the_whole(build_named):
    model = build_named('centergroup_w32')
    assert len(model.head.grouping.grouping_modules) == 3
    module = sum(COMMON[part] for part in ('attention', 'center_mlp', 'visibility_mlp'))
    assert count(model) == WIDTHS['w32']['exported'] + 2 * module


@pytest.mark.parametrize(
    ('size', 'num_keypoints'), [('w32', 17), ('w48', 17), ('w48_crowdpose', 14)]
)
def test_crowds_need_no_other_weights(build_named, size, num_keypoints):
    paper, model = (build_named(f'centergroup{plus}_{size}') for plus in ('', '_plus'))
    weights = ({k: v.shape for k, v in m.state_dict().items()} for m in (paper, model))
    assert next(weights) == next(weights)
    model.head.tokenizer.patches = False
    model.eval()
    with torch.no_grad():
        poses = model(torch.empty(1, 3, 128, 192, device='meta'), None, mode='tensor')
    assert poses.keypoints.shape == (1, 30, num_keypoints, 2)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('centergroup_w32', 32_465_982),
        ('centergroup_w48', 67_652_446),
        ('centergroup_w48_crowdpose', 67_349_797),
    ],
)
def test_released_variant_is_a_matter_of_configuration(build_named, name, expected):
    assert count(build_named(name, RELEASED)) == expected
    assert count(build_named(f'{name}_released')) == expected
