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
def model(repo_root, metainfo, show_peaks):
    config = Config.fromfile(repo_root / 'configs' / 'centergroup_plus_tiny.py').model
    config.head.num_keypoints = len(metainfo['sigmas'])
    config.test_cfg.flip_test = True
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config)
    show_peaks(model)
    return model


@pytest.fixture
def sample(metainfo, make_sample):
    """Three people of all types."""
    generator = np.random.default_rng(0)
    shape = (3, len(metainfo['sigmas']), 2)
    keypoints = generator.uniform(8, 88, shape).astype(np.float32)
    return make_sample(keypoints, SIZE, num_keypoints=shape[1], metainfo=metainfo)


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
