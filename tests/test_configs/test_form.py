# SPDX-License-Identifier: Apache-2.0
"""Every named config builds and agrees with itself."""

import copy
import functools
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.models.checkpoints import holds_grouping

CONFIGS = sorted((Path(__file__).parents[2] / 'configs').glob('*.py'))
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
each_config = pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def mmpose_scope():
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@functools.cache
def read_once(path):
    return Config.fromfile(path)


def read(path):
    """A config that may be changed."""
    return copy.deepcopy(read_once(path))


def build_model(config):
    """Build without memory for weights, and without a download."""
    config.model.backbone.init_cfg = None
    with torch.device('meta'):
        return MODELS.build(config.model)


def test_there_are_configs():
    names = {path.stem for path in CONFIGS}
    paper = {'centergroup_w32', 'centergroup_w48', 'centergroup_w48_crowdpose'}
    assert names >= paper | {'centergroup_tiny'}


@each_config
def test_model_builds(path):
    config = read(path)
    assert config.custom_imports.imports == ['centergroup_mm']
    assert config.default_scope == 'mmpose'
    assert config.load_from is None
    model = build_model(config)
    assert sum(parameter.numel() for parameter in model.parameters()) > 1e5


@each_config
def test_pipelines_build(path):
    config = read(path)
    for loader in LOADERS:
        Compose(config[loader].dataset.pipeline)
        assert config[loader].dataset.data_mode == 'bottomup'
    assert config.train_dataloader.sampler.shuffle
    for loader in LOADERS[1:]:
        assert config[loader].dataset.test_mode


@each_config
def test_number_of_types_is_that_of_the_dataset(path):
    config = read(path)
    for loader in LOADERS:
        dataset = config[loader].dataset
        metainfo = dataset.get('metainfo') or DATASETS.get(dataset.type).METAINFO
        metainfo = parse_pose_metainfo(dict(metainfo))
        assert config.model.head.num_keypoints == metainfo['num_keypoints']


@each_config
def test_input_size_is_the_same_everywhere(path):
    config = read(path)
    sizes = {tuple(config.input_size), tuple(config.model.head.decoder.input_size)}
    for loader in LOADERS:
        for step in config[loader].dataset.pipeline:
            if 'input_size' in step:
                sizes.add(tuple(step.input_size))
            if 'encoder' in step:
                sizes.add(tuple(step.encoder.input_size))
    assert len(sizes) == 1


def encoder_of(config):
    (encoder,) = (
        step.encoder
        for step in config.train_dataloader.dataset.pipeline
        if step.type == 'GenerateTarget'
    )
    return encoder


@each_config
def test_training_and_decoding_share_the_codec(path):
    """Every value of it, or a changed one would reach but one of the two."""
    config = read(path)
    assert encoder_of(config) == config.codec
    decoder = config.model.head.decoder
    if decoder.type == 'CenterHeatmap':
        assert decoder == config.codec
    else:
        assert decoder == config.tag_codec


@each_config
def test_variables_are_what_is_used(path):
    """Configs of users may take parts of ours by these names."""
    config = read(path)
    assert config.train_pipeline == config.train_dataloader.dataset.pipeline
    for loader in LOADERS[1:]:
        assert config.val_pipeline == config[loader].dataset.pipeline
    for loader in LOADERS:
        assert config.data_root == config[loader].dataset.data_root
        assert config.dataset_type == config[loader].dataset.type
    assert config.backbone == config.model.backbone


@pytest.fixture(scope='module')
def wider_configs(tmp_path_factory):
    """The configs, with another sigma where it is written."""
    folder = tmp_path_factory.mktemp('wider') / 'configs'
    shutil.copytree(CONFIGS[0].parent, folder)
    base = folder / '_base_' / 'coco_w32.py'
    assert base.read_text().count('sigma=2') == 1
    base.write_text(base.read_text().replace('sigma=2', 'sigma=3'))
    return folder


@each_config
def test_sigma_is_written_once(path, wider_configs):
    config = Config.fromfile(wider_configs / path.name, import_custom_modules=False)
    assert encoder_of(config).sigma == 3
    if config.model.head.decoder.type == 'CenterHeatmap':
        assert config.model.head.decoder.sigma == 3


@each_config
def test_training_pipeline_warps_masks_after_every_change(path):
    """Masks follow the warp and the flip; targets come after both."""
    pipeline = read(path).train_dataloader.dataset.pipeline
    steps = [step.type for step in pipeline]
    assert steps[0] == 'LoadColorImage'
    assert steps[-1] == 'PackCenterGroupInputs'
    changes = max(steps.index('BottomupSquareAffine'), steps.index('RandomFlip'))
    for step in ('GenerateTarget', 'BottomupInputMasks'):
        assert steps.index(step) > changes


@each_config
def test_optimizer_builds_on_a_cpu_with_one_override(path):
    config = read(path)
    config.merge_from_dict({'optim_wrapper.type': 'OptimWrapper'})
    model = build_model(config)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    trained = {id(p) for group in wrapper.param_groups for p in group['params']}
    assert trained >= {id(p) for p in model.parameters() if p.requires_grad}


@pytest.mark.parametrize(
    'name', ['centergroup_w32', 'centergroup_w48', 'centergroup_w48_crowdpose']
)
def test_pretrained_layers_learn_slowly(repo_root, name):
    """1e-5 for the detector and 3e-4 for the rest (supplementary 3.1)."""
    config = read(repo_root / 'configs' / f'{name}.py')
    config.merge_from_dict({'optim_wrapper.type': 'OptimWrapper'})
    model = build_model(config)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    rates = {
        id(parameter): group['lr']
        for group in wrapper.param_groups
        for parameter in group['params']
    }
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            detector = key.startswith(('backbone.', 'head.detector.'))
            expected = 1e-5 if detector else 3e-4
            assert rates[id(parameter)] == pytest.approx(expected), key


def test_schedule_is_that_of_the_paper(repo_root):
    config = read(repo_root / 'configs' / 'centergroup_w48.py')
    assert config.train_cfg.max_iters == 27000
    warm_up, steps = config.param_scheduler
    assert (warm_up.begin, warm_up.end, warm_up.by_epoch) == (0, 1000, False)
    assert (steps.milestones, steps.gamma) == ([10000, 20000], 0.1)
    assert config.optim_wrapper.clip_grad == dict(max_norm=1, norm_type=2)
    assert config.optim_wrapper.optimizer.type == 'Adam'
    assert 4 * config.train_dataloader.batch_size == 132
    assert config.model.freeze_detector_bn


@each_config
def test_everything_counts_iterations(path):
    """One by_epoch more, and a rate would never fall, or no checkpoint be written."""
    config = read(path)
    assert config.train_cfg.type == 'IterBasedTrainLoop'
    counting = [*config.param_scheduler, config.default_hooks.checkpoint]
    assert [part.by_epoch for part in counting] == [False] * len(counting)
    assert config.log_processor.by_epoch is False
    assert config.default_hooks.logger.log_metric_by_epoch is False


@each_config
def test_evaluation_keeps_every_pose(path):
    """AP is taken over all centers: no threshold, no suppression of poses."""
    config = read(path)
    for evaluator in (config.val_evaluator, config.test_evaluator):
        assert (evaluator.nms_mode, evaluator.score_mode) == ('none', 'bbox')
    assert config.model.test_cfg.score_thr == 0
    assert config.model.test_cfg.flip_test


def test_crowdpose_is_evaluated_by_its_own_rules(repo_root):
    names = [path for path in CONFIGS if 'crowdpose' in path.stem]
    assert names
    for path in names:
        evaluator = read(path).test_evaluator
        assert evaluator.iou_type == 'keypoints_crowd'
        assert evaluator.use_area is False


@pytest.mark.parametrize('name', ['centergroup_w32', 'higherhrnet_w32'])
def test_species_are_one_category(repo_root, name):
    suffix = '_center' if name.startswith('higher') else ''
    config = read(repo_root / 'configs' / f'{name}_ap10k{suffix}.py')
    for loader in LOADERS:
        assert config[loader].dataset.merge_categories
        # A file of the metric's own would hold the species apart.
        assert 'ann_file' not in config.test_evaluator


STARTS = [
    (method, size)
    for method in ('centergroup', 'centergroup_plus', 'centernet')
    for size in ('tiny', 'w32', 'w48', 'w48_crowdpose')
] + [('centergroup', 'w32_ap10k')]


@pytest.mark.parametrize(('method', 'size'), STARTS)
def test_methods_start_from_the_detector_of_their_size(repo_root, method, size):
    names = f'higherhrnet_{size}_center', f'{method}_{size}'
    detector, model = (
        build_model(read(repo_root / 'configs' / f'{name}.py')) for name in names
    )
    # Anything but a whole detector raises, and a whole model is True.
    weights = model.state_dict(), detector.state_dict()
    assert holds_grouping(*weights, model.detector_parts()) is False
