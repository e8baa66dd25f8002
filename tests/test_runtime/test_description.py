# SPDX-License-Identifier: Apache-2.0
"""Model files that say or give what cannot be are told in a line."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from centergroup_mm.command.command_line import main
from centergroup_mm.runtime import ModelFileError, PoseModel
from centergroup_mm.runtime.description import INPUTS, KEY, OUTPUTS, read_description

GOOD = dict(
    format=1,
    version='1',
    method='CenterGroup',
    dataset='two',
    keypoint_names=['a', 'b'],
    skeleton=[[0, 1]],
    flip_indices=[1, 0],
    sigmas=[],
    input_side=64,
    size_factor=32,
    max_aspect_ratio=8.0,
    score_thr=0.0,
    flip_test=False,
    half=False,
    license_of_weights='none',
)


def read(text):
    return read_description({KEY: text}, 'x.onnx')


def test_a_description_is_read():
    assert read(json.dumps(GOOD)).as_dict() == GOOD


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('format', '1\x1b[2J'),
        ('version', 1),
        ('method', 'x' * 10_000),
        ('keypoint_names', 5),
        ('keypoint_names', []),
        ('keypoint_names', ['a', 5]),
        ('keypoint_names', ['a', 'b', 'c']),
        ('skeleton', 'ab'),
        ('skeleton', [[0, 999]]),
        ('skeleton', [[0, 10**400]]),
        ('skeleton', [[0]]),
        ('flip_indices', [0]),
        ('flip_indices', [0, -1]),
        ('sigmas', 'x'),
        ('sigmas', [0.1]),
        ('sigmas', [0.1, 0]),
        ('input_side', 'x'),
        ('input_side', 200_000),
        ('input_side', True),
        ('size_factor', 0),
        ('size_factor', -32),
        ('max_aspect_ratio', None),
        ('max_aspect_ratio', float('nan')),
        ('score_thr', 'x'),
        ('flip_test', 'no'),
    ],
)
def test_values_that_cannot_be_are_told(name, value):
    with pytest.raises(ModelFileError) as raised:
        read(json.dumps({**GOOD, name: value}))
    assert str(raised.value).startswith('x.onnx ')
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300


def test_texts_without_end_are_told():
    with pytest.raises(ModelFileError, match=r'^x\.onnx has metadata'):
        read('{"format":1,"x":' + '[' * 100_000)


def write_model(path, values, **said):
    """A model that gives the same whatever the image."""
    nodes = [
        helper.make_node('Constant', [], [name], value=numpy_helper.from_array(value))
        for name, value in zip(OUTPUTS, values, strict=True)
    ]
    types = (TensorProto.UINT8, TensorProto.BOOL)
    inputs = [
        helper.make_tensor_value_info(name, kind, ['b', c, 'h', 'w'])
        for name, kind, c in zip(INPUTS, types, (3, 1), strict=True)
    ]
    floats = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in OUTPUTS[:3]
    ]
    valid = helper.make_tensor_value_info(OUTPUTS[3], TensorProto.BOOL, None)
    graph = helper.make_graph(nodes, 'g', inputs, [*floats, valid])
    opset = [helper.make_opsetid('', 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps({**GOOD, **said})
    onnx.save(model, path)
    return PoseModel(path, threads=1)


def outputs(place=1.0, score=1.0, types=2, slots=3, valid=True):
    return (
        np.full((1, slots, types, 2), place, np.float32),
        np.full((1, slots, types), score, np.float32),
        np.full((1, slots), score, np.float32),
        np.full((1, slots), valid),
    )


def image():
    return np.zeros((64, 80, 3), np.uint8)


def test_made_models_find_people(tmp_path):
    assert len(write_model(tmp_path / 'x.onnx', outputs())(image())) == 3
    # What lies in empty slots does not matter.
    empty = outputs(np.nan, np.nan, valid=False)
    assert len(write_model(tmp_path / 'y.onnx', empty)(image())) == 0


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (outputs(types=3), 'shapes'),
        ((np.ones((1, 3), np.float32),) * 3 + (np.ones((1, 3), bool),), 'shapes'),
        (tuple(np.repeat(value, 2, 0) for value in outputs()), 'shapes'),
        (tuple(value[0] for value in outputs()), 'shapes'),
        (outputs(place=np.nan), 'finite'),
        (outputs(place=1e30), 'far off'),
        (outputs(score=np.inf), 'finite'),
    ],
)
def test_outputs_that_are_no_poses_are_told(values, message, tmp_path):
    model = write_model(tmp_path / 'x.onnx', values)
    with pytest.raises(ModelFileError, match=message) as raised:
        model(image())
    assert str(raised.value).startswith(str(tmp_path / 'x.onnx'))
    assert str(raised.value).isprintable()


def test_graphs_that_fail_are_named(tmp_path):
    path = tmp_path / 'x.onnx'
    write_model(path, outputs())
    proto = onnx.load(path)
    (given,) = [node for node in proto.graph.node if node.output[0] == 'valid']
    proto.graph.node.remove(given)
    size = numpy_helper.from_array(np.array([7, 11]))
    proto.graph.node.extend(
        [
            helper.make_node('Constant', [], ['size'], value=size),
            helper.make_node('Reshape', ['inside', 'size'], ['valid']),
        ]
    )
    onnx.save(proto, path)
    with pytest.raises(RuntimeError, match='cannot be run') as raised:
        PoseModel(path, threads=1)(image())
    assert str(raised.value).startswith(str(path))
    assert str(raised.value).isprintable()


def test_the_terminal_obeys_no_text_of_a_file(tmp_path, capsys):
    license_of_weights = 'free\x1b[2J\nformat  2'
    model = tmp_path / 'x.onnx'
    write_model(model, outputs(), license_of_weights=license_of_weights)
    assert main(['info', str(model)]) == 0
    photos = tmp_path / 'photos'
    photos.mkdir()
    (photos / 'a\x1b[2J\n.jpg').write_bytes(b'\xff\xd8\xff\xda cut off')
    (photos / 'b\x1b[2J\n.txt').write_text('no image')
    arguments = [str(photos), '--out', str(tmp_path / 'out'), '--threads', '1']
    assert main(['predict', str(model), *arguments]) == 1
    assert main(['info', str(tmp_path / 'none\x1b[2J.onnx')]) == 1
    said, told = capsys.readouterr()
    assert len(said.splitlines()) == len(GOOD) + 1
    assert r'free\x1b[2J\nformat' in said
    assert len(told.splitlines()) == 3
    assert r'a\x1b[2J\n.jpg' in told
    for line in [*said.splitlines(), *told.splitlines()]:
        assert line.isprintable()
