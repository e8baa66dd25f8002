# SPDX-License-Identifier: Apache-2.0
"""Ordinary files are read as they were saved, wherever they come from."""

import zipfile
from collections import Counter

import numpy as np
import pytest
import safetensors.torch
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from centergroup_mm.checkpoint_files import CheckpointFileError, read_checkpoint

FORMATS = [
    dict(),
    dict(pickle_protocol=3),
    dict(pickle_protocol=4),
    dict(pickle_protocol=5),
    dict(_use_new_zipfile_serialization=False),
]


def ordinary_content() -> dict:
    """What trainings and publishers put into checkpoints."""
    return {
        'numbers': [0, -1, 2**40, 10**30, 1.5, float('inf'), 1j, True, None],
        'texts': ('', 'é', 'x' * 300, b'', b'\x00\xff', bytearray(b'\xff')),
        'sets': ({1, 'a'}, frozenset({2})),
        'milestones': Counter([3, 3, 5]),
        'tensors': {
            name: torch.arange(3).to(dtype)
            for name, dtype in [
                *(('f4', torch.float32), ('f8', torch.float64), ('f2', torch.float16)),
                *(('bf', torch.bfloat16), ('i8', torch.int64), ('u1', torch.uint8)),
                *(('b', torch.bool), ('c', torch.complex64), ('u2', torch.uint16)),
                ('e4', torch.float8_e4m3fn),
            ]
        },
        'views': [torch.arange(12.0).view(3, 4)[:, 1], torch.zeros(1).expand(7, 9)],
        'no numbers': torch.empty(0, 3),
        'kinds': [torch.float16, torch.Size([1, 2]), torch.device('cuda', 1)],
        'arrays': [
            np.array([0.1, 0.2], dtype=np.float32),
            np.asfortranarray(np.arange(6).reshape(2, 3)),
            np.array([1, 2], dtype='>i4'),
            np.array(['nose', 'left_eye']),
            np.array([None, 'a', (1, 2)], dtype=object),
            np.zeros((0, 2)),
            np.array(3.0),
        ],
        'scalars': [np.float32(0.25), np.int64(3), np.bool_(True), np.str_('x')],
        'random state': np.random.default_rng(0).integers(0, 9, 624, dtype=np.uint32),
        'log': HistoryBuffer([3.0, 1.0], [1, 1], max_length=7),
    }


def assert_same(found, saved):
    assert type(found) is type(saved)
    if isinstance(saved, torch.Tensor):
        assert found.dtype == saved.dtype
        assert found.shape == saved.shape
        assert torch.equal(found.to(torch.complex64), saved.to(torch.complex64))
    elif isinstance(saved, np.ndarray):
        assert (found.dtype, found.shape) == (saved.dtype, saved.shape)
        assert found.flags.f_contiguous == saved.flags.f_contiguous
        assert found.tolist() == saved.tolist()
    elif isinstance(saved, HistoryBuffer):
        assert_same(found.data, saved.data)
        assert found.max_length == saved.max_length
    elif isinstance(saved, dict):
        assert list(found) == list(saved)
        assert_same(list(found.values()), list(saved.values()))
    elif isinstance(saved, list | tuple):
        for one, other in zip(found, saved, strict=True):
            assert_same(one, other)
    else:
        assert found == saved


@pytest.mark.parametrize('options', FORMATS)
def test_what_is_saved_is_read(tmp_path, options):
    content = ordinary_content()
    torch.save(content, tmp_path / 'a.pth', **options)
    assert_same(read_checkpoint(tmp_path / 'a.pth'), content)


@pytest.mark.parametrize('options', FORMATS)
def test_a_training_is_read_as_torch_reads_it(tmp_path, options):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    optimizer = torch.optim.Adam([{'params': [p]} for p in model.parameters()])
    model(torch.ones(2, 3, 2, 2)).sum().backward()
    optimizer.step()
    content = dict(state_dict=model.state_dict(), optimizer=optimizer.state_dict())
    torch.save(content, tmp_path / 'a.pth', **options)
    found = read_checkpoint(tmp_path / 'a.pth')
    torch.testing.assert_close(found, content, rtol=0, atol=0)
    assert found['state_dict']._metadata['1'] == {'version': 2}


def test_tied_weights_stay_tied(tmp_path):
    weight = torch.ones(3)
    torch.save({'a': weight, 'b': weight[1:]}, tmp_path / 'a.pth')
    found = read_checkpoint(tmp_path / 'a.pth')
    found['a'][2] = 5
    assert found['b'].tolist() == [1, 5]


def to_meta(memory, _location):
    return torch.UntypedStorage(memory.nbytes(), device='meta')


@pytest.mark.parametrize('file_format', ['zip', 'first', 'safetensors'])
@pytest.mark.parametrize('map_location', ['meta', torch.device('meta'), to_meta])
def test_tensors_go_where_they_are_wanted(tmp_path, file_format, map_location):
    content = {'w': torch.ones(2, 3)}
    if file_format == 'safetensors':
        safetensors.torch.save_file(content, tmp_path / 'a.pth')
    else:
        zipped = file_format == 'zip'
        torch.save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(tmp_path / 'a.pth', map_location)
    weight = found.get('state_dict', found)['w']
    assert weight.device.type == 'meta'
    assert weight.shape == (2, 3)


def test_every_flipped_byte_of_the_data_is_noticed(tmp_path):
    weight = torch.arange(1.0, 65.0)
    torch.save({'w': weight}, tmp_path / 'a.pth')
    whole = (tmp_path / 'a.pth').read_bytes()
    start = whole.index(weight.numpy().tobytes())
    for place in range(start, start + weight.nbytes, 17):
        flipped = bytes([whole[place] ^ 1])
        (tmp_path / 'b.pth').write_bytes(whole[:place] + flipped + whole[place + 1 :])
        with pytest.raises(CheckpointFileError, match=r'b\.pth .*CRC'):
            read_checkpoint(tmp_path / 'b.pth')


def test_a_flipped_byte_of_what_nobody_reads_is_noticed(tmp_path):
    torch.save({'w': torch.zeros(64)}, tmp_path / 'a.pth')
    whole = (tmp_path / 'a.pth').read_bytes()
    with zipfile.ZipFile(tmp_path / 'a.pth') as archive:
        identity = archive.read('a/.data/serialization_id')
    (tmp_path / 'b.pth').write_bytes(whole.replace(identity, b'x' + identity[1:]))
    with pytest.raises(CheckpointFileError, match='CRC'):
        read_checkpoint(tmp_path / 'b.pth')


def test_names_on_one_line(tmp_path):
    path = tmp_path / 'line\nbreak.pth'
    path.write_bytes(b'')
    with pytest.raises(CheckpointFileError, match=r'line\\nbreak\.pth. is empty'):
        read_checkpoint(path)
