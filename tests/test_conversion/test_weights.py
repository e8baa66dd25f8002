# SPDX-License-Identifier: Apache-2.0
"""Weights are read, what is pickled beside them is not run."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

from centergroup_mm.conversion import CheckpointFileError, read_weights


class Calls:
    """Pickles as a call of ``function`` with ``arguments``, then filled."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments, state)

    def __reduce__(self):
        return self.reduced

    def __call__(self):
        """Only things that can be called may be pickled as what is called."""


class Foreign(dict):
    """A configuration object, with entries and attributes of its own."""

    def __init__(self, **entries):
        super().__init__(entries)
        self.hidden = [Foreign] * 2

    def __setstate__(self, state):
        raise AssertionError('was filled by its own code')


@pytest.fixture
def weights():
    weights = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).state_dict()
    assert weights._metadata  # an attribute that the reader has to pass over
    return weights


def assert_read(path, weights):
    found = read_weights(path)
    assert list(found) == list(weights)
    for key, weight in weights.items():
        assert torch.equal(found[key], weight)
        assert found[key].dtype == weight.dtype


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('whole', [True, False])
def test_either_format_of_torch(tmp_path, weights, zipped, whole):
    content = weights if whole else {'state_dict': weights, 'epoch': 3}
    torch.save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=zipped)
    assert_read(tmp_path / 'a.pth', weights)


def test_views_and_parameters(tmp_path):
    base = torch.arange(12.0).view(3, 4)
    weights = {'column': base[:, 1], 'parameter': nn.Parameter(base.t()).data}
    stored = {**weights, 'parameter': nn.Parameter(base.t(), requires_grad=True)}
    torch.save(stored, tmp_path / 'a.pth')
    assert_read(tmp_path / 'a.pth', weights)
    assert not read_weights(tmp_path / 'a.pth')['parameter'].requires_grad


@pytest.mark.parametrize('protocol', [2, 4])
def test_foreign_objects_are_passed_over(tmp_path, weights, protocol):
    content = {
        'hyper_parameters': Foreign(a=Foreign(b=1), c=[torch.device('cpu')]),
        'optimizer': {Path('x'): {1, 2}, 'dtype': torch.float16},
        'state_dict': weights,
    }
    torch.save(content, tmp_path / 'a.pth', pickle_protocol=protocol)
    assert_read(tmp_path / 'a.pth', weights)


def canaries(path):
    """Objects whose unpickling creates ``path``."""
    touch = f'touch {path}'
    return {
        'system': Calls(os.system, touch),
        'open': Calls(open, str(path), 'w'),
        'method': Calls(Path.touch, path),
        'exec': Calls(exec, f'open({str(path)!r}, "w")'),
        'eval': Calls(eval, f'__import__("os").system({touch!r})'),
        'chain': Calls(Calls(getattr, Calls(__import__, 'os'), 'system'), touch),
        'state': Calls(OrderedDict, state={'__class__': Calls(os.system, touch)}),
    }


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('kind', canaries(Path()))
def test_hidden_code_is_not_run(tmp_path, weights, kind, zipped):
    canary = tmp_path / 'canary'
    content = {'config': canaries(canary)[kind], 'state_dict': weights}
    torch.save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=zipped)
    assert_read(tmp_path / 'a.pth', weights)
    assert not canary.exists()


@pytest.mark.parametrize('kind', canaries(Path()))
def test_the_canaries_are_alive(tmp_path, weights, kind):
    canary = tmp_path / 'canary'
    torch.save({'config': canaries(canary)[kind]}, tmp_path / 'a.pth')
    try:
        torch.load(tmp_path / 'a.pth', weights_only=False)
    except TypeError:
        assert kind == 'state'  # filled with what the call returned
    assert canary.exists()


def test_code_among_the_weights_is_refused(tmp_path, weights):
    canary = tmp_path / 'canary'
    weights['bias'] = canaries(canary)['open']
    torch.save({'state_dict': weights}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointFileError, match="no tensors: 'bias'"):
        read_weights(tmp_path / 'a.pth')
    assert not canary.exists()


def test_torchs_own_functions_stay_as_they_are(tmp_path, weights):
    """A file may try to give attributes to the functions that it may call."""
    filled = (
        b'\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x04\x00\x00\x00evilK\x01sb.'
    )
    (tmp_path / 'a.pth').write_bytes(filled)
    with pytest.raises(CheckpointFileError):
        read_weights(tmp_path / 'a.pth')
    assert not hasattr(torch._utils._rebuild_tensor_v2, 'evil')


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('part', [0.1, 0.5, 0.99])
def test_truncated_file(tmp_path, weights, zipped, part):
    weights['large'] = torch.zeros(1000)
    path = tmp_path / 'a.pth'
    torch.save(weights, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(CheckpointFileError, match='truncated'):
        read_weights(path)


def foreign_files():
    """Contents that are no checkpoints, and what the message says."""
    return {
        'empty': (b'', 'cannot be read'),
        'noise': (bytes(range(256)) * 10, 'cannot be read'),
        'page': (b'<!DOCTYPE html><html>Sign in</html>', 'web page'),
        'pickle': (pickle.dumps({'a': 1}), 'cannot be read'),
    }


@pytest.mark.parametrize('kind', foreign_files())
def test_foreign_file(tmp_path, kind):
    content, message = foreign_files()[kind]
    (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(CheckpointFileError, match=message):
        read_weights(tmp_path / 'a.pth')


@pytest.mark.parametrize('content', [{}, [1], {'state_dict': {}}, {'model': {'a': 1}}])
def test_file_without_weights(tmp_path, content):
    torch.save(content, tmp_path / 'a.pth')
    with pytest.raises(CheckpointFileError, match='weights'):
        read_weights(tmp_path / 'a.pth')


def test_program(tmp_path):
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / 'a.pth')
    with pytest.raises(CheckpointFileError, match='TorchScript'):
        read_weights(tmp_path / 'a.pth')


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'b\.pth'):
        read_weights(tmp_path / 'b.pth')


def test_url(tmp_path, weights):
    torch.save(weights, tmp_path / 'a.pth')
    assert_read((tmp_path / 'a.pth').as_uri(), weights)
    with pytest.raises(FileNotFoundError, match=r'b\.pth does not exist'):
        read_weights((tmp_path / 'b.pth').as_uri())
