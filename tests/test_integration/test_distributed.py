# SPDX-License-Identifier: Apache-2.0
"""Two real processes train, resume and test by the host's own launcher, on CPUs."""

import json
import pickle
import re
import socket
from pathlib import Path

import numpy as np
import pytest
from mmengine.runner import CheckpointLoader

from centergroup_mm.host import host_tool
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd

pytestmark = pytest.mark.slow

# As docs/distributed.md tells, and small.
CONFIG = """
_base_ = ['{tiny}']
custom_imports = dict(
    imports=['centergroup_mm', 'centergroup_mm.engine.gloo'], allow_failed_imports=False
)
model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
train_dataloader = dict(batch_size=2, dataset=dict(data_root='{crowd}/'))
val_dataloader = dict(batch_size=2, dataset=dict(data_root='{crowd}/'))
test_dataloader = val_dataloader
train_cfg = dict(max_iters=2, val_interval=100)
default_hooks = dict(checkpoint=dict(interval=2), logger=dict(interval=1))
"""
IMAGES = 5


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('distributed')


@pytest.fixture(scope='module')
def config(folder, repo_root):
    """Trains two iterations of two images in each process."""
    generate_crowd(folder / 'crowd', CrowdSpec(num_train=4, num_val=IMAGES, size=64))
    path = folder / 'two.py'
    tiny = repo_root / 'configs' / 'centergroup_tiny.py'
    path.write_text(CONFIG.format(tiny=tiny, crowd=folder / 'crowd'))
    return path


@pytest.fixture(scope='module')
def launch(run_cli, folder):
    """Run a script of the host in some processes; returns what they printed."""

    def run(processes, script, *arguments):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        command = ['torchrun', '--nproc_per_node', processes, '--master_port', port]
        command += [host_tool(script), *arguments, '--launcher', 'pytorch']
        result = run_cli(command, cwd=folder, env={'OMP_NUM_THREADS': '1'})
        return result.stdout

    return run


@pytest.fixture(scope='module')
def trained(launch, config, folder, save_random_weights):
    """The checkpoint of a training that was stopped once."""
    weights = save_random_weights(config, folder / 'peaks.pth')
    work = folder / 'work'
    train = ['train.py', config, '--work-dir', work]
    launch(2, *train, '--cfg-options', f'load_from={weights}')
    assert (work / 'iter_2.pth').is_file()
    printed = launch(2, *train, '--resume', '--cfg-options', 'train_cfg.max_iters=4')
    assert re.search(r'Iter\(train\) \[\s*3/4\]', printed)
    assert not re.search(r'Iter\(train\) \[\s*2/4\]', printed)
    return work / 'iter_4.pth'


@pytest.fixture(scope='module')
def test(launch, config, folder, trained):
    """Test the checkpoint; returns AP and the poses by image."""

    def run(processes, ann_file):
        dump = folder / f'{processes}_{Path(ann_file).stem}.pkl'
        printed = launch(
            processes,
            'test.py',
            config,
            trained,
            *('--dump', dump, '--work-dir', folder / 'test'),
            '--cfg-options',
            f'test_dataloader.dataset.ann_file={ann_file}',
        )
        samples = pickle.loads(dump.read_bytes())
        poses = {sample['img_id']: sample['pred_instances'] for sample in samples}
        return float(re.search(r'coco/AP: (\S+)', printed)[1]), poses

    return run


def annotate_as_predicted(source, target, poses):
    """Write an annotation file whose people are the poses."""
    content = json.loads(source.read_text())
    content['annotations'] = [
        {
            'id': 1000 * image + index + 1,
            'image_id': image,
            'category_id': 1,
            'keypoints': np.pad(pose, ((0, 0), (0, 1)), constant_values=2)
            .ravel()
            .tolist(),
            'num_keypoints': len(pose),
            'iscrowd': 0,
            'area': 400.0,
            'bbox': [0.0, 0.0, 20.0, 20.0],
        }
        for image, found in poses.items()
        for index, pose in enumerate(found['keypoints'].astype(float)[:20])
    ]
    target.write_text(json.dumps(content))


def test_a_checkpoint_of_two_processes_is_whole(trained):
    checkpoint = CheckpointLoader.load_checkpoint(str(trained), map_location='cpu')
    assert checkpoint['meta']['iter'] == 4
    assert not any(key.startswith('module.') for key in checkpoint['state_dict'])


def test_two_processes_find_and_score_what_one_does(test, folder):
    """On people who stand where the model finds them: AP is high by construction."""
    annotations = folder / 'crowd' / 'annotations'
    _, poses = test(1, 'annotations/val.json')
    assert len(poses) == IMAGES and all(len(p['keypoints']) for p in poses.values())
    annotate_as_predicted(annotations / 'val.json', annotations / 'found.json', poses)
    one, _ = test(1, 'annotations/found.json')
    two, shared = test(2, 'annotations/found.json')
    assert one > 0.5
    assert two == pytest.approx(one, abs=1e-3)
    # Batches are composed in another way, and their sums round in another.
    for image, expected in poses.items():
        for field in ('keypoints', 'keypoint_scores', 'bbox_scores'):
            np.testing.assert_allclose(
                shared[image][field], expected[field], rtol=1e-5, atol=1e-5
            )
