# SPDX-License-Identifier: Apache-2.0
"""Checkpoints are the whole model, the whole detector, or an error."""

import copy
import pickle

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS
from torch.utils._python_dispatch import TorchDispatchMode

from centergroup_mm.models.checkpoints import CheckpointMismatchError

DETECTOR = ('backbone.', 'head.detector.')


@pytest.fixture
def load(tmp_path):
    """Load weights as the host does: from a file, non-strictly."""

    def load(model, weights):
        path = tmp_path / 'weights.pth'
        torch.save({'state_dict': weights}, path)
        load_checkpoint(model, str(path), map_location='cpu')

    return load


@pytest.fixture
def centernet(small_config):
    """Another method on the same detector."""
    config = dict(small_config.to_dict(), type='BatchedPoseEstimator')
    config.pop('freeze_detector_bn')
    config['head'] = dict(
        type='CenterNetHead',
        **{
            key: config['head'][key]
            for key in (
                'in_channels',
                'num_keypoints',
                'decoder',
                'detector',
                'heatmap_loss',
            )
        },
    )
    with DefaultScope.overwrite_default_scope('mmpose'):
        return MODELS.build(config)


def detector_of(model):
    return {k: w for k, w in model.state_dict().items() if k.startswith(DETECTOR)}


def assert_equal(model, other, prefixes=('',)):
    for (key, weight), theirs in zip(
        model.state_dict().items(), other.state_dict().values(), strict=True
    ):
        if key.startswith(prefixes):
            assert torch.equal(weight, theirs), key


def assert_equal_parts(model, other):
    """The same detector, whatever groups behind it."""
    own, theirs = detector_of(model), detector_of(other)
    assert own.keys() == theirs.keys()
    assert all(torch.equal(own[key], theirs[key]) for key in own)


def predict(model, make_images, make_sample):
    data = {'inputs': make_images((64, 64)), 'data_samples': [make_sample()]}
    with torch.no_grad():
        return model.eval().test_step(data)


def train(model, make_images, make_sample, people):
    data = {'inputs': make_images((64, 64)), 'data_samples': [make_sample(people)]}
    return model.train()(**model.data_preprocessor(data, True), mode='loss')


class CountReads(TorchDispatchMode):
    """Counts how often a value is asked for, as a branch does."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.overloadpacket.__name__ == '_local_scalar_dense'
        return func(*args, **(kwargs or {}))


def test_whole_model(build, load, make_images, make_sample):
    model, trained = build(trained=False), build(seed=1)
    load(model, trained.state_dict())
    assert_equal(model, trained)
    assert predict(model, make_images, make_sample)


def test_detector_is_for_training_only(build, load, make_images, make_sample, people):
    model = build({'freeze_detector_bn': True}, trained=False)
    trained = build(seed=1)
    load(model, detector_of(trained))
    assert_equal(model, trained, DETECTOR)
    with pytest.raises(RuntimeError, match='grouping is random'):
        predict(model, make_images, make_sample)
    losses = train(model, make_images, make_sample, people)
    assert torch.isfinite(losses['loss_center'])
    assert predict(model, make_images, make_sample), 'it has been trained since'


def test_centernet_starts_from_the_same_detector(
    centernet, build, load, make_images, make_sample, people
):
    trained = build(seed=1)
    load(centernet, detector_of(trained))
    assert_equal_parts(centernet, trained)
    with pytest.raises(RuntimeError, match='grouping is random'):
        predict(centernet, make_images, make_sample)
    optimizer = torch.optim.SGD(centernet.parameters(), lr=1e-3)
    losses = train(centernet, make_images, make_sample, people)
    centernet.parse_losses(losses)[0].backward()
    optimizer.step()
    assert predict(centernet, make_images, make_sample), 'it has been trained since'
    with pytest.raises(CheckpointMismatchError, match=r'unknown .*head\.grouping'):
        load(centernet, trained.state_dict())
    partial = {k: w for k, w in centernet.state_dict().items() if 'box' not in k}
    with pytest.raises(CheckpointMismatchError, match=r'missing .*head\.box_branch'):
        load(centernet, partial)


def test_whole_model_after_a_detector(build, load, make_images, make_sample):
    model = build(trained=False)
    load(model, detector_of(build(seed=1)))
    load(model, build(seed=1).state_dict())
    assert predict(model, make_images, make_sample)


def test_random_weights_predict(build, make_images, make_sample):
    """Nothing is trained, so nothing is loaded wrongly; tools measure such models."""
    model = build(trained=False)
    assert predict(model, make_images, make_sample)
    model.load_state_dict(detector_of(build(seed=1)), strict=False)
    with pytest.raises(RuntimeError, match='grouping is random'):
        predict(model, make_images, make_sample)


def test_whether_the_grouping_is_trained_is_asked_once(build, make_images, make_sample):
    model, reads = build(), []
    for _ in range(3):
        with CountReads() as counter:
            assert predict(model, make_images, make_sample)
        reads.append(counter.count)
    assert reads[1:] == [reads[0] - 1] * 2


class TestWhereTheWeightsCameFrom:
    """By whatever way a detector or a whole model came in, the same is known of it."""

    @pytest.fixture(params=['detector', 'whole'])
    def kind(self, request):
        return request.param

    @pytest.fixture
    def file(self, kind, build, tmp_path):
        """A checkpoint of either kind, as training on several devices writes it."""
        weights = build(seed=1).state_dict()
        if kind == 'detector':
            weights = {k: w for k, w in weights.items() if k.startswith(DETECTOR)}
        path = tmp_path / f'{kind}.pth'
        torch.save({'state_dict': weights}, path)
        return str(path)

    @pytest.fixture
    def check(self, kind, make_images, make_sample, people):
        """Both kinds train with frozen norms, and only a whole model predicts."""

        def check(model):
            if kind == 'detector':
                with pytest.raises(RuntimeError, match='grouping is random'):
                    predict(model, make_images, make_sample)
            else:
                assert predict(model, make_images, make_sample)
            losses = train(model, make_images, make_sample, people)
            assert torch.isfinite(losses['loss_center'])
            assert predict(model, make_images, make_sample)

        return check

    def loaded(self, build, file):
        model = build({'freeze_detector_bn': True}, trained=False)
        load_checkpoint(model, file)
        return model

    @pytest.mark.parametrize('parts', [('',), ('backbone', 'head')], ids=['', 'parts'])
    def test_initialization(self, build, file, check, parts):
        """``init_cfg`` of the model, or of its parts each."""
        settings = {'freeze_detector_bn': True}
        for part in parts:
            init_cfg = dict(type='Pretrained', checkpoint=file)
            if part:
                init_cfg['prefix'] = f'{part}.'
            if part == 'backbone':
                # In place of None.
                init_cfg['_delete_'] = True
            settings[f'{part}.init_cfg'.strip('.')] = init_cfg
        model = build(settings, trained=False)
        model.init_weights()
        check(model)

    def test_copies(self, build, file, check):
        check(copy.deepcopy(self.loaded(build, file)))

    def test_pickles(self, build, file, check):
        check(pickle.loads(pickle.dumps(self.loaded(build, file))))

    def test_averages(self, build, file, check):
        average = ExponentialMovingAverage(build(trained=False))
        for _ in range(2):
            average.update_parameters(self.loaded(build, file))
        average.module.freeze_detector_bn = True
        check(average.module)

    def test_wrappers(self, build, file, check):
        model = build({'freeze_detector_bn': True}, trained=False)
        weights = torch.load(file)['state_dict']
        wrapper = torch.nn.ModuleDict({'module': model})
        weights = {f'module.{key}': weight for key, weight in weights.items()}
        wrapper.load_state_dict(weights, strict=False)
        check(model)

    def test_files_of_several_devices(self, build, file, check):
        content = torch.load(file)
        content['state_dict'] = {
            f'module.{key}': weight for key, weight in content['state_dict'].items()
        }
        torch.save(content, file)
        check(self.loaded(build, file))

    def test_a_resumed_training(
        self, build, file, load, make_images, make_sample, people
    ):
        """What was trained and saved is a whole model."""
        model = self.loaded(build, file)
        train(model, make_images, make_sample, people)
        resumed = build({'freeze_detector_bn': True}, trained=False)
        load(resumed, model.state_dict())
        assert predict(resumed, make_images, make_sample)
        assert train(resumed, make_images, make_sample, people)


def test_initial_weights_over_a_detector_are_noticed(
    build, load, make_images, make_sample, people
):
    """Frozen norms are looked at again when other weights are loaded."""
    model = build({'freeze_detector_bn': True})
    assert train(model, make_images, make_sample, people)
    load(model, build(trained=False).state_dict())
    with pytest.raises(RuntimeError, match='initial statistics'):
        train(model, make_images, make_sample, people)


def pruned(weights):
    unused = tuple(f'head.grouping.grouping_modules.{index}.' for index in (0, 1))
    return {key: w for key, w in weights.items() if not key.startswith(unused)}


def test_a_refused_checkpoint_prunes_nothing(build, load):
    model, whole = build(), build(seed=1).state_dict()
    assert len(model.head.grouping.grouping_modules) == 3
    damaged = pruned(whole)
    del damaged['backbone.conv1.weight']
    with pytest.raises(CheckpointMismatchError, match='1 missing'):
        load(model, damaged)
    assert not model.head.grouping.is_pruned
    load(model, whole)


def test_a_pruned_model_takes_no_whole_checkpoint(build, load):
    model, whole = build(), build(seed=1).state_dict()
    load(model, pruned(whole))
    assert model.head.grouping.is_pruned
    load(model, pruned(whole))
    with pytest.raises(CheckpointMismatchError, match='Build the model anew'):
        load(model, whole)


def test_callers_weights_are_left_alone(build):
    weights = detector_of(build())
    keys = list(weights)
    build().load_state_dict(weights, strict=False)
    assert list(weights) == keys


def test_model_inside_a_wrapper(build):
    """Data-parallel and averaging wrappers load with a prefix."""
    wrapper, trained = torch.nn.ModuleDict({'module': build()}), build(seed=1)
    weights = {f'module.{k}': w for k, w in detector_of(trained).items()}
    wrapper.load_state_dict(weights, strict=False)
    assert_equal(wrapper['module'], trained, DETECTOR)
    with pytest.raises(CheckpointMismatchError):
        wrapper.load_state_dict({'module.backbone.conv1.weight': torch.zeros(1)})


def without(prefix):
    return lambda weights: {
        key: weight for key, weight in weights.items() if not key.startswith(prefix)
    }


def only(prefix):
    return lambda weights: {
        key: weight for key, weight in weights.items() if key.startswith(prefix)
    }


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (only('backbone.'), r'missing in the checkpoint: head\.detector\.'),
        (only('head.'), r'missing in the checkpoint: backbone\.'),
        (without('head.grouping.encoder'), r'missing.*head\.grouping\.encoder\.0'),
        (without('head.tokenizer'), r'missing in the checkpoint: head\.tokenizer\.'),
        (without('backbone.conv1'), r'1 missing.*: backbone\.conv1\.weight'),
        (lambda w: {**w, 'neck.weight': torch.ones(1)}, '1 unknown.*: neck.weight'),
        (lambda w: {}, r'missing in the checkpoint: backbone\.'),
        (
            lambda w: {k.replace('backbone.', ''): v for k, v in w.items()},
            r'unknown to the model: conv1\.weight',
        ),
    ],
)
def test_anything_else_is_refused(build, load, damage, message):
    model = build()
    before = {key: weight.clone() for key, weight in model.state_dict().items()}
    with pytest.raises(CheckpointMismatchError, match=f'(?s){message}'):
        load(model, damage(build(seed=1).state_dict()))
    for key, weight in model.state_dict().items():
        assert torch.equal(weight, before[key]), 'nothing is loaded half'


@pytest.mark.parametrize(
    ('weight', 'kind'), [('a text', 'str'), ([1.0, 2.0], 'list'), (None, 'NoneType')]
)
def test_weights_that_are_no_tensors_are_named(build, weight, kind):
    model = build()
    weights = {**model.state_dict(), 'backbone.conv1.weight': weight}
    message = rf'no tensors: backbone\.conv1\.weight \({kind}\)'
    with pytest.raises(CheckpointMismatchError, match=message):
        model.load_state_dict(weights)


@pytest.mark.parametrize('part', [dict, only(DETECTOR)], ids=['model', 'detector'])
def test_another_number_of_types_shows_the_shapes(build, load, part):
    other = build(
        {'head.num_keypoints': 14, 'head.decoder.input_size': (64, 64)}
    ).state_dict()
    # K + 1 heatmaps and as many tags
    message = (
        r'(?s)of another shape.*head\.detector\.final_layers\.0\.weight '
        r'\(30, 8, 1, 1\) instead of \(12, 8, 1, 1\)'
    )
    with pytest.raises(CheckpointMismatchError, match=message):
        load(build(), part(other))


def test_detector_without_centers_is_refused(build, load):
    """A plain HigherHRNet lacks a heatmap and a tag."""
    weights = detector_of(build())
    weights = {
        key: weight[:-2] if key.startswith('head.detector.final_layers.0') else weight
        for key, weight in weights.items()
    }
    with pytest.raises(CheckpointMismatchError, match='trained with centers'):
        load(build(), weights)


def test_buffers_without_influence_may_be_missing(build, load):
    """Old files lack the counters of batch norms; the preprocessor is configured."""
    weights = {
        key: weight
        for key, weight in build(seed=1).state_dict().items()
        if not key.endswith('num_batches_tracked')
    }
    model = build()
    load(model, weights)
    assert_equal(model, build(seed=1), DETECTOR)
