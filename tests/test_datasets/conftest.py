# SPDX-License-Identifier: Apache-2.0
"""Small datasets made by hand: five keypoint types, one image of 60 x 80 (h x w)."""

import json
import logging

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS

import centergroup_mm.codecs
import centergroup_mm.datasets  # noqa: F401

METAINFO = """
dataset_info = dict(
    dataset_name='five',
    paper_info=dict(),
    keypoint_info={
        i: dict(name=name, id=i, color=[0, 255, 0], type='', swap=swap)
        for i, (name, swap) in enumerate([
            ('head', ''), ('left_hand', 'right_hand'), ('right_hand', 'left_hand'),
            ('left_foot', 'right_foot'), ('right_foot', 'left_foot')])
    },
    skeleton_info={},
    joint_weights=[1.] * 5,
    sigmas=[0.05] * 5)
"""


@pytest.fixture(autouse=True)
def mmpose_scope():
    """Build the host's own transforms by their short names."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@pytest.fixture
def messages(caplog):
    """What the host's logger has said so far, from a level on."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield lambda level=logging.INFO: [
        record.getMessage() for record in caplog.records if record.levelno >= level
    ]
    logger.removeHandler(caplog.handler)


@pytest.fixture
def warnings(messages):
    """The warnings among them."""
    return lambda: messages(logging.WARNING)


@pytest.fixture
def person():
    """Make an annotated person; a value of None removes the key."""

    def make(id_=1, **changes):
        annotation = {
            'id': id_,
            'image_id': 1,
            'category_id': 1,
            'bbox': [15.0, 5.0, 30.0, 45.0],
            'area': 900.0,
            'iscrowd': 0,
            'num_keypoints': 4,
            'keypoints': [30, 10, 2, 20, 20, 1, 40, 20, 2, 25, 45, 2, 0, 0, 0],
            **changes,
        }
        return {key: value for key, value in annotation.items() if value is not None}

    return make


@pytest.fixture
def make_content():
    """Make the content of an annotation file."""

    def make(*annotations, **changes):
        return {
            'images': [{'id': 1, 'file_name': 'one.png', 'width': 80, 'height': 60}],
            'annotations': list(annotations),
            'categories': [{'id': 1, 'name': 'person'}],
            **changes,
        }

    return make


@pytest.fixture
def dataset_config(tmp_path):
    """Write image, metainfo and annotation file; the config of their dataset."""

    def make(content, **settings):
        image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / 'one.png'), image)
        (tmp_path / 'five.py').write_text(METAINFO)
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / 'annotations.json').write_text(text)
        return {
            'type': 'CenterGroupCocoDataset',
            'data_root': str(tmp_path),
            'ann_file': 'annotations.json',
            'data_prefix': {'img': ''},
            'metainfo': {'from_file': str(tmp_path / 'five.py')},
            **settings,
        }

    return make


@pytest.fixture
def build_dataset(dataset_config):
    """Build the dataset of an annotation file's content."""

    def build(content, **settings):
        return DATASETS.build(dataset_config(content, **settings))

    return build


@pytest.fixture
def train_pipeline():
    """The training pipeline for inputs of a given side."""

    def make(side=64, flip=0.5, **affine):
        return [
            {'type': 'LoadColorImage'},
            {'type': 'BottomupSquareAffine', 'input_size': (side, side), **affine},
            {'type': 'RandomFlip', 'prob': flip},
            {
                'type': 'GenerateTarget',
                'encoder': {'type': 'CenterHeatmap', 'input_size': (side, side)},
            },
            {'type': 'BottomupInputMasks'},
            {'type': 'PackCenterGroupInputs'},
        ]

    return make


@pytest.fixture
def test_pipeline():
    """The test pipeline for inputs of a given side."""

    def make(side=64, **resize):
        return [
            {'type': 'LoadColorImage'},
            {'type': 'BottomupAlignedResize', 'input_size': (side, side), **resize},
            {'type': 'PackCenterGroupInputs'},
        ]

    return make
