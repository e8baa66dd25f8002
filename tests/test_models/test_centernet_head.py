# SPDX-License-Identifier: Apache-2.0
"""CenterNet's head: regression, snapping and losses on people placed by hand."""

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

K = 5
SIZE = (64, 64)
CHANNELS = K + 1 + 2 * K + 4


@pytest.fixture
def make_head(small_config):
    def make(**settings):
        config = dict(
            type='CenterNetHead',
            in_channels=small_config.head.in_channels,
            num_keypoints=K,
            decoder=dict(small_config.head.decoder, input_size=SIZE),
            detector=dict(num_blocks=1),
            heatmap_loss=dict(type='KeypointMSELoss'),
        )
        with DefaultScope.overwrite_default_scope('mmpose'):
            return MODELS.build(config | settings)

    return make


@pytest.fixture
def open_head(make_head):
    """A head whose input's channels are heatmaps, offsets and sides of the box."""
    head = make_head(in_channels=CHANNELS, hidden_channels=2 * CHANNELS).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        # The other stage stays zero and is averaged in.
        first = head.detector.final_layers[0].weight[..., 0, 0]
        first[: K + 1, : K + 1] = 2 * torch.eye(K + 1)
        start = K + 1
        for branch in (head.offset_branch, head.box_branch):
            show, _, read = branch
            # Negative values pass the ReLU with their sign changed.
            show.weight[:CHANNELS, :, 1, 1] = torch.eye(CHANNELS)
            show.weight[CHANNELS:, :, 1, 1] = -torch.eye(CHANNELS)
            count = read.out_channels
            for channel in range(count):
                read.weight[channel, start + channel] = 1
                read.weight[channel, CHANNELS + start + channel] = -1
            start += count
    return head


def place(people, shifts=0.0, shown=None, margin=0.0, side=16):
    """Input of `open_head`, at a quarter of the input size.

    Args:
        people: (N, K, 2) in input pixels.
        shifts: Added to the regressed keypoints, input pixels.
        shown: (N, K), keypoints with a peak; all if not given.
        margin: By which the regressed box exceeds the keypoints, input pixels.
        side: Of the maps, a quarter of the input's at some test scale.
    """
    y, x = np.meshgrid(np.arange(side), np.arange(side), indexing='ij')
    features = np.zeros((1, CHANNELS, side, side), np.float32)
    stride = SIZE[0] / side
    shown = np.ones(people.shape[:2], bool) if shown is None else np.array(shown, bool)
    for person, visible in zip(people, shown, strict=True):
        center = person.mean(0)
        for k, point in enumerate([*person, center]):
            if k == K or visible[k]:
                px, py = (point + 0.5) / stride - 0.5
                gauss = np.exp(-((x - px) ** 2 + (y - py) ** 2) / 2)
                features[0, k] = np.maximum(features[0, k], gauss)
        near = np.hypot(x - center[0] / stride, y - center[1] / stride) < 3
        for k, point in enumerate(person + shifts):
            for axis, grid in enumerate((x, y)):
                offsets = point[axis] / stride - grid
                features[0, K + 1 + 2 * k + axis][near] = offsets[near]
        low, high = person.min(0) - margin, person.max(0) + margin
        low, high = low / stride, high / stride
        sides = [x - low[0], y - low[1], high[0] - x, high[1] - y]
        for channel, side in enumerate(sides, start=3 * K + 1):
            features[0, channel][near] = side[near]
    return torch.from_numpy(features)


def mirrored(features, flip_indices):
    maps, offsets, sides = features.flip(-1).split((K + 1, 2 * K, 4), 1)
    offsets = offsets.unflatten(1, (K, 2))[:, flip_indices] * torch.tensor(
        [-1.0, 1.0]
    ).view(2, 1, 1)
    types = [*flip_indices, K]
    return torch.cat((maps[:, types], offsets.flatten(1, 2), sides[:, [2, 1, 0, 3]]), 1)


@torch.no_grad()
def find(head, features, sample, **test_cfg):
    (found,) = head.predict(features, [sample], test_cfg)
    return found


def first_two(found):
    """The two best poses, from left to right."""
    keypoints = found.keypoints[np.argsort(-found.bbox_scores)[:2]]
    return keypoints[np.argsort(keypoints[:, 0, 0])]


@pytest.mark.parametrize('flip', [False, True])
def test_keypoints_snap_to_peaks(open_head, people, make_sample, flip):
    sample = make_sample()
    feats = (place(people, shifts=3.0, margin=4.0),)
    if flip:
        feats = [feats, (mirrored(feats[0], sample.metainfo['flip_indices']),)]
    found = find(open_head, feats, sample, flip_test=flip)
    np.testing.assert_allclose(first_two(found), people, rtol=0, atol=1.5)


def test_keypoints_without_a_peak_stay(open_head, people, make_sample):
    shown = np.ones((2, K), bool)
    shown[:, 3] = False
    found = find(open_head, (place(people, 2.0, shown, 4.0),), make_sample())
    keypoints = first_two(found)
    np.testing.assert_allclose(keypoints[:, 3], people[:, 3] + 2, rtol=0, atol=1e-3)
    others = [0, 1, 2, 4]
    np.testing.assert_allclose(
        keypoints[:, others], people[:, others], rtol=0, atol=1.5
    )


@pytest.mark.parametrize('flip', [False, True])
def test_several_scales_have_the_regression_of_scale_1(
    open_head, people, make_sample, flip
):
    """A keypoint without a peak at any scale is where scale 1 regresses it."""
    sample = make_sample()
    shown = np.ones((2, K), bool)
    shown[:, 3:] = False
    feats = [
        (place(people, shifts, shown, 4.0, side),)
        for side, shifts in ((16, 2.0), (8, 9.0), (32, 9.0))
    ]
    if flip:
        flip_indices = sample.metainfo['flip_indices']
        feats = [[scale, (mirrored(scale[0], flip_indices),)] for scale in feats]
    found = find(open_head, feats, sample, flip_test=flip, multiscale_test=True)
    keypoints = first_two(found)
    np.testing.assert_allclose(keypoints[:, 3:], people[:, 3:] + 2, rtol=0, atol=1e-3)
    np.testing.assert_allclose(keypoints[:, :3], people[:, :3], rtol=0, atol=1.5)


def test_peaks_outside_the_box_do_not_attract(
    make_head, open_head, people, make_sample
):
    """With boxes that end at the keypoints, a peak farther out is left alone."""
    features = place(people[:1], shifts=0.0)
    features[:, 0] = 0
    # The only peak of type 0 lies far above the person's box.
    features[0, 0, 0, 14] = 1.0
    found = find(open_head, (features,), make_sample())
    best = found.keypoints[found.bbox_scores.argmax()]
    np.testing.assert_allclose(best[0], people[0, 0], rtol=0, atol=1e-3)


def test_losses_vanish_for_the_truth(open_head, people, make_sample):
    losses = open_head.loss((place(people),), [make_sample(people)])
    assert losses['loss_offset'] < 1e-5
    assert losses['loss_box'] < 1e-5


def test_losses_are_mean_distances(open_head, people, make_sample):
    """All keypoints 4 px to the right and down are a heatmap pixel on either axis."""
    visible = np.ones((2, K))
    visible[0, 1:] = 0
    sample = make_sample(people, visible=visible)
    # The first person's center is its only visible keypoint.
    features = place(np.concatenate((people[:1, :1].repeat(K, 1), people[1:])), 4.0)
    losses = open_head.loss((features,), [sample])
    assert losses['loss_offset'].item() == pytest.approx(2.0, abs=1e-4)


def test_mirrored_images_teach_the_mirrored_regression(open_head, people, make_sample):
    """Targets of a mirrored image agree with how views are averaged."""
    sample = make_sample(people)
    flip_indices = sample.metainfo['flip_indices']
    there = people[:, flip_indices].copy()
    there[..., 0] = SIZE[0] - 1 - there[..., 0]
    features = mirrored(place(people), flip_indices)
    losses = open_head.loss((features,), [make_sample(there, flip=True)])
    assert losses['loss_offset'] < 1e-5
    assert losses['loss_box'] < 1e-5


def test_everybody_is_taught_at_the_mirrored_border(open_head, people, make_sample):
    """A person inside the input, though left of the frame of a mirrored 1/4."""
    edge = people[:1] * [0, 1] + [1, 0]
    sample = make_sample(np.concatenate((edge, people[1:])), flip=True)
    nothing = torch.zeros(1, CHANNELS, 16, 16)
    losses = open_head.loss((nothing,), [sample])
    # Distances of both persons' keypoints from their centers' pixels, at 1/4 of the
    # input.
    x, y = (np.concatenate((edge, people[1:])) - [3, 0]).transpose(2, 0, 1) / 4
    pixels = [np.trunc(v.mean(1, keepdims=True)) for v in (x, y)]
    expected = np.mean(abs(x - pixels[0]) + abs(y - pixels[1]))
    assert losses['loss_offset'].item() == pytest.approx(expected, rel=1e-5)


def test_nobody(make_head, open_head, make_sample):
    head = make_head().train()
    feats = (torch.randn(2, 8, 16, 16, requires_grad=True),)
    losses = head.loss(feats, [make_sample(), make_sample()])
    assert losses['loss_offset'] == losses['loss_box'] == 0
    sum(losses.values()).backward()
    assert torch.isfinite(feats[0].grad).all()
    found = find(
        open_head, (torch.zeros(1, CHANNELS, 16, 16),), make_sample(), score_thr=0.1
    )
    assert found.keypoints.shape == (0, K, 2)


def test_tensor_mode(make_head):
    poses = make_head().eval()((torch.randn(2, 8, 16, 16),))
    assert poses.keypoints.shape == (2, 7, K, 2)
