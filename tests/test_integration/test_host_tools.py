# SPDX-License-Identifier: Apache-2.0
"""The host's own tools with this package's configs, and a dataset without code."""

import json
import re

import cv2
import pytest

from .conftest import data_options

pytestmark = pytest.mark.slow

# Five of COCO's types: enough to see that nothing assumes seventeen.
KEPT = {
    'nose': 0,
    'left_shoulder': 5,
    'right_shoulder': 6,
    'left_hip': 11,
    'right_hip': 12,
}

METAINFO = """
dataset_info = dict(
    dataset_name='torso',
    paper_info=dict(),
    keypoint_info={
        0: dict(name='nose', id=0, color=[255, 0, 0], type='upper', swap=''),
        1: dict(name='left_shoulder', id=1, color=[0, 255, 0], type='upper',
                swap='right_shoulder'),
        2: dict(name='right_shoulder', id=2, color=[0, 0, 255], type='upper',
                swap='left_shoulder'),
        3: dict(name='left_hip', id=3, color=[0, 255, 0], type='lower',
                swap='right_hip'),
        4: dict(name='right_hip', id=4, color=[0, 0, 255], type='lower',
                swap='left_hip'),
    },
    skeleton_info={
        0: dict(link=('left_shoulder', 'left_hip'), id=0, color=[0, 255, 0]),
        1: dict(link=('right_shoulder', 'right_hip'), id=1, color=[0, 0, 255]),
    },
    joint_weights=[1.0] * 5,
    sigmas=[0.026, 0.079, 0.079, 0.107, 0.107],
)
"""

CONFIG = """
_base_ = ['{base}']
metainfo = dict(from_file='{metainfo}')
model = dict(head=dict(num_keypoints=5))
train_dataloader = dict(dataset=dict(metainfo=metainfo))
val_dataloader = dict(dataset=dict(metainfo=metainfo))
test_dataloader = val_dataloader
"""


@pytest.fixture
def torso_config(coco_mini, repo_root, tmp_path):
    """A config and annotations of a dataset with five keypoint types."""
    content = json.loads((coco_mini / 'test_coco.json').read_text())
    for annotation in content['annotations']:
        keypoints = annotation['keypoints']
        kept = [keypoints[3 * i : 3 * i + 3] for i in KEPT.values()]
        annotation['keypoints'] = [value for triplet in kept for value in triplet]
        annotation['num_keypoints'] = sum(triplet[2] > 0 for triplet in kept)
    content['categories'][0]['keypoints'] = list(KEPT)
    (tmp_path / 'torso.json').write_text(json.dumps(content))
    (tmp_path / 'metainfo.py').write_text(METAINFO)
    config = tmp_path / 'torso.py'
    config.write_text(
        CONFIG.format(
            base=repo_root / 'configs/centergroup_tiny.py',
            metainfo=tmp_path / 'metainfo.py',
        )
    )
    return config


def test_custom_dataset_needs_no_code(mim, coco_mini, torso_config, tmp_path):
    options = data_options(coco_mini, tmp_path / 'torso.json')
    work_dir = tmp_path / 'work'
    train = ['train', 'mmpose', torso_config, '--work-dir', work_dir]
    mim(*train, '--cfg-options', *options, 'train_cfg.max_iters=2')
    output = mim(
        'test',
        'mmpose',
        torso_config,
        '--checkpoint',
        work_dir / 'iter_2.pth',
        '--cfg-options',
        *options,
    )
    assert re.search(r'coco/AP: -?\d', output)


def test_browse_dataset(mim, coco_mini, tmp_path):
    options = data_options(coco_mini, 'test_coco.json')
    browse = ['run', 'mmpose', 'browse_dataset', 'configs/centergroup_tiny.py']
    browse += ['--output-dir', tmp_path, '--not-show', '--mode', 'transformed']
    mim(*browse, '--cfg-options', *options)
    pictures = [p for p in tmp_path.rglob('*') if p.suffix in ('.jpg', '.png')]
    assert len(pictures) == 4
    assert all(cv2.imread(str(picture)) is not None for picture in pictures)


def test_get_flops(mim):
    output = mim(
        'run',
        'mmpose',
        'get_flops',
        'configs/centergroup_tiny.py',
        '--input-shape',
        '256',
        '256',
    )
    assert re.search(r'Flops: \d', output)
