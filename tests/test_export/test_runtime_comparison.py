# SPDX-License-Identifier: Apache-2.0
"""Runtimes beside each other; no assertion is about a time."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from centergroup_mm.coco import load_truth
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd
from centergroup_mm.lab.evaluation import average_precision
from centergroup_mm.lab.runtimes import (
    measure_shares,
    quantize_convolutions,
    to_markdown,
)
from centergroup_mm.lab.runtimes.compare import (
    all_inside,
    drawn_images,
    summarize,
    time_in_turn,
)
from centergroup_mm.lab.runtimes.shares import (
    MADE,
    PARTS,
    REST,
    original_name,
    part_of,
    parts_by_name,
    time_nodes,
)
from centergroup_mm.runtime import DEMO_MODEL, PoseModel
from centergroup_mm.runtime.description import OUTPUTS

SIZE = (256, 192)


def show_nothing(items, total):
    assert len(items) == total
    return items


def test_engines_take_turns_on_the_same_images():
    calls = []
    images = drawn_images(2, SIZE, 'val')
    assert images.shape == (2, 3, 192, 256)

    def engine(name):
        return lambda *arrays: calls.append((name, *arrays))

    seconds = time_in_turn(
        {name: engine(name) for name in 'ab'}, images, 2, 1, show_nothing, rest=0
    )
    assert [name for name, *_ in calls] == list('ababab')
    assert all(shown is images and inside.all() for _, shown, inside in calls)
    assert {name: len(own) for name, own in seconds.items()} == {'a': 2, 'b': 2}


def test_ratios_are_taken_within_rounds():
    """The machine was disturbed in the second round."""
    seconds = {'eager': [1.0, 10.0, 1.0], 'int8': [0.5, 5.0, 0.5]}
    eager, int8 = summarize(seconds, batch=2)
    assert (eager.ratio, int8.ratio) == (1, 0.5)
    assert int8.times['median'] == 500
    assert int8.images == 2


@pytest.mark.parametrize(
    ('scopes', 'part'),
    [
        (['', 'model.backbone', 'model.backbone.stage2', 'conv2d_3'], 'backbone'),
        (['', 'model.head.detector.deconv.0', 'x'], 'detector'),
        (
            ['', 'model.head.tokenizer', 'model.head.tokenizer.keypoint_cnn.blocks.0'],
            'residual CNNs',
        ),
        (['', 'model.head.tokenizer', 'gather'], 'grouping'),
        (['', 'model.head.grouping.encoder.0', 'linear'], 'grouping'),
        (['', 'topk'], REST),
        ([], REST),
    ],
)
def test_nodes_belong_to_parts(scopes, part):
    assert part_of(scopes) == part


@pytest.mark.parametrize(
    ('name', 'before'),
    [
        ('node_add_3', 'node_add_3'),
        ('relu_1_nchwc', 'relu_1'),
        ('node_MatMul_4445/MatMulScaleFusion/', 'node_MatMul_4445'),
    ],
)
def test_merged_nodes_are_known_by_what_they_were(name, before):
    assert original_name(name) == before


def test_shares_are_of_all_parts(tiny):
    images = drawn_images(1, SIZE, 'val')
    content = tiny.file.read_bytes()
    shares = measure_shares(content, images, all_inside(images), 1, threads=1)
    assert set(shares) == {*PARTS, REST, MADE}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert all(share > 0 for part, share in shares.items() if part != MADE)


def test_merged_convolutions_are_found_again(tiny):
    content = tiny.file.read_bytes()
    proto = onnx.load_from_string(content)
    parts = parts_by_name(proto)
    convolutions = [parts[n.name] for n in proto.graph.node if n.op_type == 'Conv']
    images = drawn_images(1, SIZE, 'val')
    names = time_nodes(content, images, all_inside(images), 1, threads=1)
    found = [parts.get(original_name(name)) for name in names]
    for part in ('backbone', 'detector', 'residual CNNs'):
        assert found.count(part) >= convolutions.count(part) > 0


def test_convolutions_alone_are_quantized(tiny):
    """The file stays an exported model, and sees nearly what it saw."""
    content = tiny.file.read_bytes()
    images = drawn_images(2, SIZE, 'train')
    small = quantize_convolutions(content, [image[None] for image in images])
    before, after = (onnx.load_from_string(data) for data in (content, small))
    assert len(small) < 0.6 * len(content)
    kinds = [{node.op_type for node in proto.graph.node} for proto in (before, after)]
    assert kinds[1] - kinds[0] == {'QuantizeLinear', 'DequantizeLinear'}
    made = {node.output[0]: node for node in after.graph.node if node.output}
    for node in after.graph.node:
        if node.op_type == 'Conv':
            assert made[node.input[1]].op_type == 'DequantizeLinear'
        elif node.op_type in ('MatMul', 'Gemm'):
            sources = [made[name].op_type for name in node.input if name in made]
            assert 'DequantizeLinear' not in sources
    said = [{p.key: p.value for p in proto.metadata_props} for proto in (before, after)]
    assert said[1].items() >= said[0].items()
    feed = dict(images=images, inside=all_inside(images))
    full, rough = (
        dict(
            zip(
                OUTPUTS, onnxruntime.InferenceSession(data).run(None, feed), strict=True
            )
        )
        for data in (content, small)
    )
    assert full['valid'].all()
    assert rough['valid'].all()
    difference = np.sort(rough['scores']) - np.sort(full['scores'])
    assert 0 < np.abs(difference).max() < 0.05


@pytest.mark.slow
def test_the_tool_compares_and_tells(tiny, run_cli, repo_root, tmp_path):
    done = run_cli(
        [
            *('python', '-W', 'ignore', repo_root / 'tools/benchmark_runtimes.py'),
            *(tiny.config, tiny.checkpoint, tiny.file, '--size', '256x192'),
            *('--batch', '1', '2', '--rounds', '1', '--warm-up', '0'),
            *('--runtimes', 'eager', 'channels-last', 'onnxruntime', 'int8'),
            *('--calibration', '1', '--shares', '1', '--threads', '1'),
            *('--json', tmp_path / 'x.json'),
        ]
    )
    result = json.loads((tmp_path / 'x.json').read_text())
    names = [(row['runtime'], row['images']) for row in result['times']]
    kinds = ['torch eager', 'torch eager, channels-last']
    kinds += ['ONNX Runtime', 'ONNX Runtime, int8']
    assert names == [(kind, count) for count in (1, 2) for kind in kinds]
    assert result['times'][0]['ratio'] == result['times'][4]['ratio'] == 1
    assert result['left_out'] == []
    assert to_markdown(result) in done.stdout


@pytest.mark.slow
def test_int8_finds_people_as_well(tmp_path):
    crowd = tmp_path / 'crowd'
    generate_crowd(crowd, CrowdSpec(num_train=0, num_val=100))
    truth = load_truth(crowd / 'annotations' / 'val.json')
    quantized = tmp_path / 'int8.onnx'
    images = drawn_images(8, (192, 192), 'train')[:, None]
    quantized.write_bytes(quantize_convolutions(DEMO_MODEL.read_bytes(), [*images]))
    precisions = []
    for path in (DEMO_MODEL, quantized):
        model = PoseModel(path, threads=1)
        poses = {
            number: model(crowd / 'val' / image.file_name)
            for number, image in truth.images.items()
        }
        sigmas = np.array(model.description.sigmas)
        precisions.append(average_precision(truth, poses, sigmas).ap)
    before, after = precisions
    assert before > 0.4
    # On 250 images nothing is lost; where products overflow it is 0.035.
    assert after > before - 0.015, precisions
