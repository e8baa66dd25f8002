# SPDX-License-Identifier: Apache-2.0
"""CenterGroup+ as its config has it, for other keypoint types than COCO's people."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS

from centergroup_mm.coco import People
from centergroup_mm.lab.benchmark.samples import cropped_results, run_pipeline

from .predictions import predict

SIZE = (96, 96)
METAINFO = {
    'animals': dict(from_file='configs/_base_/datasets/ap10k.py'),
    'crowdpose': dict(from_file='configs/_base_/datasets/crowdpose.py'),
    'one': dict(
        dataset_name='one',
        keypoint_info={0: dict(name='tip', id=0, color=[0, 0, 0], type='', swap='')},
        skeleton_info={},
        joint_weights=[1.0],
        sigmas=[0.05],
    ),
}


@pytest.fixture(params=METAINFO)
def metainfo(request):
    return parse_pose_metainfo(METAINFO[request.param])


@pytest.fixture
def model(repo_root, metainfo):
    config = Config.fromfile(repo_root / 'configs' / 'centergroup_plus_tiny.py').model
    config.head.num_keypoints = len(metainfo['sigmas'])
    config.test_cfg.flip_test = True
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config)
    for layer in model.head.detector.final_layers:
        # Without training all maps are nearly 0: with these there are peaks.
        torch.nn.init.normal_(layer.weight, std=0.3)
        torch.nn.init.ones_(layer.bias)
    return model


@pytest.fixture
def sample(metainfo):
    """Three people of all types."""
    generator = np.random.default_rng(0)
    shape = (3, len(metainfo['sigmas']), 2)
    keypoints = generator.uniform(8, 88, shape).astype(np.float32)
    results = cropped_results(
        People(keypoints, np.ones(shape[:2])),
        SIZE,
        metainfo,
        box_areas=np.full(len(keypoints), 900, np.float32),
    )
    codec = dict(type='CenterHeatmap', input_size=SIZE)
    transforms = (
        dict(type='GenerateTarget', encoder=codec),
        dict(type='BottomupInputMasks'),
        dict(type='PackCenterGroupInputs'),
    )
    return run_pipeline(transforms, results)['data_samples']


def test_trains_and_predicts(model, sample, metainfo, make_images):
    (image,) = make_images(SIZE)
    inputs = dict(inputs=[image], data_samples=[copy.deepcopy(sample)])
    data = model.data_preprocessor(inputs, True)
    losses = model.train()(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert 'loss_oks' in losses
    for name, weight in model.named_parameters():
        if not name.startswith('head.detector.final_layers.0'):  # tags learn nothing
            assert torch.isfinite(weight.grad).all(), name
    (poses,) = predict(model.eval(), [image], [sample])
    assert len(poses) > 0
    assert poses.keypoints.shape[1:] == (len(metainfo['sigmas']), 2)
    assert np.isfinite(poses.keypoints).all()
    assert ((poses.keypoint_scores >= 0) & (poses.keypoint_scores <= 1)).all()
