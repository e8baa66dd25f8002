# SPDX-License-Identifier: Apache-2.0
"""Published checkpoints are smaller and predict the same."""

import hashlib
import re

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import load_checkpoint
from mmpose.apis import inference_bottomup, init_model

from centergroup_mm.conversion import (
    CheckpointFileError,
    convert_checkpoint,
    publish_checkpoint,
)


@pytest.fixture
def trained(tmp_path, small_release):
    """Config and checkpoint as a training leaves them."""
    weights, released = small_release(num_keypoints=17)
    torch.save({'state_dict': released}, tmp_path / 'in.ckpt')
    done = convert_checkpoint(tmp_path / 'in.ckpt', tmp_path / 'model.pth', 128)
    content = torch.load(done.weights, weights_only=True)
    content['meta']['dataset_meta']['sigmas'] = np.ones(17, np.float32)
    content['meta']['cfg'] = 'data_root = "/home/somebody"'
    content.update(
        optimizer={'state': {0: torch.zeros(1000)}},
        message_hub={'log_scalars': {'loss': HistoryBuffer([1.0], [1])}},
    )
    torch.save(content, tmp_path / 'iter_9.pth')
    return done.config, tmp_path / 'iter_9.pth'


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)


def test_name_and_content(tmp_path, trained):
    published = publish_checkpoint(trained[1], tmp_path / 'release' / 'small.pth')
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    assert re.fullmatch(rf'small-{digest[:8]}_\d{{8}}\.pth', published.name)
    content = torch.load(published, weights_only=True)
    assert set(content) == {'meta', 'state_dict'}
    assert set(content['meta']) == {'dataset_meta'}
    modules = {
        key.split('.')[3] for key in content['state_dict'] if 'grouping_modules' in key
    }
    assert modules == {'2'}
    assert published.stat().st_size < 0.9 * trained[1].stat().st_size


def test_same_output(tmp_path, trained, image):
    config, checkpoint = trained
    published = publish_checkpoint(checkpoint, tmp_path / 'small.pth')
    results = []
    for file in (checkpoint, published):
        model = init_model(str(config), str(file), device='cpu')
        (result,) = inference_bottomup(model, image)
        results.append(result.pred_instances)
    assert len(results[0].keypoints) > 0
    for field in ('keypoints', 'keypoint_scores', 'bbox_scores'):
        np.testing.assert_array_equal(results[0][field], results[1][field])
    # What is left of the model is what is in the file.
    left = {key for key in model.state_dict() if 'grouping_modules' in key}
    assert left and all('grouping_modules.2.' in key for key in left)
    load_checkpoint(model, str(published), strict=True, logger='silent')


def test_publishing_twice_changes_nothing(tmp_path, trained):
    once = publish_checkpoint(trained[1], tmp_path / 'a.pth')
    twice = publish_checkpoint(once, tmp_path / 'a.pth')
    assert once == twice


def test_a_pruned_model_is_not_trained(tmp_path, trained):
    config, checkpoint = trained
    published = publish_checkpoint(checkpoint, tmp_path / 'small.pth')
    model = init_model(str(config), str(published), device='cpu')
    assert model.head.grouping.is_pruned
    with pytest.raises(RuntimeError, match='pruned for inference'):
        model.head.grouping(None, None)


def test_two_of_three_modules_are_no_pruned_model(tmp_path, trained):
    config, checkpoint = trained
    content = torch.load(checkpoint, weights_only=False)
    content['state_dict'] = {
        key: weight
        for key, weight in content['state_dict'].items()
        if 'grouping_modules.0.' not in key
    }
    torch.save(content, tmp_path / 'odd.pth')
    with pytest.raises(RuntimeError, match=r'grouping_modules\.0'):
        init_model(str(config), str(tmp_path / 'odd.pth'), device='cpu')


def test_file_without_weights(tmp_path):
    torch.save({'model': {}}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointFileError, match='state_dict'):
        publish_checkpoint(tmp_path / 'a.pth', tmp_path / 'b.pth')


@pytest.mark.parametrize('content', [b'', b'<html>', b'PK\x03\x04 cut'])
def test_file_that_is_no_checkpoint(tmp_path, content):
    source = tmp_path / 'in.pth'
    source.write_bytes(content)
    with pytest.raises(CheckpointFileError, match='in.pth cannot be read'):
        publish_checkpoint(source, tmp_path / 'out.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['in.pth']


def test_command(tmp_path, trained, run_cli, repo_root):
    tool = repo_root / 'tools/publish_model.py'
    done = run_cli(['python', tool, trained[1], 'small.pth'], tmp_path)
    (published,) = tmp_path.glob('small-*.pth')
    assert published.name in done.stdout
