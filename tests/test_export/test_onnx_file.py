# SPDX-License-Identifier: Apache-2.0
"""What is in an exported file, and when none is written."""

import json
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import inference_bottomup, init_model

from centergroup_mm.checkpoint_files import read_checkpoint
from centergroup_mm.export import VerificationError, export_onnx, onnx_file
from centergroup_mm.export.graph import PosesFromPixels
from centergroup_mm.export.loading import load_whole
from centergroup_mm.export.recording import SCOPES
from centergroup_mm.export.runners import run_torch
from centergroup_mm.models.checkpoints import CheckpointMismatchError
from centergroup_mm.runtime.description import KEY
from centergroup_mm.version import __version__


@pytest.fixture(scope='module')
def proto(tiny):
    return onnx.load(tiny.file)


def test_only_standard_operators_of_opset_18(proto):
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [('', 18)]
    assert {node.domain for node in proto.graph.node} == {''}
    assert len(proto.functions) == 0
    kinds = {node.op_type for node in proto.graph.node}
    # What other runtimes stumble over; none is needed.
    assert not kinds & {
        *('Attention', 'NonMaxSuppression', 'NonZero', 'Loop', 'If', 'Scan'),
        *('GridSample', 'SequenceAt', 'SplitToSequence'),
    }


def test_batch_height_and_width_are_open(proto):
    def shapes(values):
        return {
            value.name: [
                d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim
            ]
            for value in values
        }

    inputs = shapes(proto.graph.input)
    assert inputs['images'] == ['batch', 3, '64*rows', '64*columns']
    assert inputs['inside'] == ['batch', 1, '64*rows', '64*columns']
    assert shapes(proto.graph.output) == {
        'keypoints': ['batch', 12, 17, 2],
        'keypoint_scores': ['batch', 12, 17],
        'scores': ['batch', 12],
        'valid': ['batch', 12],
    }


def test_the_file_says_what_it_is(proto):
    (entry,) = proto.metadata_props
    assert entry.key == KEY
    said = json.loads(entry.value)
    assert said['version'] == __version__
    assert said['method'] == 'CenterGroup'
    assert said['keypoint_names'][:2] == ['nose', 'left_eye']
    assert said['flip_indices'][:3] == [0, 2, 1]
    assert said['input_side'] == 192
    assert said['license_of_weights'] == 'CC0-1.0'
    assert not said['flip_test']


def test_the_file_says_nothing_of_the_machine_that_made_it(proto, tiny, repo_root):
    """Nodes name the modules that they lie in, and no lines of source."""
    assert str(repo_root).encode() not in tiny.file.read_bytes()
    assert b'site-packages' not in tiny.file.read_bytes()
    keys = {entry.key for node in proto.graph.node for entry in node.metadata_props}
    assert keys == {SCOPES}


def test_the_report_holds_what_was_compared(tiny):
    report = json.loads(tiny.report.read_text())
    sizes = {(r['batch'], r['height'], r['width']) for r in report['verified']}
    assert {batch for batch, _, _ in sizes} == {1, 2, 3}
    assert len({(height, width) for _, height, width in sizes}) >= 3
    assert all(row['poses'] for row in report['verified'])
    assert report['opset'] == 18


def test_an_image_without_people_has_no_valid_pose(tiny):
    """Nothing lies inside, so there is no candidate at all."""
    session = onnxruntime.InferenceSession(tiny.file)
    images = np.zeros((2, 3, 192, 192), np.uint8)
    inside = np.zeros((2, 1, 192, 192), bool)
    outputs = session.run(None, {'images': images, 'inside': inside})
    assert not outputs[3].any()
    assert all(np.isfinite(output).all() for output in outputs[:3])


def never(*_, **__):
    pytest.fail('the slow export was begun')


def test_a_file_that_is_there_is_kept(tiny, monkeypatch):
    monkeypatch.setattr(onnx_file, 'to_onnx', never)
    before = tiny.file.read_bytes()
    with pytest.raises(FileExistsError, match='--overwrite'):
        export_onnx(tiny.config, tiny.checkpoint, tiny.file)
    assert tiny.file.read_bytes() == before


@pytest.mark.parametrize('prefix', ['backbone.stage4.', 'head.grouping.', 'head.'])
def test_a_checkpoint_that_lacks_weights_is_refused(
    tiny, tmp_path, monkeypatch, prefix
):
    monkeypatch.setattr(onnx_file, 'to_onnx', never)
    weights = torch.load(tiny.checkpoint, weights_only=True)['state_dict']
    part = {key: w for key, w in weights.items() if not key.startswith(prefix)}
    assert 0 < len(part) < len(weights)
    torch.save(dict(state_dict=part), tmp_path / 'part.pth')
    with pytest.raises(CheckpointMismatchError):
        export_onnx(tiny.config, tmp_path / 'part.pth', tmp_path / 'x.onnx')
    assert not (tmp_path / 'x.onnx').exists()


def test_a_detector_alone_is_refused(tiny, tmp_path, monkeypatch):
    """The host loads it, for it is what training starts from."""
    monkeypatch.setattr(onnx_file, 'to_onnx', never)
    weights = torch.load(tiny.checkpoint, weights_only=True)['state_dict']
    part = {
        key: weight
        for key, weight in weights.items()
        if key.startswith(('backbone.', 'head.detector.'))
    }
    torch.save(dict(state_dict=part), tmp_path / 'detector.pth')
    with pytest.raises(CheckpointMismatchError, match='detector alone'):
        export_onnx(tiny.config, tmp_path / 'detector.pth', tmp_path / 'x.onnx')


def test_the_prefix_of_a_wrapper_is_dropped(write_model, tmp_path):
    """The host drops it while loading, but returns the names of the file."""
    written = write_model('centergroup_tiny')
    config = Config.fromfile(written.config)
    weights = torch.load(written.checkpoint, weights_only=True)['state_dict']
    wrapped = {f'module.{key}': weight for key, weight in weights.items()}
    torch.save(dict(state_dict=wrapped), tmp_path / 'wrapped.pth')
    loaded = load_whole(config, tmp_path / 'wrapped.pth').state_dict()
    assert all(torch.equal(loaded[key], weight) for key, weight in weights.items())
    part = {key: w for key, w in wrapped.items() if 'head.grouping' not in key}
    torch.save(dict(state_dict=part), tmp_path / 'part.pth')
    with pytest.raises(CheckpointMismatchError, match='missing'):
        load_whole(config, tmp_path / 'part.pth')


def test_a_checkpoint_is_read_once(tiny, tmp_path):
    """As often as it takes to read one; an audit hook cannot be taken back."""
    path = shutil.copy(tiny.checkpoint, tmp_path / 'model.pth')
    opened = []

    def hook(event, arguments):
        if event == 'open' and str(arguments[0]) == str(path):
            opened.append(path)

    sys.addaudithook(hook)
    read_checkpoint(path)
    once = len(opened)
    assert once > 0
    load_whole(Config.fromfile(tiny.config), path)
    assert len(opened) == 2 * once


def test_the_names_of_the_types_come_from_the_checkpoint_first(tiny, tmp_path):
    content = torch.load(tiny.checkpoint, weights_only=True)
    config = Config.fromfile(tiny.config)
    coco = load_whole(config, tiny.checkpoint).dataset_meta
    content['meta'] = dict(dataset_meta={**coco, 'dataset_name': 'by hand'})
    torch.save(content, tmp_path / 'own.pth')
    own = load_whole(config, tmp_path / 'own.pth')
    assert own.dataset_meta['dataset_name'] == 'by hand'
    assert not own.training
    config.pop('train_dataloader')
    with pytest.raises(ValueError, match='train_dataloader'):
        load_whole(config, tiny.checkpoint)


def test_a_graph_that_finds_other_poses_is_not_written(tiny, tmp_path, monkeypatch):
    """The exported file stands in for a faulty export: its weights are others."""
    other = onnx.load(tiny.file)
    (weight,) = [
        w for w in other.graph.initializer if w.name.endswith('final_layers.1.weight')
    ]
    values = onnx.numpy_helper.to_array(weight)
    weight.CopyFrom(onnx.numpy_helper.from_array(-values, weight.name))
    monkeypatch.setattr(onnx_file, 'to_onnx', lambda *_: other.SerializeToString())
    with pytest.raises(VerificationError, match='Nothing was written'):
        export_onnx(tiny.config, tiny.checkpoint, tmp_path / 'x.onnx')
    assert list(tmp_path.iterdir()) == []


def test_a_method_that_groups_outside_of_the_network_is_refused(write_model, tmp_path):
    written = write_model('higherhrnet_tiny')
    with pytest.raises(ValueError, match='outside of the network'):
        export_onnx(written.config, written.checkpoint, tmp_path / 'x.onnx')


@pytest.mark.parametrize(
    ('grouping', 'message'),
    [('nearest', r"model\.py has .*grouping='nearest', .* Leave"), ('odd', 'odd')],
)
def test_grouping_by_distance_is_no_export_by_attention(
    write_model, tmp_path, monkeypatch, grouping, message
):
    monkeypatch.setattr(onnx_file, 'to_onnx', never)
    settings = {'model.test_cfg.grouping': grouping}
    written = write_model('centergroup_tiny', settings)
    with pytest.raises(ValueError, match=message) as raised:
        export_onnx(written.config, written.checkpoint, tmp_path / 'x.onnx')
    assert '\n' not in str(raised.value)


def test_the_head_that_groups_by_distance_does_so_in_the_graph(write_model):
    """The former name of that grouping, which is a part of the network."""
    found = []
    for name in ('CenterGroupHead', 'NearestKeypointHead'):
        settings = {'model.head.type': name, 'model.test_cfg.flip_test': False}
        written = write_model('centergroup_tiny', settings)
        config = Config.fromfile(written.config)
        graph = PosesFromPixels(load_whole(config, written.checkpoint)).eval()
        images = np.random.default_rng(0).integers(0, 256, (1, 3, 192, 192), np.uint8)
        inside = np.ones((1, 1, 192, 192), bool)
        keypoints, _, scores, valid = run_torch(graph, images, inside)
        model = init_model(config, str(written.checkpoint), device='cpu')
        (sample,) = inference_bottomup(model, images[0].transpose(1, 2, 0)[..., ::-1])
        np.testing.assert_allclose(
            keypoints[0][valid[0]], sample.pred_instances.keypoints, atol=1e-3
        )
        found.append((keypoints, scores))
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert np.abs(found[0][0] - found[1][0]).max() > 8


def test_the_tool_says_what_is_wrong_in_a_line(run_cli, repo_root, tmp_path):
    done = run_cli(
        [
            *('python', '-W', 'ignore', repo_root / 'tools/export_onnx.py'),
            *(repo_root / 'configs/centergroup_tiny.py', tmp_path / 'none.pth'),
            *('--out', tmp_path / 'x.onnx'),
        ],
        check=False,
    )
    assert done.returncode == 1
    assert 'none.pth' in done.stdout.splitlines()[-1]
    assert 'Traceback' not in done.stdout


VARIANTS = {
    'centernet': ('centernet_tiny', None, dict(flip_test=True)),
    '14 types, flip test': ('centergroup_tiny', 14, dict(flip_test=True)),
    'one type, half precision': ('centergroup_tiny', 1, dict(half=True)),
    '133 types, flip test': ('centergroup_tiny', 133, dict(flip_test=True)),
}


@pytest.mark.slow
@pytest.mark.parametrize('variant', VARIANTS)
def test_other_models_are_exported(variant, write_model):
    """The export itself compares with torch, and raises."""
    name, num_keypoints, options = VARIANTS[variant]
    written = write_model(name, num_keypoints=num_keypoints)
    target = written.folder / 'x.onnx'
    done = export_onnx(written.config, written.checkpoint, target, **options)
    assert done.content['verified']
    proto = onnx.load(target)
    assert {node.domain for node in proto.graph.node} == {''}
    types = {w.data_type for w in proto.graph.initializer if len(w.dims) == 4}
    half = options.get('half', False)
    assert (onnx.TensorProto.FLOAT16 in types) == half
    kinds = [value.type.tensor_type.elem_type for value in proto.graph.output]
    assert kinds == [onnx.TensorProto.FLOAT] * 3 + [onnx.TensorProto.BOOL]


@pytest.mark.slow
def test_rtmlib_runs_a_model_unchanged(write_model):
    """Its poses are those of the runtime's graph on the same letterboxed input."""
    rtmlib = pytest.importorskip('rtmlib')
    written = write_model('centergroup_tiny')
    target = written.folder / 'rtmo.onnx'
    export_onnx(written.config, written.checkpoint, target, layout='rtmo')
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (150, 256, 3), np.uint8)
    tool = rtmlib.RTMO(str(target), model_input_size=(192, 256))
    keypoints, scores = tool(image, nms_thr=1.0, score_thr=0.0)

    inside = np.zeros((1, 1, 192, 256), bool)
    inside[:, :, :150] = True
    padded = np.zeros((1, 3, 192, 256), np.uint8)
    padded[0, :, :150] = image[..., ::-1].transpose(2, 0, 1)
    config = Config.fromfile(written.config)
    model = load_whole(config, written.checkpoint)
    points, point_scores, own, valid = run_torch(
        PosesFromPixels(model).eval(), padded, inside
    )
    order = np.argsort(-own[0][valid[0]], kind='stable')
    np.testing.assert_allclose(keypoints, points[0][valid[0]][order], atol=0.05)
    np.testing.assert_allclose(scores, point_scores[0][valid[0]][order], atol=1e-3)
