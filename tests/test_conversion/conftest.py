# SPDX-License-Identifier: Apache-2.0
"""Checkpoints in the released layouts, made without any data."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.conversion.key_mapping import Layout, released_name

WIDTHS = (4, 8, 12, 16)


def small_model(repo_root, num_keypoints=14, widths=WIDTHS, blocks=2):
    """The config of a small model of the released variant."""
    config = Config.fromfile(repo_root / 'configs/centergroup_w32_released.py').model
    extra = dict(
        stage1=dict(num_blocks=(blocks,), num_channels=(16,)),
        stage2=dict(num_blocks=(blocks,) * 2, num_channels=widths[:2]),
        stage3=dict(num_modules=2, num_blocks=(1, blocks, 1), num_channels=widths[:3]),
        stage4=dict(num_modules=1, num_blocks=(1,) * 4, num_channels=widths),
    )
    for stage, values in extra.items():
        config.backbone.extra[stage].update(values)
    config.head.update(in_channels=widths[0], num_keypoints=num_keypoints)
    config.head.detector.num_blocks = blocks + 1
    config.head.tokenizer.num_blocks = blocks
    config.head.grouping.update(
        embed_dims=24, head_dims=10, num_layers=2, feedforward_channels=40
    )
    return config


@pytest.fixture
def build():
    """Build a model from its config, with random weights."""

    def make(config):
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmpose'):
            return MODELS.build(config)

    return make


@pytest.fixture
def small_release(repo_root, build):
    """A small model's weights by their names here, and by their released names."""

    def make(**sizes):
        weights = build(small_model(repo_root, **sizes)).state_dict()
        return weights, {
            released_name(key, Layout.CENTERGROUP): weight
            for key, weight in weights.items()
        }

    return make


@pytest.fixture
def small_detector(repo_root, build):
    """The same of its detector alone, with ``types`` heatmap types."""

    def make(types):
        model = build(small_model(repo_root, num_keypoints=types - 1)).state_dict()
        weights = {
            key: weight
            for key, weight in model.items()
            if key.startswith(('backbone.', 'head.detector.'))
        }
        return weights, {
            released_name(key, Layout.DETECTOR): weight
            for key, weight in weights.items()
        }

    return make
