# SPDX-License-Identifier: Apache-2.0
"""A model of some keypoint types starts from one of others, by name."""

import re

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.registry import MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.conversion.adapt import adapt_checkpoint, adapt_weights
from centergroup_mm.conversion.type_rows import CENTER
from centergroup_mm.models.checkpoints import CheckpointMismatchError

DETECTOR = ('backbone.', 'head.detector.')
# Out of COCO's order; two that COCO has not.
TYPES = ['left_knee', 'nose', 'right_knee', 'tail', 'horn']
SHARED = TYPES[:3]
COCO = [
    *('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear'),
    *('left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow'),
    *('left_wrist', 'right_wrist', 'left_hip', 'right_hip'),
    *('left_knee', 'right_knee', 'left_ankle', 'right_ankle'),
]
SWAPS = {'left_knee': 'right_knee', 'right_knee': 'left_knee'}
SMALL = {
    'model.head.grouping.embed_dims': 16,
    'model.head.grouping.head_dims': 8,
    'model.head.grouping.feedforward_channels': 16,
}


def metainfo(types):
    return dict(
        dataset_name='some',
        paper_info={},
        keypoint_info={
            i: dict(name=name, id=i, color=[0, 0, 0], type='', swap=SWAPS.get(name, ''))
            for i, name in enumerate(types)
        },
        skeleton_info={},
        joint_weights=[1.0] * len(types),
        sigmas=[0.05] * len(types),
    )


@pytest.fixture
def make_config(repo_root):
    """A tiny config, of its own keypoint types if any are given."""

    def make(name='centergroup_tiny', types=None, **changes):
        config = Config.fromfile(repo_root / 'configs' / f'{name}.py')
        if name.startswith('centergroup'):
            config.merge_from_dict(SMALL)
        if types:
            config.model.head.num_keypoints = len(types)
            if 'decode_keypoint_order' in config.model.head.decoder:
                order = list(range(len(types)))
                config.model.head.decoder.decode_keypoint_order = order
            config.train_dataloader.dataset.metainfo = metainfo(types)
        config.merge_from_dict(changes)
        return config

    return make


def build(config):
    with DefaultScope.overwrite_default_scope('mmpose'):
        return MODELS.build(config.model)


@torch.no_grad()
def trained(config):
    """Weights of which no two are the same, of a model as if it were trained."""
    torch.manual_seed(1)
    model = build(config)
    for weight in [*model.parameters(), *model.buffers()]:
        if weight.is_floating_point():
            weight.uniform_(0.5, 1.5)
    return model.state_dict()


@pytest.fixture
def save(tmp_path):
    """Write a checkpoint as training does."""

    def save(config, prefix='', names=True):
        weights = {prefix + key: w for key, w in trained(config).items()}
        meta = dict(dataset_meta=dataset_meta_from_config(config)) if names else {}
        torch.save(dict(meta=meta, state_dict=weights), tmp_path / 'source.pth')
        return tmp_path / 'source.pth'

    return save


def rows_of(weights, types, center=True):
    """Everything in a CenterGroup that belongs to a type, by the type's name.

    Written out once more, as the model reads its weights.
    """
    count = len(types)
    first = weights['head.detector.final_layers.0.weight']
    last = weights['head.detector.final_layers.1.weight']
    deconv = weights['head.detector.deconv.0.weight']
    maps = deconv[len(deconv) - len(first) :]
    found = {}
    for k, name in enumerate([*types, CENTER]):
        found[name] = [
            first[k],
            first[count + 1 + k],
            maps[k],
            maps[count + 1 + k],
            last[k],
            weights['head.grouping.type_embedding.weight'][k],
        ]
        if name != CENTER:
            for module in range(3):
                for layer in ('query', 'key', 'value'):
                    for kind in ('weight', 'bias'):
                        key = f'head.grouping.grouping_modules.{module}.attention.'
                        heads = weights[f'{key}{layer}.{kind}']
                        found[name].append(heads.unflatten(0, (count, -1))[k])
    return found


def is_typed(key):
    return (
        bool(
            re.search(r'final_layers|deconv\.0\.|type_embedding|attention\.[qkv]', key)
        )
        and 'encoder' not in key
    )


class TestSomeNewTypes:
    @pytest.fixture
    def adapted(self, make_config, save, tmp_path):
        source = save(make_config())
        config = make_config(types=TYPES)
        return adapt_checkpoint(source, config, tmp_path / 'start.pth')

    def test_types_are_taken_by_name_and_the_center_always(self, adapted, make_config):
        theirs = rows_of(trained(make_config()), COCO)
        mine = rows_of(adapted.weights, TYPES)
        for name in (*SHARED, CENTER):
            for row, other in zip(mine[name], theirs[name], strict=True):
                assert torch.equal(row, other), name
        for name in ('tail', 'horn'):
            for row in mine[name]:
                assert not ((row >= 0.5) & (row <= 1.5)).all(), 'initial'
        assert adapted.types == [*SHARED, CENTER]
        assert adapted.new_types == ['tail', 'horn']
        assert adapted.unused_types == [name for name in COCO if name not in SHARED]

    def test_everything_else_is_taken_whole(self, adapted, make_config):
        source = trained(make_config())
        for key, weight in adapted.weights.items():
            if is_typed(key):
                assert key in adapted.by_type
            elif 'head.tokenizer' not in key or 'running' not in key:
                assert torch.equal(weight, source[key]), key
        assert not adapted.new and not adapted.unused
        # The features' part of what belongs to types in its other part.
        deconv = 'head.detector.deconv.0.weight'
        assert torch.equal(adapted.weights[deconv][:16], source[deconv][:16])

    def test_the_start_is_a_whole_model_that_must_be_trained(
        self, adapted, make_config, tmp_path
    ):
        model = build(make_config(types=TYPES, **{'model.freeze_detector_bn': True}))
        load_checkpoint(model, str(tmp_path / 'start.pth'))
        assert model.head.grouping_is_initial()
        model._check_norms()
        with pytest.raises(RuntimeError, match='not for all keypoint types'):
            model.predict(torch.zeros(1, 3, 64, 64), [])

    def test_resuming_takes_nothing_but_the_whole(self, adapted, make_config, save):
        """The file of other types still fits nothing by itself."""
        with pytest.raises(CheckpointMismatchError, match='adapt_checkpoint'):
            load_checkpoint(build(make_config(types=TYPES)), str(save(make_config())))


def test_a_subset_in_another_order_needs_no_training(make_config, save, tmp_path):
    config = make_config(types=SHARED)
    adapted = adapt_checkpoint(save(make_config()), config, tmp_path / 'start.pth')
    assert adapted.is_complete
    source = trained(make_config())
    statistics = 'head.tokenizer.keypoint_cnn.project.1.running_var'
    assert torch.equal(adapted.weights[statistics], source[statistics])
    model = build(config)
    load_checkpoint(model, str(tmp_path / 'start.pth'))
    assert not model.head.grouping_is_initial()


def test_coco_to_crowdpose(make_config, save, tmp_path):
    config = make_config(
        **{
            'train_dataloader.dataset.type': 'CenterGroupCrowdPoseDataset',
            'model.head.num_keypoints': 14,
        }
    )
    adapted = adapt_checkpoint(save(make_config()), config, tmp_path / 'start.pth')
    assert adapted.new_types == ['top_head', 'neck']
    assert len(adapted.types) == 12 + 1
    load_checkpoint(build(config), str(tmp_path / 'start.pth'))


def test_types_of_other_names(make_config, save, tmp_path):
    config = make_config(types=TYPES)
    source = save(make_config())
    same = {'horn': 'left_ear'}
    adapted = adapt_checkpoint(source, config, tmp_path / 'start.pth', same)
    assert adapted.new_types == ['tail']
    theirs = rows_of(trained(make_config()), COCO)['left_ear']
    for row, other in zip(rows_of(adapted.weights, TYPES)['horn'], theirs, strict=True):
        assert torch.equal(row, other)
    for wrong, message in (
        ({'ear': 'left_ear'}, "config has no keypoint type 'ear'.*horn"),
        ({'horn': 'hat'}, "checkpoint has no keypoint type 'hat'.*left_ear"),
    ):
        with pytest.raises(ValueError, match=message):
            adapt_checkpoint(source, config, tmp_path / 'other.pth', wrong)


@pytest.mark.parametrize(
    ('source', 'target', 'has_center'),
    [
        ('higherhrnet_tiny_center', 'higherhrnet_tiny_center', True),
        ('higherhrnet_tiny', 'higherhrnet_tiny_center', False),
        ('higherhrnet_tiny_center', 'centergroup_tiny', True),
        ('higherhrnet_tiny', 'centernet_tiny', False),
    ],
)
def test_detectors(make_config, save, tmp_path, source, target, has_center):
    """A detector starts a detector, and a model on it, whose grouping is then new."""
    source, config = save(make_config(source)), make_config(target, types=TYPES)
    adapted = adapt_checkpoint(source, config, tmp_path / 'start.pth')
    assert (CENTER in adapted.types) == has_center
    assert [key for key in adapted.new if key.startswith(DETECTOR)] == []
    assert bool(adapted.new) == (not target.startswith('higherhrnet'))
    model = build(config)
    load_checkpoint(model, str(tmp_path / 'start.pth'))
    if adapted.new:
        assert model.head.grouping_is_initial()


def test_regression_is_taken_by_type(make_config, save, tmp_path):
    config = make_config('centernet_tiny', types=TYPES)
    source = save(make_config('centernet_tiny'))
    adapted = adapt_checkpoint(source, config, tmp_path / 'start.pth')
    theirs = trained(make_config('centernet_tiny'))['head.offset_branch.2.bias']
    mine = adapted.weights['head.offset_branch.2.bias'].unflatten(0, (5, 2))
    for name in SHARED:
        index = COCO.index(name)
        assert torch.equal(mine[TYPES.index(name)], theirs[2 * index : 2 * index + 2])
    assert not mine[3:].any()
    model = build(config)
    load_checkpoint(model, str(tmp_path / 'start.pth'))
    assert model.head.grouping_is_initial()


def test_other_widths_are_listed_and_not_cut(make_config):
    """A head half as wide has nothing of the wider one."""
    narrow = make_config(types=TYPES, **{'model.head.grouping.head_dims': 4})
    own = build(narrow).state_dict()
    adapted = adapt_weights(own, trained(make_config()), TYPES, COCO)
    query = 'head.grouping.grouping_modules.0.attention.query'
    for kind, shapes in (
        ('weight', '(136, 16) instead of (20, 16)'),
        ('bias', '(136,) instead of (20,)'),
    ):
        assert adapted.new[f'{query}.{kind}'] == shapes
        assert torch.equal(adapted.weights[f'{query}.{kind}'], own[f'{query}.{kind}'])
    assert not adapted.is_complete


def test_a_model_pruned_for_inference_and_saved_on_several_devices(
    make_config, save, tmp_path
):
    source = save(make_config(), prefix='module.')
    content = torch.load(source, weights_only=False)
    content['state_dict'] = {
        key: weight
        for key, weight in content['state_dict'].items()
        if not re.search(r'grouping_modules\.[01]\.', key)
    }
    torch.save(content, source)
    adapted = adapt_checkpoint(source, make_config(types=SHARED), tmp_path / 's.pth')
    assert {key.split('.')[3] for key in adapted.new} == {'0', '1'}
    assert set(adapted.new.values()) == {'not in the checkpoint'}


def test_refusals(make_config, save, tmp_path):
    config, target = make_config(types=TYPES), tmp_path / 'start.pth'
    with pytest.raises(ValueError, match='does not name its keypoint types'):
        adapt_checkpoint(save(make_config(), names=False), config, target)
    wrong = make_config(types=TYPES, **{'model.head.num_keypoints': 6})
    with pytest.raises(ValueError, match='of 7 types.*num_keypoints'):
        adapt_checkpoint(save(make_config()), wrong, target)
    torch.save([1], tmp_path / 'list.pth')
    with pytest.raises(ValueError, match='list.pth holds an object of type list'):
        adapt_checkpoint(tmp_path / 'list.pth', config, target)
    assert not target.exists()
    target.write_bytes(b'mine')
    with pytest.raises(FileExistsError, match='already there'):
        adapt_checkpoint(save(make_config()), config, target)
    assert target.read_bytes() == b'mine'
