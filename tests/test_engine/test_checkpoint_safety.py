# SPDX-License-Identifier: Apache-2.0
"""mmengine loads its own checkpoints by the reader that runs nothing."""

import functools
import http.server
import io
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

import centergroup_mm  # noqa: F401  (its import is what is tested)
from centergroup_mm.checkpoint_files import CheckpointFileError
from centergroup_mm.engine.checkpoint_safety import for_host


def load(path):
    return CheckpointLoader.load_checkpoint(str(path), logger='silent')


class Calls:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.function = function
        self.arguments = arguments

    def __reduce__(self):
        return self.function, self.arguments


def history_content() -> dict:
    """What the log of a run puts into a checkpoint of mmengine."""
    history = HistoryBuffer([3.0, 1.0, 2.0], [1, 1, 1])
    return {
        'history': history,
        'scalar': np.float32(0.25),
        'sigmas': np.array([0.1, 0.2], dtype=np.float32),
        'names': np.array(['nose', 'left_eye']),
        'objects': np.array([None, 'a'], dtype=object),
        'links': np.zeros((0, 2)),
    }


def save_with_names(path: Path, content: dict, core: str) -> None:
    """Save as a given numpy would: ``core`` is its name for its internals."""
    written = io.BytesIO()
    torch.save(content, written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(path, 'w') as target:
        for name in source.namelist():
            part = source.read(name)
            if name.endswith('data.pkl'):
                part = part.replace(b'cnumpy._core.', b'cnumpy.core.')
                part = part.replace(b'cnumpy.core.', f'c{core}.'.encode())
                assert f'c{core}.multiarray'.encode() in part
            target.writestr(name, part)


@pytest.mark.parametrize('core', ['numpy.core', 'numpy._core'])
def test_reads_checkpoints_of_either_numpy(tmp_path, core):
    content = {'state_dict': {'w': torch.ones(1)}, 'extra': history_content()}
    save_with_names(tmp_path / 'a.pth', content, core)
    loaded = load(tmp_path / 'a.pth')['extra']
    assert loaded['history'].statistics('min') == 1.0
    assert loaded['history'].statistics('max') == 3.0
    assert loaded['history'].statistics('mean', 3) == 2.0
    assert loaded['history'].statistics('current') == 2.0
    assert loaded['scalar'] == np.float32(0.25)
    np.testing.assert_array_equal(
        loaded['sigmas'], np.array([0.1, 0.2], dtype=np.float32)
    )
    assert loaded['names'].tolist() == ['nose', 'left_eye']
    assert loaded['objects'].tolist() == [None, 'a']
    assert loaded['links'].shape == (0, 2)


def canaries(path: Path) -> dict[str, object]:
    """Objects whose unpickling creates ``path`` or reaches past the allow-list."""
    return {
        'open': Calls(open, str(path), 'w'),
        'method through getattr': Calls(Path.touch, path),
        'constructor': Calls(getattr, HistoryBuffer, '__init__'),
        'module through getattr': Calls(getattr, np.ndarray, '__class__'),
        'name with dots': Calls(getattr, HistoryBuffer, 'min.__globals__'),
    }


@pytest.mark.parametrize('kind', canaries(Path()))
def test_refuses_code_and_does_not_run_it(tmp_path, kind):
    canary = tmp_path / 'canary'
    torch.save({'state_dict': {}, 'meta': canaries(canary)[kind]}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointFileError, match=r'a\.pth '):
        load(tmp_path / 'a.pth')
    assert not canary.exists()


def test_the_canary_is_alive(tmp_path):
    """Without protection it does run: the refusals above mean something."""
    canary = tmp_path / 'canary'
    torch.save(canaries(canary)['open'], tmp_path / 'a.pth')
    torch.load(tmp_path / 'a.pth', weights_only=False).close()
    assert canary.exists()


@pytest.fixture
def served_folder(tmp_path, monkeypatch):
    """A folder and its URL on a local server; downloads are cached elsewhere."""
    folder = tmp_path / 'served'
    folder.mkdir()
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch_home'))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(folder)
    )
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


def test_url_is_read_by_the_rules_for_files(served_folder):
    folder, url = served_folder
    torch.save({'state_dict': {'w': torch.ones(2)}}, folder / 'good.pth')
    loaded = CheckpointLoader.load_checkpoint(f'{url}/good.pth', map_location='cpu')
    torch.testing.assert_close(loaded['state_dict']['w'], torch.ones(2))

    canary = folder / 'canary'
    torch.save(canaries(canary)['open'], folder / 'bad.pth')
    with pytest.raises(CheckpointFileError, match=r'bad\.pth'):
        CheckpointLoader.load_checkpoint(f'{url}/bad.pth', map_location='cpu')
    assert not canary.exists()


def test_a_log_cannot_change_the_statistics_of_others(tmp_path):
    class Log(HistoryBuffer):
        def __reduce__(self):
            state = {**self.__dict__, 'statistics_methods': {'mean': HistoryBuffer.max}}
            return HistoryBuffer, (), state

    torch.save({'log': Log([1.0, 3.0], [1, 1]), 'w': torch.ones(1)}, tmp_path / 'a.pth')
    assert load(tmp_path / 'a.pth')['log'].statistics('mean') == 2.0
    assert HistoryBuffer([3.0, 5.0], [1, 1]).statistics('mean') == 4.0
    assert HistoryBuffer._statistics_methods['mean'] is HistoryBuffer.mean


def test_texts_that_the_host_would_run_are_taken_out():
    text = 'open("canary", "w")'
    content = {
        'state_dict': {'w': torch.ones(1)},
        'meta': {'cfg': text, 'config': text, 'iter': 3},
        'message_hub': {
            'log_scalars': {},
            'runtime_info': {'cfg': text, 'iter': 3},
            'resumed_keys': {'cfg': True},
        },
    }
    loaded = for_host(content, 'a.pth')
    assert loaded['meta'] == {'iter': 3}
    assert loaded['message_hub']['runtime_info'] == {'iter': 3}
    assert content['meta']['cfg'] == text  # the reader's own content is untouched


def test_paths_of_others_are_taken_out():
    info = {
        'best_score': 3.0,
        'best_ckpt': '/old/place/best_coco_AP_iter_3.pth',
        'best_ckpt_a': '/home/somebody',
        'best_ckpt_b': ['best_b_iter_3.pth'],
        'best_ckpt_c': '..',
        'last_ckpt': '/home/somebody',
        'keep_ckpt_ids': [0, 3],
    }
    content = {
        'state_dict': {'w': torch.ones(1)},
        'message_hub': {'log_scalars': {}, 'runtime_info': info, 'resumed_keys': {}},
    }

    def loaded(file: str) -> dict:
        return for_host(content, file)['message_hub']['runtime_info']

    assert loaded('work/iter_4.pth') == {
        'best_score': 3.0,
        'best_ckpt': 'work/best_coco_AP_iter_3.pth',
        'keep_ckpt_ids': [0, 3],
    }
    assert 'best_ckpt' not in loaded('https://host/iter_4.pth')
    for odd in (5, [-1], ['../x'], [True]):
        info['keep_ckpt_ids'] = odd
        assert 'keep_ckpt_ids' not in loaded('work/iter_4.pth')


def test_what_is_missing_is_named(tmp_path):
    loaded = for_host({'state_dict': {'w': torch.ones(1)}}, 'a.pth')
    with pytest.raises(CheckpointFileError, match=r"^a\.pth has no 'meta'.*--resume"):
        loaded['meta']
    torch.save(loaded, tmp_path / 'b.pth')
    assert torch.load(tmp_path / 'b.pth', weights_only=True) == loaded


def odd_contents():
    """Contents that the host would fail on, and what is said of them."""
    weights = {'state_dict': {'w': torch.ones(1)}}
    giant = torch.zeros(1, dtype=torch.float64).expand(10**10)
    groups = [{'params': [0]}]
    optimizer = {'param_groups': groups, 'state': {0: {'exp_avg': giant}}}
    return {
        'list': ([1], 'type list'),
        'weights are a list': ({'state_dict': [1]}, 'type list'),
        'weights are texts': ({'state_dict': {'w': 'x'}}, "no tensors: 'w'"),
        'averaged weights only': ({'meta': {}, 'ema_state_dict': {}}, 'state_dict'),
        'numbers only': ({'epoch': 3}, 'no weights'),
        'name with a line break': ({'w\n': torch.ones(1)}, 'proper names'),
        'name that is a number': ({'state_dict': {1: torch.ones(1)}}, 'proper names'),
        'meta is a text': ({**weights, 'meta': 'x'}, "'meta'"),
        'iteration is a text': ({**weights, 'meta': {'iter': 'x'}}, "'iter'"),
        'iteration below 0': ({**weights, 'meta': {'iter': -1}}, "'iter'"),
        'epoch without end': ({**weights, 'meta': {'epoch': 2**40}}, "'epoch'"),
        'seed below 0': ({**weights, 'meta': {'seed': -1}}, "'seed'"),
        'seed of 71 bits': ({**weights, 'meta': {'seed': 2**70}}, "'seed'"),
        'schedules are numbers': ({**weights, 'param_schedulers': [1]}, 'schedulers'),
        'schedules of a name are a number': (
            {**weights, 'param_schedulers': {'a': 1}},
            'param_schedulers',
        ),
        'a schedule with another step function': (
            {**weights, 'param_schedulers': [{'step': 'x'}]},
            'param_schedulers',
        ),
        'a schedule with a text as its step': (
            {**weights, 'param_schedulers': [{'last_step': 'x'}]},
            'param_schedulers',
        ),
        'a rate is a text': (
            {
                **weights,
                'optimizer': {
                    'param_groups': [{'params': [0], 'lr': 'x'}],
                    'state': {},
                },
            },
            "'optimizer'",
        ),
        'optimizer is empty': ({**weights, 'optimizer': {}}, "'optimizer'"),
        'groups are numbers': (
            {**weights, 'optimizer': {'param_groups': [1], 'state': {}}},
            "'optimizer'",
        ),
        'optimizer with a giant': ({**weights, 'optimizer': optimizer}, 'repeat'),
        'one of several with a giant': (
            {**weights, 'optimizer': {'a': optimizer}},
            'repeat',
        ),
        'gradient that is a giant': (
            {**weights, 'meta': {'training_state': {'gradients': {'w': giant}}}},
            'repeat',
        ),
        'logs are a list': (
            {**weights, 'message_hub': {'log_scalars': []}},
            "'log_scalars'",
        ),
        'the best score is a text': (
            {**weights, 'message_hub': {'runtime_info': {'best_score_AP': 'x'}}},
            "'message_hub'",
        ),
        'what to resume is said by a number': (
            {**weights, 'message_hub': {'resumed_keys': {'loss': 5}}},
            "'message_hub'",
        ),
        'a log that clears the screen': (
            {**weights, 'message_hub': {'log_scalars': {'loss\x1b[2J': None}}},
            r'values of its log without proper names: .loss\\x1b',
        ),
    }


@pytest.mark.parametrize('kind', odd_contents())
def test_odd_content_is_named(kind):
    content, message = odd_contents()[kind]
    with pytest.raises(CheckpointFileError, match=message) as raised:
        loaded = for_host(content, 'a.pth')
        # As a resumed training does.
        for key in loaded:
            loaded[key]
    assert str(raised.value).startswith('a.pth ')
    assert '\n' not in str(raised.value)


def test_weights_are_usable_beside_an_odd_optimizer():
    content = {'state_dict': {'w': torch.ones(1)}, 'optimizer': {'state': 5}}
    assert for_host(content, 'a.pth')['state_dict']['w'] == 1


COCO_META = dict(
    dataset_name='three',
    num_keypoints=3,
    keypoint_id2name={0: 'nose', 1: 'left', 2: 'right'},
    keypoint_name2id={'nose': 0, 'left': 1, 'right': 2},
    flip_indices=[0, 2, 1],
    flip_pairs=[(2, 1)],
    keypoint_colors=np.zeros((3, 3), np.uint8),
    skeleton_links=[(0, 1), (0, 2)],
    skeleton_link_colors=np.zeros((2, 3), np.uint8),
    sigmas=np.ones(3, np.float32),
    CLASSES=[{'id': 1, 'name': 'person'}],
)


def with_meta(**changes):
    meta = {'dataset_meta': {**COCO_META, **changes}}
    return {'state_dict': {'w': torch.ones(1)}, 'meta': meta}


def test_the_host_gets_nothing_but_keypoint_types():
    """Its inferencers copy all of it over what they know of an image."""
    content = with_meta(img_path='http://127.0.0.1/other.png', img=0, inputs=1)
    found = for_host(content, 'a.pth')['meta']['dataset_meta']
    assert found.keys() == COCO_META.keys()


def test_a_checkpoint_without_keypoint_types_leaves_them_to_the_config():
    for meta in ({}, {'img_path': 'x'}, None):
        content = {'state_dict': {'w': torch.ones(1)}, 'meta': {'dataset_meta': meta}}
        assert 'dataset_meta' not in for_host(content, 'a.pth')['meta']


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('keypoint_id2name', 5),
        ('keypoint_id2name', {'a': 'b'}),
        ('keypoint_id2name', {0: 'a\x1b[2J', 1: 'b', 2: 'c'}),
        ('keypoint_name2id', {'nose': 3}),
        ('dataset_name', 3),
        ('dataset_name', 'a\nb'),
        ('flip_indices', [10**6] * 3),
        ('flip_indices', [0, [1]]),
        ('skeleton_links', 'x'),
        ('skeleton_links', [(0, 3)]),
        ('skeleton_links', [(0, 1)]),
        ('keypoint_colors', [[0, 0, 0]]),
        ('sigmas', ['x'] * 3),
        ('sigmas', [float('nan')] * 3),
        ('CLASSES', [b'x']),
        ('CLASSES', [{(1, 2): 'x'}]),
        ('CLASSES', ['x' * 100_000] * 400),
        ('CLASSES', [np.zeros(100_000)] * 400),
    ],
)
def test_odd_keypoint_types_are_named(key, value):
    with pytest.raises(CheckpointFileError, match='dataset_meta') as raised:
        for_host(with_meta(**{key: value}), 'a.pth')
    assert str(raised.value).startswith('a.pth ')
    assert str(raised.value).isprintable()
