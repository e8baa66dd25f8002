# SPDX-License-Identifier: Apache-2.0
"""Published checkpoints are smaller and predict the same."""

import hashlib
import re

import numpy as np
import pytest
import safetensors.torch
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import load_checkpoint
from mmpose.apis import inference_bottomup, init_model

from centergroup_mm.checkpoint_files import read_checkpoint
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


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', r'in\.pth is empty .* cannot be read'),
        (b'<html>', r'in\.pth is a web page'),
        (b'PK\x03\x04 cut', r'in\.pth is cut off'),
        (b'PK\x03\x04 cut' * 9, r'in\.pth is a zip archive without its end'),
    ],
)
def test_file_that_is_no_checkpoint(tmp_path, content, message):
    source = tmp_path / 'in.pth'
    source.write_bytes(content)
    with pytest.raises(CheckpointFileError, match=message):
        publish_checkpoint(source, tmp_path / 'out.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['in.pth']


def test_safetensors(tmp_path, trained, image):
    """The other format holds the same, whatever JSON makes of it."""
    config, checkpoint = trained
    torch_file = publish_checkpoint(checkpoint, tmp_path / 'a.pth')
    other = publish_checkpoint(checkpoint, tmp_path / 'a.pth', 'safetensors')
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    assert re.fullmatch(rf'a-{digest[:8]}_\d{{8}}\.safetensors', other.name)
    assert set(safetensors.torch.load_file(other)) == set(
        torch.load(torch_file, weights_only=True)['state_dict']
    )
    models = [
        init_model(str(config), str(file), device='cpu') for file in (torch_file, other)
    ]
    results = [inference_bottomup(model, image)[0].pred_instances for model in models]
    assert len(results[0].keypoints) > 0
    np.testing.assert_array_equal(results[0].keypoints, results[1].keypoints)
    names = [model.dataset_meta['keypoint_id2name'] for model in models]
    assert names[0] == names[1] and 0 in names[0]
    # It can be published again, and a flipped bit is noticed.
    again = publish_checkpoint(other, tmp_path / 'b.pth')
    contents = [read_checkpoint(file)['state_dict'] for file in (torch_file, again)]
    assert contents[0].keys() == contents[1].keys()
    for key, weight in contents[0].items():
        assert torch.equal(weight, contents[1][key])
    content = bytearray(other.read_bytes())
    content[-1000] ^= 1
    other.write_bytes(content)
    with pytest.raises(CheckpointFileError, match='damaged: its checksum'):
        publish_checkpoint(other, tmp_path / 'b.pth')


def unfit_weights():
    """Changes that make weights unfit for a release, and what is said."""

    def infinite(weights):
        weights['backbone.bn1.bias'][1] = np.inf
        weights['head.detector.final_layers.0.bias'][0] = np.nan

    def of_another_model(weights):
        weights['classifier.weight'] = torch.zeros(1)

    def without_detector(weights):
        for key in [key for key in weights if key.startswith('head.detector.')]:
            del weights[key]

    def repeated(weights):
        weights['backbone.conv1.weight'] = torch.zeros(1).expand(10_000, 10_000)

    return {
        'infinite': (infinite, r'2 of \d+ weights that are not finite .*bn1\.bias'),
        'of another model': (of_another_model, r"another model \(unknown: 'classifier"),
        'without detector': (without_detector, r'missing: head\.detector\.\*'),
        'repeated': (repeated, 'repeat a few numbers'),
    }


@pytest.mark.parametrize('kind', unfit_weights())
def test_unfit_weights_are_not_published(tmp_path, trained, kind):
    change, message = unfit_weights()[kind]
    content = torch.load(trained[1], weights_only=False)
    change(content['state_dict'])
    torch.save(content, tmp_path / 'odd.pth')
    with pytest.raises(CheckpointFileError, match=message):
        publish_checkpoint(tmp_path / 'odd.pth', tmp_path / 'out.pth')
    assert not list(tmp_path.glob('out*'))


def test_wrapper_prefix_is_dropped(tmp_path, trained):
    content = torch.load(trained[1], weights_only=False)
    weights = content['state_dict']
    content['state_dict'] = {f'module.{key}': w for key, w in weights.items()}
    torch.save(content, tmp_path / 'wrapped.pth')
    wrapped = publish_checkpoint(tmp_path / 'wrapped.pth', tmp_path / 'a.pth')
    assert wrapped == publish_checkpoint(trained[1], tmp_path / 'a.pth')


def test_a_neck_and_a_score_of_ones_own_are_published(tmp_path, trained):
    """As docs/backbones.md has them."""
    content = torch.load(trained[1], weights_only=False)
    own = {f'{name}.weight': torch.ones(2) for name in ('neck.conv', 'head.score.mlp')}
    content['state_dict'] |= own
    torch.save(content, tmp_path / 'own.pth')
    published = publish_checkpoint(tmp_path / 'own.pth', tmp_path / 'a.pth')
    weights = torch.load(published, weights_only=True)['state_dict']
    assert own.keys() <= weights.keys()


@pytest.mark.parametrize('target', ['.', ''])
def test_target_without_name(trained, target):
    with pytest.raises(ValueError, match='names no file'):
        publish_checkpoint(trained[1], target)


def test_command(tmp_path, trained, run_cli, repo_root):
    tool = repo_root / 'tools/publish_model.py'
    done = run_cli(['python', tool, trained[1], 'small.pth'], tmp_path)
    (published,) = tmp_path.glob('small-*.pth')
    assert published.name in done.stdout


@pytest.mark.parametrize('file_format', ['torch', 'safetensors'])
@pytest.mark.parametrize(
    'classes', [[b'x'], [{(1, 2): 'x'}], [np.zeros(10_000, np.int8)] * 200]
)
def test_odd_keypoint_types_are_named(tmp_path, classes, file_format):
    weights = {'backbone.a': torch.ones(2), 'head.detector.a': torch.ones(2)}
    meta = {'dataset_meta': {'CLASSES': classes}}
    torch.save({'state_dict': weights, 'meta': meta}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointFileError, match=r'a\.pth has in meta'):
        publish_checkpoint(tmp_path / 'a.pth', tmp_path / 'b.pth', file_format)
    assert [path.name for path in tmp_path.iterdir()] == ['a.pth']


def test_names_of_weights_that_a_terminal_would_obey_are_refused(tmp_path):
    weights = {'backbone.a': torch.ones(2), 'head.detector.a': torch.ones(2)}
    weights['backbone.\x1b[2J\r\nOK: published'] = torch.tensor([float('nan')])
    torch.save({'state_dict': weights}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointFileError, match='proper names') as raised:
        publish_checkpoint(tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert str(raised.value).isprintable()


@pytest.mark.parametrize('file_format', ['torch', 'safetensors'])
def test_one_memory_is_not_written_many_times(tmp_path, file_format):
    one = torch.ones(1000)
    weights = {'backbone.a': one, 'head.detector.a': one}
    for count, name in ((2, 'tied'), (3, 'repeated')):
        weights |= {f'backbone.{i}': one for i in range(count - 2)}
        torch.save({'state_dict': weights}, tmp_path / f'{name}.pth')
    publish_checkpoint(tmp_path / 'tied.pth', tmp_path / 'a.pth', file_format)
    with pytest.raises(CheckpointFileError, match='12,000 bytes made of 4,000;'):
        publish_checkpoint(tmp_path / 'repeated.pth', tmp_path / 'b.pth', file_format)
