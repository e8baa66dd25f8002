# SPDX-License-Identifier: Apache-2.0
"""Reading poses otherwise than the paper does: values of the head and of its codec."""

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

from centergroup_mm.ops.poses import refine_by_newton

from .predictions import poses_of, predict

FLIP_INDICES = [0, 2, 1, 4, 3]
FINE = {'head.decoder.fine_centers': True, 'head.decoder.center_kernel': 3}
NEWTON = {'head.decoder.newton_sigma': 2.5}
VALUES = {
    'average': {'head.average_attention': True},
    'exclusive': {'head.exclusive': True},
    'fine': FINE,
    'newton': NEWTON,
}
ALL = {name: value for values in VALUES.values() for name, value in values.items()}
BY_NAME = {**VALUES, 'all': ALL}


@pytest.mark.parametrize('name', VALUES)
def test_each_value_changes_what_is_read(build, make_images, make_sample, name):
    flip = {'test_cfg.flip_test': True}
    plain, other = build(flip), build({**flip, **VALUES[name]})
    images, samples = make_images((128, 128)), [make_sample(size=(128, 128))]
    results = [poses_of(*predict(model, images, samples)) for model in (plain, other)]
    assert any(
        one.shape != two.shape or not np.array_equal(one, two)
        for one, two in zip(*results, strict=True)
    )


@pytest.mark.parametrize('name', BY_NAME)
def test_flip_test_of_the_mirrored_image_gives_mirrored_poses(
    build, make_images, make_sample, name
):
    model = build({'test_cfg.flip_test': True, **BY_NAME[name]})
    (image,) = make_images((128, 64))
    size = (128, 64)
    (poses,) = predict(model, [image], [make_sample(size=size)])
    (mirrored,) = predict(model, [image.flip(-1)], [make_sample(size=size)])
    assert len(poses) > 0
    keypoints = mirrored.keypoints[:, FLIP_INDICES] * [-1, 1] + [128, 0]
    assert len(keypoints) == len(poses)
    # Centers of one score may stand in another order.
    apart = np.abs(keypoints[:, None] - poses.keypoints).max((2, 3))
    apart = np.maximum(apart, np.abs(mirrored.bbox_scores[:, None] - poses.bbox_scores))
    assert apart.min(0).max() < 5e-3 and apart.min(1).max() < 5e-3


def test_batches_equal_single_images(build, make_images, make_sample):
    model = build({'test_cfg.flip_test': True, **ALL})
    sizes = [(64, 64), (128, 64), (64, 64)]
    images = make_images(*sizes)
    samples = [make_sample(size=size) for size in sizes]
    together = predict(model, images, samples)
    assert all(len(poses) > 0 for poses in together)
    for image, sample, poses in zip(images, samples, together, strict=True):
        (alone,) = predict(model, [image], [sample])
        for one, two in zip(poses_of(poses), poses_of(alone), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-3)


def test_averaged_attention_decides_and_explains(build, make_images, make_sample):
    """Both views disagree: what counts is their mean, and it is what is shown."""
    settings = {'test_cfg.flip_test': True, 'head.average_attention': True}
    model = build({**settings, 'test_cfg.output_attention': True})
    (found,) = predict(model, make_images((128, 64)), [make_sample(size=(128, 64))])
    assert len(found) > 0
    chosen = found.candidates.coords[found.attention.argmax(-1)]
    np.testing.assert_allclose(np.abs(found.keypoints - chosen), 0.25, atol=1e-5)
    model.head.average_attention = False
    (plain,) = predict(model, make_images((128, 64)), [make_sample(size=(128, 64))])
    assert not np.array_equal(plain.attention.argmax(-1), found.attention.argmax(-1))


def test_newton_steps_are_those_on_the_fused_heatmaps(build):
    torch.manual_seed(3)
    features = [torch.randn(1, 8, 24, 32)]
    plain, newton = build(), build(NEWTON)
    with torch.no_grad():
        found = plain.head.find_poses(features)
        other = newton.head.find_poses(features)
    pixels = (found.poses.keypoints - 0.5).round().long()
    torch.testing.assert_close(
        other.poses.keypoints, refine_by_newton(found.heatmaps[:, :5], pixels, 2.5)
    )
    assert not torch.equal(found.poses.keypoints, other.poses.keypoints)


def test_centernet_takes_the_values_of_the_codec():
    head = dict(
        type='CenterNetHead',
        in_channels=8,
        num_keypoints=5,
        heatmap_loss=dict(type='KeypointMSELoss'),
        hidden_channels=8,
        min_peak_score=0.0,
    )
    codec = dict(type='CenterHeatmap', input_size=(64, 64), num_centers=7)
    features = [torch.randn(1, 8, 16, 16)]
    poses = []
    for values in ({}, dict(newton_sigma=2.5), dict(fine_centers=True)):
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmpose'):
            own = MODELS.build(dict(head, decoder=dict(codec, **values))).eval()
        for layer in own.detector.final_layers:
            torch.nn.init.normal_(layer.weight)
        # Boxes of the whole input, so that keypoints find peaks to snap to.
        torch.nn.init.constant_(own.box_branch[-1].bias, 99.0)
        with torch.no_grad():
            poses.append(own.find_poses(features).poses)
    plain, newton, fine = poses
    assert torch.equal(plain.centers, newton.centers)
    assert not torch.equal(plain.keypoints, newton.keypoints)
    assert not torch.equal(plain.centers, fine.centers)


def test_a_blur_without_width_is_refused(build):
    with pytest.raises(ValueError, match='newton_sigma'):
        build({'head.decoder.newton_sigma': 0.0})
