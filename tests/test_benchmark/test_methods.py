# SPDX-License-Identifier: Apache-2.0
"""Models to measure: they see the people that are placed."""

import pytest
import torch

from centergroup_mm.lab.benchmark import Method, Settings
from centergroup_mm.lab.benchmark.methods import NETWORK_ONLY, PLACED
from centergroup_mm.lab.benchmark.part_timer import PARTS
from centergroup_mm.lab.benchmark.timing import SUMS, time_methods
from centergroup_mm.lab.configs import load_config

HOST = 'mmpose::body_2d_keypoint'
SMALL = Settings(size=(128, 96))


def in_order(items, total):
    return iter(items)


@pytest.mark.parametrize('name', ['centergroup', 'higherhrnet', 'centernet'])
@pytest.mark.parametrize('flip', [False, True])
def test_people_are_found(repo_root, name, flip):
    path = str(repo_root / 'configs' / f'{name}_tiny.py')
    method = Method(path, Settings(size=(128, 96), batch=2, flip=flip))
    method.show(4)
    method.predict()
    for sample in method.samples:
        # Each of the people has a center or a group of its own.
        assert len(sample.pred_instances) >= 3
    whole = [sample.pred_instances.bbox_scores for sample in method.samples]
    method.keep_features()
    method.predict_from_features()
    assert all(len(scores) for scores in whole)


@pytest.mark.parametrize(
    ('config', 'kind'),
    [
        ('associative_embedding/coco/ae_hrnet-w32_8xb24-300e_coco-512x512', PLACED),
        pytest.param(
            'dekr/coco/dekr_hrnet-w32_8xb10-140e_coco-512x512',
            PLACED,
            marks=pytest.mark.operators,
        ),
        ('rtmo/coco/rtmo-s_8xb32-600e_coco-640x640', NETWORK_ONLY),
    ],
)
def test_peers_of_the_host(config, kind):
    method = Method(f'{HOST}/{config}.py', SMALL)
    assert method.kind == kind
    (row,) = time_methods([method], [3], runs=1, warm_up=0, progress=in_order)
    assert row['times']['network']['median'] > 0
    assert row['times']['heads']['median'] > 0
    if kind == PLACED:
        assert row['people'] == 3
        assert row['times']['decoding']['median'] > 0
        assert len(method.samples[0].pred_instances) >= 2
    else:
        assert row['people'] is None


def test_times_of_parts_and_sums(repo_root):
    paths = [str(repo_root / 'configs' / f'{n}_tiny.py') for n in ('centergroup',) * 2]
    methods = [Method(path, SMALL) for path in paths]
    rows = time_methods(methods, [1, 3], runs=3, warm_up=1, progress=in_order)
    assert [row['people'] for row in rows] == [1, 3, 1, 3]
    for row in rows:
        assert set(row['times']) == {*PARTS, *SUMS}
        for spread in row['times'].values():
            assert spread['low'] <= spread['median'] <= spread['high']
            assert spread['runs'] == 3


def test_from_features_the_network_is_left_out(repo_root):
    path = str(repo_root / 'configs' / 'centergroup_tiny.py')
    method = Method(path, SMALL)
    method.show(2)
    method.keep_features()
    called = []
    method.model.backbone.register_forward_hook(lambda *_: called.append('backbone'))
    own = method.model.head.detector.detector
    own.register_forward_hook(lambda *_: called.append('detector'))
    method.predict_from_features()
    assert called == []
    method.predict()
    assert called == ['backbone', 'detector']


def test_settings_reach_the_model(repo_root):
    path = str(repo_root / 'configs' / 'centergroup_tiny.py')
    settings = Settings(size=(64, 64), dtype='bfloat16', channels_last=True)
    method = Method(path, settings, {'model.head.tokenizer.patches': False})
    assert method.model.head.tokenizer.patches is False
    assert method.inputs.is_contiguous(memory_format=torch.channels_last)
    method.show(1)
    seen = []
    method.model.backbone.register_forward_hook(lambda *args: seen.append(args[2][0]))
    method.predict()
    assert seen[0].dtype == torch.bfloat16


def test_unreadable_image_and_unknown_config(repo_root, tmp_path):
    path = tmp_path / 'image.jpg'
    path.write_text('no image')
    config = str(repo_root / 'configs' / 'centergroup_tiny.py')
    with pytest.raises(ValueError, match=r'image\.jpg cannot be read'):
        Method(config, Settings(size=(64, 64), image=str(path)))
    with pytest.raises(FileNotFoundError, match='no config nothing.py'):
        load_config('nothing.py')
