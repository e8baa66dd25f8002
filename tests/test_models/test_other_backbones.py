# SPDX-License-Identifier: Apache-2.0
"""Both stages of the training on backbones of the host that are no HRNet."""

import copy
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS

from centergroup_mm.models.checkpoints import CheckpointMismatchError
from centergroup_mm.models.trained import batch_norms

CHANNELS = 16
BLOCK = re.compile(r'```python\n(.*?)```', re.DOTALL)


def pyramid(*in_channels):
    """A neck that brings all maps to the resolution of the first."""
    return dict(
        type='FPN',
        in_channels=list(in_channels),
        out_channels=CHANNELS,
        num_outs=len(in_channels),
        norm_cfg=dict(type='BN'),
    )


CSPNEXT = dict(type='CSPNeXt', deepen_factor=0.1, widen_factor=0.125)
TRANSFORMER = dict(
    type='PyramidVisionTransformer',
    pretrain_img_size=64,
    embed_dims=8,
    num_layers=[1, 1],
    num_stages=2,
    num_heads=[1, 2],
    patch_sizes=[4, 2],
    strides=[4, 2],
    paddings=[0, 0],
    sr_ratios=[4, 2],
    mlp_ratios=[2, 2],
    out_indices=(0, 1),
)
NETWORKS = {
    'cspnext': (dict(CSPNEXT, out_indices=(1, 2, 3, 4)), pyramid(16, 32, 64, 128)),
    'transformer': (TRANSFORMER, pyramid(8, 16)),
}


@pytest.fixture
def build_network(small_config):
    """Build CenterGroup, or its detector alone, on a backbone and a neck."""

    def make(name, detector=False, **head):
        backbone, neck = NETWORKS[name]
        config = copy.deepcopy(small_config.to_dict())
        config.update(backbone=backbone, neck=neck, freeze_detector_bn=True)
        config['head'].update(in_channels=CHANNELS, **head)
        if detector:
            config.update(type='BatchedPoseEstimator')
            del config['freeze_detector_bn']
            shared = ('in_channels', 'num_keypoints', 'detector', 'heatmap_loss')
            config['head'] = dict(
                {key: config['head'][key] for key in shared},
                type='HigherHRNetHead',
                with_center=True,
                tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=0.01),
                decoder=dict(
                    type='AssociativeEmbedding',
                    input_size=(64, 64),
                    heatmap_size=(64, 64),
                    decode_keypoint_order=list(range(5)),
                ),
            )
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmpose'):
            model = MODELS.build(config)
            model.init_weights()
        return model

    return make


@pytest.fixture
def learn(repo_root, make_sample, make_images, people):
    """Train on one image; learning rates are those of a schedule's parts."""

    def run(model, steps, schedule='schedule_27k'):
        config = Config.fromfile(repo_root / 'configs' / '_base_' / f'{schedule}.py')
        settings = dict(
            type='OptimWrapper',
            optimizer=dict(type='Adam', lr=3e-3),
            paramwise_cfg=config.optim_wrapper.paramwise_cfg,
        )
        with DefaultScope.overwrite_default_scope('mmpose'):
            wrapper = build_optim_wrapper(model, settings)
        data = {'inputs': make_images((64, 64)), 'data_samples': [make_sample(people)]}
        model.train()
        logs = [model.train_step(copy.deepcopy(data), wrapper) for _ in range(steps)]
        return wrapper, [{k: float(v.detach()) for k, v in log.items()} for log in logs]

    return run


def predict(model, make_images, make_sample, size=(128, 64)):
    data = {'inputs': make_images(size), 'data_samples': [make_sample(size=size)]}
    model.eval().test_cfg.update(flip_test=True)
    with torch.no_grad():
        return model.test_step(data)[0].pred_instances


@pytest.mark.slow
@pytest.mark.parametrize('name', NETWORKS)
def test_two_stages(build_network, learn, make_images, make_sample, tmp_path, name):
    first = build_network(name, detector=True)
    _, losses = learn(first, 8)
    assert losses[-1]['loss_heatmap'] < losses[0]['loss_heatmap']
    torch.save({'state_dict': first.state_dict()}, tmp_path / 'detector.pth')

    model = build_network(name)
    assert list(model.detector_parts()) == ['backbone', 'neck', 'head.detector']
    with pytest.raises(RuntimeError, match='needs a trained detector'):
        learn(model, 1)
    load_checkpoint(model, str(tmp_path / 'detector.pth'), map_location='cpu')
    for key, weight in first.state_dict().items():
        if key in model.state_dict():
            assert torch.equal(model.state_dict()[key], weight), key
    with pytest.raises(RuntimeError, match='grouping is random'):
        predict(model, make_images, make_sample)

    norms = {
        part: copy.deepcopy(batch_norms(module))
        for part, module in model.detector_parts().items()
    }
    assert norms['neck'] and norms['head.detector']
    weights = copy.deepcopy(model.neck.lateral_convs[0].conv.weight)
    wrapper, losses = learn(model, 8)
    assert losses[-1]['loss'] < losses[0]['loss']
    for part, module in model.detector_parts().items():
        for norm, before in zip(batch_norms(module), norms[part], strict=True):
            for key, value in before.state_dict().items():
                assert torch.equal(norm.state_dict()[key], value), (part, key)
    moved = (model.neck.lateral_convs[0].conv.weight - weights).abs().max()
    assert 0 < moved < 8 * 2 * 3e-3 / 30, 'it goes on slowly'
    assert len(predict(model, make_images, make_sample)) > 0

    torch.save({'state_dict': model.state_dict()}, tmp_path / 'whole.pth')
    again = build_network(name)
    load_checkpoint(again, str(tmp_path / 'whole.pth'), map_location='cpu')
    poses, expected = (predict(m, make_images, make_sample) for m in (again, model))
    assert (poses.keypoints == expected.keypoints).all()


@pytest.mark.parametrize('name', ['cspnext'])
def test_all_of_the_detector_learns_slowly_and_nothing_else(build_network, learn, name):
    model = build_network(name)
    wrapper, _ = learn(model, 0)
    parts = tuple(f'{part}.' for part in model.detector_parts())
    names = {id(parameter): key for key, parameter in model.named_parameters()}
    rates = {
        names[id(parameter)]: group['lr']
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }
    assert any(key.startswith('neck.') for key in rates)
    for key, rate in rates.items():
        expected = 3e-3 / 30 if key.startswith(parts) else 3e-3
        assert rate == pytest.approx(expected), key


def test_a_detector_without_its_neck_is_refused(build_network, tmp_path):
    first = build_network('cspnext', detector=True)
    weights = {k: w for k, w in first.state_dict().items() if 'neck' not in k}
    torch.save({'state_dict': weights}, tmp_path / 'detector.pth')
    with pytest.raises(CheckpointMismatchError, match=r'missing .*neck\.'):
        load_checkpoint(build_network('cspnext'), str(tmp_path / 'detector.pth'))


class TestStride:
    """It is the codec's; masks and targets follow."""

    @pytest.fixture
    def at_an_eighth(self, monkeypatch, build_network, small_config):
        backbone = dict(CSPNEXT, out_indices=(2, 3, 4))
        network = backbone, pyramid(32, 64, 128)
        monkeypatch.setitem(NETWORKS, 'eighth', network)
        decoder = dict(small_config.head.decoder)
        return lambda **codec: build_network('eighth', decoder={**decoder, **codec})

    def test_another_one_trains_and_predicts(
        self, at_an_eighth, make_images, make_sample, people
    ):
        model = at_an_eighth(downscales=(8, 4))
        assert model.head.stride == 8
        model.freeze_detector_bn = False
        sample = make_sample(people, downscales=(8, 4))
        assert sample.metainfo['downscales'] == (8, 4)
        assert sample.input_masks.valid[0].shape == (1, 8, 8)
        assert sample.gt_fields[0].heatmap_mask.shape == (1, 8, 8)
        data = {'inputs': make_images((64, 64)), 'data_samples': [sample]}
        losses = model.train()(**model.data_preprocessor(data, True), mode='loss')
        model.parse_losses(losses)[0].backward()
        assert len(predict(model, make_images, make_sample)) > 0
        feats = model.extract_feat(torch.randn(1, 3, 64, 96))
        with torch.no_grad():
            found = model.head.find_poses([feats[0]])
        assert found.heatmaps.shape[-2:] == (64, 96)

    def test_another_than_the_codecs_is_refused(
        self, at_an_eighth, make_images, make_sample, people
    ):
        model = at_an_eighth()
        model.freeze_detector_bn = False
        data = {'inputs': make_images((64, 64)), 'data_samples': [make_sample(people)]}
        with pytest.raises(ValueError, match='8 x 8 .*targets 16 x 16.*downscales'):
            model.train()(**model.data_preprocessor(data, True), mode='loss')


def test_the_page_has_working_configs(repo_root, tmp_path):
    """Both are built, and the second starts from the first."""
    text = (repo_root / 'docs' / 'backbones.md').read_text()
    models = []
    for index, block in enumerate(BLOCK.findall(text)):
        path = tmp_path / f'config{index}.py'
        path.write_text(block.replace("'configs/", f"'{repo_root}/configs/"))
        config = Config.fromfile(path, import_custom_modules=False)
        with DefaultScope.overwrite_default_scope('mmpose'), torch.device('meta'):
            models.append(MODELS.build(config.model))
    detector, model = models
    model.check_weights(detector.state_dict())
    feats = model.to_empty(device='meta').extract_feat(
        torch.empty(1, 3, 128, 128, device='meta')
    )
    assert feats[0].shape == (
        1,
        model.head.detector.final_layers[1].in_channels,
        32,
        32,
    )
