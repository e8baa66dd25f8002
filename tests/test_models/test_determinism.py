# SPDX-License-Identifier: Apache-2.0
"""Training with ``randomness.deterministic=True``."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from torch.utils._python_dispatch import TorchDispatchMode

SIZE = (64, 64)
# What on a GPU raises an error under torch.use_deterministic_algorithms(True): the part
# of torch's list (the function's documentation, torch 2.11) that two-dimensional maps
# and float tensors can meet.
REFUSED = {
    *('_adaptive_avg_pool2d_backward', 'adaptive_max_pool2d_backward'),
    *('fractional_max_pool2d_backward', 'max_unpool2d', 'reflection_pad2d_backward'),
    *('upsample_bilinear2d_backward', 'upsample_bicubic2d_backward'),
    *('grid_sampler_2d_backward', 'nll_loss_forward', 'nll_loss2d_forward'),
    *('put_', 'put', 'histc', 'median', 'bincount'),
}
# These only where they add up floats.
REFUSED_OF_FLOATS = {'cumsum', 'cumsum_'}


class Recorder(TorchDispatchMode):
    """Notes the operations that run, those of the gradient included."""

    def __init__(self):
        super().__init__()
        self.seen, self.of_floats = set(), set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        self.seen.add(name)
        if isinstance(result, torch.Tensor) and result.is_floating_point():
            self.of_floats.add(name)
        return result

    @property
    def refused(self):
        """Those of them that a GPU refuses."""
        return self.seen & REFUSED | self.of_floats & REFUSED_OF_FLOATS


VARIANTS = {
    'paper': {'grouping.dropout': 0.1},
    'released': {
        'tokenizer.shared_cnn': False,
        'grouping.encoder_skip': True,
        'grouping.group_before_encoder': True,
        'grouping_loss.oks_gate': 0.5,
    },
}
BASELINES = {
    'higherhrnet_tiny_center': {
        'decoder.input_size': SIZE,
        'decoder.heatmap_size': SIZE,
        'decoder.decode_keypoint_order': list(range(5)),
    },
    'centernet_tiny': {'decoder.input_size': SIZE, 'hidden_channels': 8},
}


@pytest.fixture(params=[*VARIANTS, *BASELINES])
def model(request, small_config, repo_root):
    """A very small model of each method, in training mode."""
    config, name = copy.deepcopy(small_config), request.param
    if name in BASELINES:
        small = config
        config = Config(Config.fromfile(repo_root / f'configs/{name}.py').model)
        config.backbone = small.backbone
        config.head.in_channels = small.head.in_channels
        config.head.num_keypoints = small.head.num_keypoints
    changes = VARIANTS.get(name) or BASELINES[name]
    config.merge_from_dict({f'head.{key}': value for key, value in changes.items()})
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        return MODELS.build(config.to_dict()).train()


@pytest.fixture
def step(make_images, make_sample, people):
    """Gradients of one training step, by the names of their parameters."""

    def run(model):
        torch.manual_seed(0)
        samples = [make_sample(people), make_sample(people[:1], flip=True)]
        inputs = dict(inputs=make_images(SIZE, SIZE), data_samples=samples)
        data = model.data_preprocessor(inputs, True)
        model.zero_grad()
        model.parse_losses(model(**data, mode='loss'))[0].backward()
        return {name: p.grad.clone() for name, p in model.named_parameters()}

    return run


@pytest.fixture
def deterministic(monkeypatch):
    # Read when a GPU is first used for products of matrices.
    monkeypatch.setenv('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def test_no_operation_of_a_training_step_is_refused(model, step):
    with Recorder() as recorder:
        step(model)
    assert {'convolution_backward', 'native_batch_norm_backward'} <= recorder.seen
    assert recorder.refused == set()


def test_refused_operations_are_found():
    maps, grid = torch.randn(1, 1, 4, 4, requires_grad=True), torch.zeros(1, 1, 1, 2)
    with Recorder() as recorder:
        F.grid_sample(maps, grid, align_corners=False).sum().backward()
        F.interpolate(maps, (8, 8), mode='bilinear').sum().backward()
        maps.detach().cumsum(-1)
    expected = {'grid_sampler_2d_backward', 'upsample_bilinear2d_backward', 'cumsum'}
    assert recorder.refused == expected
    with Recorder() as recorder:
        (maps > 0).cumsum(-1)
        F.interpolate(maps, (8, 8)).sum().backward()
    assert recorder.refused == set()


def test_two_runs_are_identical(model, step, deterministic, device):
    model.to(device)
    first = step(model)
    second = step(model)
    assert all(torch.equal(second[name], value) for name, value in first.items())
