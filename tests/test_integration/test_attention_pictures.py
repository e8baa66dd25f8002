# SPDX-License-Identifier: Apache-2.0
"""The attention in the pictures of the host's own test and inference."""

import json
import pickle

import cv2
import pytest
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer

from .conftest import data_options

pytestmark = pytest.mark.slow

VISUALIZER = dict(
    type='CenterGroupVisualizer', draw=['candidates', 'attention'], score_thr=0.0
)


@pytest.fixture(scope='module')
def checkpoint(repo_root, tmp_path_factory, save_random_weights):
    """A tiny CenterGroup that has learned nothing but sees peaks."""
    path = tmp_path_factory.mktemp('checkpoint') / 'random.pth'
    return save_random_weights(repo_root / 'configs' / 'centergroup_tiny.py', path)


def test_the_visualization_hook_the_metric_and_the_dump(
    mim, coco_mini, repo_root, checkpoint, tmp_path
):
    options = data_options(coco_mini, 'test_coco.json')
    test = ['test', 'mmpose', repo_root / 'configs' / 'centergroup_tiny.py']
    test += ['--checkpoint', checkpoint, '--work-dir', tmp_path]
    output = mim(
        *test,
        '--dump',
        tmp_path / 'dump.pkl',
        '--cfg-options',
        *options,
        'model.test_cfg.output_attention=True',
        'default_hooks.visualization.enable=True',
        'default_hooks.visualization.out_dir=drawn',
        f'visualizer.type={VISUALIZER["type"]}',
        f'visualizer.draw=[{",".join(VISUALIZER["draw"])}]',
        'visualizer.score_thr=0.0',
        'visualizer.min_size=0',
    )
    assert 'coco/AP' in output
    pictures = list(tmp_path.rglob('drawn/*.jpg'))
    assert len(pictures) == 4
    for path in pictures:
        name = path.name.replace('_0.jpg', '.jpg')
        image, picture = cv2.imread(str(coco_mini / name)), cv2.imread(str(path))
        assert picture.shape == image.shape
        assert (picture != image).any()
    for sample in pickle.loads((tmp_path / 'dump.pkl').read_bytes()):
        found = sample['pred_instances']
        assert found['attention'].shape[2] == len(found['candidates']['coords'])


def test_the_inferencer(repo_root, coco_mini, checkpoint, tmp_path):
    config = Config.fromfile(repo_root / 'configs' / 'centergroup_tiny.py')
    config.model.test_cfg.output_attention = True
    config.visualizer = dict(VISUALIZER)
    inferencer = MMPoseInferencer(
        pose2d=config, pose2d_weights=str(checkpoint), device='cpu'
    )
    path = coco_mini / '000000000785.jpg'
    (result,) = inferencer(str(path), out_dir=str(tmp_path), return_vis=True)
    assert result['visualization'][0].shape == cv2.imread(str(path)).shape
    written = json.loads((tmp_path / 'predictions' / f'{path.stem}.json').read_text())
    assert written == result['predictions'][0]
    assert set(written[0]) == {'keypoints', 'keypoint_scores'}
