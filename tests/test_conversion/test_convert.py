# SPDX-License-Identifier: Apache-2.0
"""Foreign checkpoints become weights and configs that fit each other."""

import json
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmpose.apis import init_model

from centergroup_mm.conversion import CheckpointFileError, convert_checkpoint
from centergroup_mm.conversion.key_mapping import RULES, Layout, rename_keys

from .conftest import small_model


def assert_same(found, weights):
    assert set(found) == set(weights)
    for key, weight in weights.items():
        assert torch.equal(found[key], weight), key


def save(weights, path):
    torch.save({'state_dict': weights}, path)
    return path


def older(key):
    """The name of a weight in the first released files."""
    return key.replace('tr_encoder', 'graph_net').replace('group_model', 'graph_model')


@pytest.mark.parametrize('rename', [str, older])
@pytest.mark.parametrize(
    'sizes',
    [
        dict(num_keypoints=14),
        dict(num_keypoints=17, widths=(12, 8, 24, 20), blocks=1),
        dict(num_keypoints=5, blocks=3),
    ],
)
def test_released_model_of_any_size(tmp_path, small_release, build, sizes, rename):
    weights, released = small_release(**sizes)
    released = {rename(key): weight for key, weight in released.items()}
    source = save(released, tmp_path / 'in.ckpt')
    done = convert_checkpoint(source, tmp_path / 'folder' / 'out.pth', 256)
    assert done.num_keypoints == sizes['num_keypoints']

    content = torch.load(done.weights, weights_only=True)
    assert_same(content['state_dict'], weights)
    config = Config.fromfile(done.config)
    assert config.load_from == str(done.weights)
    assert config.model.head.grouping.num_heads == 4
    for loader in (config.train_dataloader, config.test_dataloader):
        assert loader.dataset.pipeline[1].input_size == (256, 256)
    assert config.model.head.decoder.input_size == config.input_size == (256, 256)
    model = build(config.model)
    load_checkpoint(model, str(done.weights), strict=True, logger='silent')
    assert_same(model.state_dict(), weights)


@pytest.mark.parametrize(
    ('num_keypoints', 'name'), [(17, 'coco'), (14, 'crowdpose'), (5, None)]
)
def test_keypoint_types_go_with_the_weights(
    tmp_path, small_release, num_keypoints, name
):
    _, released = small_release(num_keypoints=num_keypoints)
    source = save(released, tmp_path / 'in.ckpt')
    done = convert_checkpoint(source, tmp_path / 'out.pth', 256)
    meta = torch.load(done.weights, weights_only=True)['meta']
    if name is None:
        assert 'dataset_meta' not in meta
        assert 'from_file' in done.config.read_text()
        return
    assert meta['dataset_meta']['dataset_name'] == name
    model = init_model(str(done.config), str(done.weights), device='cpu')
    assert len(model.dataset_meta['flip_indices']) == num_keypoints


FULL_SIZES = {
    'centergroup_w32_coco': ('centergroup_w32_released.py', 512, 32_465_982),
    'centergroup_w48_coco': ('centergroup_w48_released.py', 640, 67_652_446),
    'centergroup_w48_crowdpose': (
        'centergroup_w48_crowdpose_released.py',
        640,
        67_349_797,
    ),
    'detector_center_w32_coco': ('higherhrnet_w32_center.py', 512, None),
    'detector_center_w48_crowdpose': (
        'higherhrnet_w48_crowdpose_center.py',
        640,
        None,
    ),
    'higherhrnet_w32_coco': ('higherhrnet_w32.py', 512, None),
}


def full_size(parity_dir, name, path):
    """A file of the released shapes; its weights share one storage."""
    shapes = json.loads((parity_dir / 'shapes' / f'{name}.json').read_text())
    zero = torch.zeros(1)
    weights = {
        key: torch.tensor(0) if not shape else zero.expand(shape)
        for key, shape in shapes.items()
    }
    return save(weights, path), len(shapes)


@pytest.mark.parametrize('name', FULL_SIZES)
def test_full_size(tmp_path, parity_dir, repo_root, build, name):
    base, input_size, num_parameters = FULL_SIZES[name]
    source, num_keys = full_size(parity_dir, name, tmp_path / 'in.ckpt')
    done = convert_checkpoint(source, tmp_path / 'out.pth')
    assert done.input_size == input_size
    config = Config.fromfile(done.config)
    ours = Config.fromfile(repo_root / 'configs' / base)
    ours.merge_from_dict(
        dict(load_from=str(done.weights), model=dict(backbone=dict(init_cfg=None)))
    )
    assert config.to_dict() == ours.to_dict()

    weights = torch.load(done.weights, weights_only=True)['state_dict']
    assert len(weights) == num_keys
    with torch.device('meta'):
        model = build(config.model)
    model.load_state_dict(weights, strict=True, assign=True)
    if num_parameters:
        assert sum(weight.numel() for weight in model.parameters()) == num_parameters


@pytest.mark.parametrize(
    ('types', 'num_keypoints', 'centers'),
    [
        (18, None, True),
        (15, None, True),
        (14, None, False),
        (6, 5, True),
        (6, 6, False),
    ],
)
def test_detector(tmp_path, small_detector, build, types, num_keypoints, centers):
    weights, released = small_detector(types)
    source = save(released, tmp_path / 'in.pth')
    done = convert_checkpoint(source, tmp_path / 'out.pth', 256, num_keypoints)
    assert done.num_keypoints == types - centers
    found = torch.load(done.weights, weights_only=True)['state_dict']
    assert_same(found, weights)
    config = Config.fromfile(done.config)
    assert config.model.head.with_center == centers
    order = config.model.head.decoder.decode_keypoint_order
    assert sorted(order) == list(range(done.num_keypoints))
    model = build(config.model)
    load_checkpoint(model, config.load_from, logger='silent')
    assert_same(model.state_dict(), weights)


def test_centergroup_trains_from_a_detector(tmp_path, repo_root, small_detector, build):
    weights, released = small_detector(6)
    source = save(released, tmp_path / 'in.pth')
    done = convert_checkpoint(source, tmp_path / 'out.pth', 256, 5)
    model = build(small_model(repo_root, num_keypoints=5))
    load_checkpoint(model, str(done.weights), logger='silent')
    own = model.state_dict()
    for key, weight in weights.items():
        assert torch.equal(own[key], weight)


def test_the_source_is_not_overwritten(tmp_path, small_detector):
    source = save(small_detector(18)[1], tmp_path / 'in.pth')
    before = source.read_bytes()
    with pytest.raises(ValueError, match='is the source itself'):
        convert_checkpoint(source, source)
    assert source.read_bytes() == before


@pytest.mark.parametrize('name', ['out.pth', 'out.py'])
def test_nothing_is_overwritten_unasked(tmp_path, small_detector, name):
    source = save(small_detector(18)[1], tmp_path / 'in.pth')
    (tmp_path / name).write_text('mine')
    with pytest.raises(FileExistsError, match=rf'{name} is already there.*--overwrite'):
        convert_checkpoint(source, tmp_path / 'out.pth', 256)
    assert (tmp_path / name).read_text() == 'mine'
    assert {path.name for path in tmp_path.iterdir()} == {'in.pth', name}
    done = convert_checkpoint(source, tmp_path / 'out.pth', 256, overwrite=True)
    assert Config.fromfile(done.config).load_from == str(done.weights)


def test_odd_names(tmp_path, small_detector):
    """Quotes of each kind, a backslash, a line break, what the host replaces."""
    name = "it's \"\"\"three\"\"\" '''kinds''' \\n\n {{ fileDirname }} é"
    folder = tmp_path / name
    folder.mkdir()
    source = save(small_detector(18)[1], folder / f'{name}.ckpt')
    done = convert_checkpoint(source, folder / f'{name}.pth', 256)
    assert Config.fromfile(done.config).load_from == str(done.weights)
    # Both may be moved together.
    moved = tmp_path / f'{name} moved'
    folder.rename(moved)
    config = Config.fromfile(moved / done.config.name)
    assert config.load_from == str(moved / done.weights.name)


def test_infinite_weights_are_not_converted(tmp_path, small_detector):
    weights = small_detector(18)[1]
    weights['keypoint_head.final_layers.0.bias'][0] = float('nan')
    source = save(weights, tmp_path / 'in.pth')
    with pytest.raises(CheckpointFileError, match=r'1 of .* not finite .*layers\.0'):
        convert_checkpoint(source, tmp_path / 'out.pth', 256)


@pytest.mark.parametrize(
    'key',
    [
        'backbone.stage3.999999999.branches.0.0.conv1.weight',
        'backbone.layer1.999999999.conv1.weight',
    ],
)
def test_names_cannot_ask_for_a_giant(tmp_path, small_detector, key):
    weights = small_detector(18)[1] | {key: torch.zeros(1)}
    source = save(weights, tmp_path / 'in.pth')
    with pytest.raises(CheckpointFileError, match='made to do harm'):
        convert_checkpoint(source, tmp_path / 'out.pth', 256)


def test_branches_and_lengths_are_bounded(tmp_path, small_detector):
    released = small_detector(18)[1]
    branch = 'backbone.stage2.0.branches.{}.0.conv1.weight'
    many = {branch.format(i): torch.zeros(1, 1, 1, 1) for i in range(40)}
    giant = {branch.format(0): torch.zeros(1).expand(2**31, 1, 1, 1)}
    for changes, message in ((many, '40 branches in stage2'), (giant, '2147483648')):
        source = save({**released, **changes}, tmp_path / 'in.pth')
        with pytest.raises(CheckpointFileError, match=message):
            convert_checkpoint(source, tmp_path / 'out.pth')
    types = {'keypoint_head.final_layers.1.weight': torch.zeros(1).expand(2**31, 1)}
    source = save({**released, **types}, tmp_path / 'in.pth')
    with pytest.raises(CheckpointFileError, match='final_layers.1.weight of a length'):
        convert_checkpoint(source, tmp_path / 'out.pth', num_keypoints=2**31)


def test_long_lists_of_weights_are_cut(tmp_path, small_detector):
    released = small_detector(18)[1]
    unknown = {f'backbone_{i}': torch.zeros(1) for i in range(2000)}
    source = save({**released, **unknown}, tmp_path / 'in.pth')
    with pytest.raises(CheckpointFileError, match='2000 unknown:') as raised:
        convert_checkpoint(source, tmp_path / 'out.pth')
    assert len(str(raised.value).splitlines()) == 8


def test_detector_of_unknown_types(tmp_path, small_detector):
    source = save(small_detector(6)[1], tmp_path / 'in.pth')
    for stated in (None, 4, 7):
        with pytest.raises(CheckpointFileError, match='--num-keypoints'):
            convert_checkpoint(source, tmp_path / 'out.pth', 256, stated)
    assert [path.name for path in tmp_path.iterdir()] == ['in.pth']


def damages():
    """What may be wrong with the weights, and what the message lists."""
    last = 'group_model.prediction_heads.2.mlp_vis.layers.2.bias'
    deep = 'bu_model.backbone.stage3.1.fuse_layers.2.0.1.0.weight'
    return {
        'missing': (lambda w: [w.pop(last), w.pop(deep)], [last, deep]),
        'missing size': (
            lambda w: w.pop('group_model.kp_encoder.type_embed.weight'),
            ['group_model.kp_encoder.type_embed.weight'],
        ),
        'unknown part': (
            lambda w: w.update({'refiner.0.weight': torch.zeros(1)}),
            ['refiner.0.weight'],
        ),
        'unknown in a known part': (
            lambda w: w.update({'bu_model.backbone.extra': torch.zeros(1)}),
            ['bu_model.backbone.extra'],
        ),
        'two names for one': (
            lambda w: w.update({older(last): torch.zeros(1)}),
            [older(last)],
        ),
        'shape': (
            lambda w: w.update({last: torch.zeros(3)}),
            [last, r'\(3,\), expected \(1,\)'],
        ),
    }


@pytest.mark.parametrize('kind', damages())
def test_every_weight_is_accounted_for(tmp_path, small_release, kind):
    damage, listed = damages()[kind]
    _, released = small_release()
    damage(released)
    source = save(released, tmp_path / 'in.ckpt')
    with pytest.raises(CheckpointFileError) as error:
        convert_checkpoint(source, tmp_path / 'out.pth', 256)
    for text in listed:
        assert re.search(text, str(error.value))
    assert [path.name for path in tmp_path.iterdir()] == ['in.ckpt']


def test_foreign_layout(tmp_path):
    source = save({'features.0.weight': torch.zeros(1)}, tmp_path / 'in.pth')
    with pytest.raises(CheckpointFileError, match=r'found features\.0\.weight'):
        convert_checkpoint(source, tmp_path / 'out.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['in.pth']


def test_both_files_or_none(tmp_path, small_release):
    _, released = small_release()
    source = save(released, tmp_path / 'in.ckpt')
    (tmp_path / 'out.py').mkdir()
    with pytest.raises(IsADirectoryError, match=r'out\.py'):
        convert_checkpoint(source, tmp_path / 'out.pth', 256)
    assert {path.name for path in tmp_path.iterdir()} == {'in.ckpt', 'out.py'}


@pytest.mark.parametrize(
    ('target', 'input_size'), [('out.pt', 256), ('out.pth', 0), ('out.pth', 255)]
)
def test_wrong_arguments(tmp_path, target, input_size):
    with pytest.raises(ValueError, match='Expected'):
        convert_checkpoint(tmp_path / 'in.ckpt', tmp_path / target, input_size)


def test_batch_norm_is_not_block_minus_three():
    """The third entry of a residual CNN is its ReLU, without weights."""
    keys = [f'kp_embed_cnn.{index}.weight' for index in range(4)]
    renamed, unknown = rename_keys(keys, Layout.CENTERGROUP)
    assert unknown == ['kp_embed_cnn.2.weight']
    prefix = 'head.tokenizer.keypoint_cnn.'
    assert renamed[keys[3]] == f'{prefix}blocks.0.weight'


@pytest.mark.parametrize('layout', Layout)
def test_rules_invert(layout):
    for rule in RULES[layout]:
        indices = [4] * rule.source.count('{}')
        key = rule.source.format(*indices) + 'weight'
        assert rule.backward(rule.forward(key)) == key


def test_command(tmp_path, small_release, run_cli, repo_root):
    _, released = small_release(num_keypoints=17)
    source = save(released, tmp_path / 'in.ckpt')
    tool = repo_root / 'tools/convert_checkpoint.py'
    run_cli(['python', tool, source.as_uri(), 'out.pth', '--input-size', 128], tmp_path)
    config = Config.fromfile(tmp_path / 'out.py')
    assert config.model.head.decoder.input_size == (128, 128)

    source.write_bytes(source.read_bytes()[:1000])
    failed = run_cli(['python', tool, source, 'again.pth'], tmp_path, check=False)
    assert failed.returncode == 1
    assert 'truncated' in failed.stdout
    assert 'Traceback' not in failed.stdout
    assert not list(tmp_path.glob('again*'))
