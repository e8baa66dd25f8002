# SPDX-License-Identifier: Apache-2.0
"""On a GPU (``--device cuda``): the same poses and losses, and nothing that waits."""

import copy
import math

import pytest
import torch

from .predictions import poses_of, predict
from .variants import CROWD_READING, CROWD_TRAINING, RELEASED

FLIP_INDICES = [0, 2, 1, 4, 3]
VARIANTS = {
    'paper': {},
    'released': RELEASED,
    'plus': CROWD_READING | CROWD_TRAINING,
}


@pytest.fixture(params=VARIANTS)
def model(request, build):
    return build(VARIANTS[request.param])


def without_waiting(function, *arguments):
    """Call a function; an operation of it that waits for the GPU is an error."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode('error')
    try:
        return function(*arguments)
    finally:
        torch.cuda.set_sync_debug_mode('default')


@pytest.mark.parametrize('flip', [False, True])
def test_poses_are_those_of_the_cpu(model, make_images, make_sample, flip, gpu):
    model.test_cfg['flip_test'] = flip
    images = make_images((64, 64), (128, 64), (64, 128))
    samples = [make_sample(size=tuple(image.shape[:0:-1])) for image in images]
    expected = predict(model, images, copy.deepcopy(samples))
    found = predict(model.to(gpu), images, samples)
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours) == len(theirs) > 0
        for value, reference in zip(poses_of(ours), poses_of(theirs), strict=True):
            assert abs(value - reference).max() < 1e-3


@pytest.mark.parametrize('flip', [False, True])
@torch.no_grad()
def test_nothing_waits_between_image_and_poses(model, flip, gpu):
    model.to(gpu)
    images = torch.randn(4 if flip else 2, 3, 64, 96, device=gpu)
    inside = torch.ones(2, 1, 64, 96, dtype=torch.bool, device=gpu)
    flip_indices = [*FLIP_INDICES, 5] if flip else None

    def find():
        features = [model.extract_feat(images)[0]]
        quarter = inside[:, 0, ::4, ::4]
        return model.head.find_poses(features, inside, quarter, flip_indices)

    find()  # kernels are loaded, sizes are known
    poses = without_waiting(find).poses
    assert poses.keypoints.isfinite().all()


def test_losses_are_those_of_the_cpu(model, make_images, make_sample, people, gpu):
    samples = [make_sample(people), make_sample(people[:1], flip=True)]
    inputs = dict(inputs=make_images((64, 64), (64, 64)), data_samples=samples)
    losses = []
    for place in ('cpu', gpu):
        model.to(place).train()
        data = model.data_preprocessor(copy.deepcopy(inputs), True)
        losses.append(model(**data, mode='loss'))
        model.eval()
    assert losses[0].keys() == losses[1].keys()
    for name, value in losses[0].items():
        assert math.isclose(
            value.item(), losses[1][name].item(), rel_tol=1e-3, abs_tol=1e-5
        ), name
