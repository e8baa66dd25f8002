# SPDX-License-Identifier: Apache-2.0
"""A very small CenterGroup of five keypoint types, and samples made by hand."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.coco import People
from centergroup_mm.lab.benchmark.samples import cropped_results, run_pipeline

NUM_KEYPOINTS = 5
FLIP_INDICES = [0, 2, 1, 4, 3]
SIGMAS = [0.05, 0.06, 0.06, 0.09, 0.09]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(scope='session')
def small_config(repo_root):
    """The tiny config, smaller still: a few ten thousand weights."""
    config = Config.fromfile(repo_root / 'configs' / 'centergroup_tiny.py')
    config = Config(dict(config.model))
    widths = (8, 8, 16, 16)
    config.merge_from_dict(
        {
            'freeze_detector_bn': False,
            'backbone.extra.stage1.num_channels': (8,),
            'backbone.extra.stage2.num_channels': widths[:2],
            'backbone.extra.stage3.num_channels': widths[:3],
            'backbone.extra.stage4.num_channels': widths,
            'head.in_channels': widths[0],
            'head.heatmap_loss.loss_weight': 10.0,
            'head.num_keypoints': NUM_KEYPOINTS,
            'head.decoder.input_size': (64, 64),
            'head.decoder.num_candidates': 6,
            'head.decoder.num_centers': 7,
            'head.decoder.min_candidates': 4,
            'head.grouping.embed_dims': 32,
            'head.grouping.head_dims': 16,
            'head.grouping.feedforward_channels': 64,
            'head.grouping.dropout': 0.0,
        }
    )
    return config


@pytest.fixture
def build(small_config):
    """Build the small model with random weights, its arguments config values by name.

    The running statistics of batch norms are not trivial, as of a trained model, and
    heatmaps vary around zero, so that they have peaks of either sign. With
    ``trained=False`` it is as it is built: nothing in it has seen any data.
    """

    def make(settings=None, seed=0, trained=True):
        config = Config(copy.deepcopy(small_config.to_dict()))
        config.merge_from_dict(settings or {})
        torch.manual_seed(seed)
        with DefaultScope.overwrite_default_scope('mmpose'):
            model = MODELS.build(config.to_dict())
        if not trained:
            return model.eval()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 1.5)
        balance_heatmaps(model.eval())
        return model

    return make


@torch.no_grad()
def balance_heatmaps(model):
    """Give the maps of an image of noise the mean 0 and the deviation 0.3."""
    feats = model.extract_feat(torch.randn(1, 3, 64, 64))
    for stage, layer in enumerate(model.head.detector.final_layers):
        heatmaps, tags = model.head.detector(feats)
        maps = torch.cat((heatmaps[0], tags), 1) if stage == 0 else heatmaps[1]
        factor = 0.3 / maps.std((0, 2, 3))
        layer.bias.sub_(maps.mean((0, 2, 3))).mul_(factor)
        layer.weight.mul_(factor[:, None, None, None])


@pytest.fixture
def make_images():
    """Random images (3, h, w) of sizes [w, h]."""

    def make(*sizes, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return [
            torch.randint(0, 256, (3, h, w), dtype=torch.uint8, generator=generator)
            for w, h in sizes
        ]

    return make


@pytest.fixture
def load_test_image():
    """Bring an array (H, W, 3) through the pipeline of a test, packed."""

    def load(image, side=64, **resize):
        pipeline = (
            dict(type='LoadColorImage'),
            dict(type='BottomupAlignedResize', input_size=(side, side), **resize),
            dict(type='PackCenterGroupInputs'),
        )
        results = {
            'img': image,
            'img_path': 'by_hand.png',
            'flip_indices': FLIP_INDICES,
        }
        return run_pipeline(pipeline, results)

    return load


@pytest.fixture
def make_sample():
    """Make a packed sample with targets and masks by the transforms of training.

    The image of ``image_size`` lies in the upper left of the input.

    Args of the returned function:
        persons: (N, 5, 2) keypoints in input pixels.
        size: Input size [w, h].
        image_size: Image size [w, h]; the rest is padding. The input, if not given.
        visible: (N, 5), all if not given.
        ignored: Boxes x1, y1, x2, y2 that are not supervised.
        flip: Whether all of this is the mirror image of something else.
        num_keypoints: K.
        downscales: Of the codec.
        metainfo: Of the data set, if it is not the small one.
    """

    def make(
        persons=(),
        size=(64, 64),
        image_size=None,
        visible=None,
        ignored=(),
        flip=False,
        num_keypoints=NUM_KEYPOINTS,
        downscales=(4, 2),
        metainfo=None,
    ):
        keypoints = np.asarray(persons, np.float32).reshape(-1, num_keypoints, 2)
        if visible is None:
            visible = np.ones(keypoints.shape[:2])
        results = cropped_results(
            People(keypoints, np.asarray(visible)),
            size,
            metainfo
            or dict(
                flip_indices=FLIP_INDICES[:num_keypoints],
                sigmas=np.array(SIGMAS[:num_keypoints], np.float32),
                dataset_keypoint_weights=np.ones(num_keypoints, np.float32),
            ),
            box_areas=np.full(len(keypoints), 900, np.float32),
            ori_shape=(image_size or size)[::-1],
            flip=flip,
            flip_direction='horizontal' if flip else None,
            ignore_regions=[
                {'id': 1, 'segmentation': None, 'bbox': box} for box in ignored
            ],
        )
        codec = dict(type='CenterHeatmap', input_size=size, downscales=downscales)
        transforms = (
            dict(type='GenerateTarget', encoder=codec),
            dict(type='BottomupInputMasks'),
            dict(type='PackCenterGroupInputs'),
        )
        return run_pipeline(transforms, results)['data_samples']

    return make


@pytest.fixture
def people():
    """Two persons (2, 5, 2) in an input of 64 x 64."""
    shape = np.array([[0, -12], [-9, -2], [9, -2], [-5, 12], [5, 12]], np.float32)
    return shape + np.array([[[18, 20]], [[44, 38]]], np.float32)
