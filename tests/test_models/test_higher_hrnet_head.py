# SPDX-License-Identifier: Apache-2.0
"""HigherHRNet's head: losses, grouping by tags of people placed by hand, names."""

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

from centergroup_mm.models.checkpoints import CheckpointMismatchError

K = 5
SIZE = (64, 64)


def head_config(small_config, **settings):
    model = small_config.head
    return (
        dict(
            type='HigherHRNetHead',
            in_channels=model.in_channels,
            num_keypoints=K,
            with_center=False,
            detector=dict(num_blocks=1),
            heatmap_loss=dict(type='KeypointMSELoss'),
            tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=1e-3),
            decoder=dict(
                type='AssociativeEmbedding',
                input_size=SIZE,
                heatmap_size=SIZE,
                decode_topk=10,
                decode_max_instances=10,
                decode_center_shift=0.5,
                decode_keypoint_order=list(range(K)),
            ),
        )
        | settings
    )


@pytest.fixture
def make_head(small_config):
    def make(**settings):
        with DefaultScope.overwrite_default_scope('mmpose'):
            return MODELS.build(head_config(small_config, **settings))

    return make


@pytest.fixture
def open_head(make_head):
    """A head whose input's channels are K heatmaps, then K tags."""
    head = make_head(in_channels=2 * K).eval()
    with torch.no_grad():
        for layer in head.detector.final_layers:
            layer.weight.zero_()
            layer.bias.zero_()
        weight = head.detector.final_layers[0].weight[..., 0, 0]
        # The other stage stays zero and is averaged in.
        weight[:K, :K] = 2 * torch.eye(K)
        weight[K:, K:] = torch.eye(K)
    return head


def place(people, tags, visible=None, side=16):
    """Heatmaps and tags at a quarter of the input.

    Args:
        side: Of the maps, a quarter of the input's at some test scale.
        people: (N, K, 2) in input pixels.
        tags: N numbers, one for all keypoints of a person.
        visible: (N, K), all if not given.
    """
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing='ij')
    maps, tag_maps = torch.zeros(2, 1, K, side, side)
    visible = np.ones(people.shape[:2]) if visible is None else np.array(visible)
    for n, k in zip(*visible.nonzero(), strict=True):
        px, py = (people[n, k] + 0.5) * side / SIZE[0] - 0.5
        squared = (x - px) ** 2 + (y - py) ** 2
        maps[0, k] = torch.maximum(maps[0, k], torch.exp(-squared / 2))
        tag_maps[0, k][squared < 6] = tags[n]
    return torch.cat((maps, tag_maps), 1)


def mirrored(features, flip_indices, other_tags=0.0):
    """The mirrored view, whose tags are an embedding of its own."""
    maps, tags = features.flip(-1).chunk(2, 1)
    return torch.cat((maps[:, flip_indices], tags[:, flip_indices] + other_tags), 1)


def by_first_keypoint(instances):
    order = np.argsort(instances.keypoints[:, 0, 0])
    return instances.keypoints[order]


@pytest.mark.parametrize('flip', [False, True])
def test_people_come_back(open_head, people, make_sample, flip):
    sample = make_sample()
    feats = (place(people, tags=(0.0, 3.0)),)
    if flip:
        flip_indices = sample.metainfo['flip_indices']
        feats = [feats, (mirrored(feats[0], flip_indices, 5.0),)]
    (found,) = open_head.predict(feats, [sample], dict(flip_test=flip))
    assert found.keypoints.shape == (2, K, 2)
    np.testing.assert_allclose(by_first_keypoint(found), people, rtol=0, atol=1.5)
    assert (found.keypoint_scores > 0.3).all()
    np.testing.assert_allclose(found.bbox_scores, found.keypoint_scores.mean(1), 1e-5)


@pytest.mark.parametrize('flip', [False, True])
def test_several_scales_have_the_tags_of_scale_1(open_head, people, make_sample, flip):
    """At the others both persons bear one tag, by which they would be one."""
    sample = make_sample()
    feats = [
        (place(people, tags, side=side),)
        for side, tags in ((16, (0.0, 3.0)), (8, (0.0, 0.0)), (32, (0.0, 0.0)))
    ]
    if flip:
        flip_indices = sample.metainfo['flip_indices']
        feats = [[scale, (mirrored(scale[0], flip_indices, 5.0),)] for scale in feats]
    test_cfg = dict(flip_test=flip, multiscale_test=True)
    (found,) = open_head.predict(feats, [sample], test_cfg)
    assert len(found) == 2
    np.testing.assert_allclose(by_first_keypoint(found), people, rtol=0, atol=1.5)


def test_several_scales_share_the_heatmaps(open_head, people, make_sample):
    """A keypoint that is seen at another scale only is found."""
    seen = np.ones((2, K))
    seen[0, 1] = 0
    feats = [
        (place(people, (0.0, 3.0), seen),),
        (place(people, (0.0, 3.0), side=32),),
    ]
    (found,) = open_head.predict(feats, [make_sample()], dict(multiscale_test=True))
    scores = found.keypoint_scores[found.keypoints[:, 0, 0].argsort()]
    assert (scores[0, 1] > 0.2) and (scores[0, 1] < scores[0, [0, 2, 3, 4]]).all()


def test_tags_decide_and_not_distance(open_head, people, make_sample):
    """The two persons' last keypoints change owners with their tags."""
    features = place(people, tags=(0.0, 3.0))
    tag = features[0, K + 4]
    tag[tag == 3.0], swapped = 0.0, tag == 0.0
    y, x = torch.meshgrid(torch.arange(16), torch.arange(16), indexing='ij')
    first = (people[0, 4] + 0.5) / 4 - 0.5
    tag[((x - first[0]) ** 2 + (y - first[1]) ** 2 < 6) & swapped] = 3.0
    (found,) = open_head.predict((features,), [make_sample()])
    expected = people.copy()
    expected[:, 4] = people[::-1, 4]
    np.testing.assert_allclose(by_first_keypoint(found), expected, rtol=0, atol=1.5)


def test_nobody_and_padding(open_head, people, make_sample):
    empty = torch.zeros(1, 2 * K, 16, 16)
    (nobody,) = open_head.predict((empty,), [make_sample()])
    assert nobody.keypoints.shape == (0, K, 2)
    assert nobody.bbox_scores.shape == (0,)
    # The second person stands in the padding, out of reach of the image.
    people[1] += [10, 0]
    sample = make_sample(size=SIZE, image_size=(32, 64))
    (found,) = open_head.predict((place(people, (0.0, 3.0)),), [sample])
    assert len(found) == 1
    np.testing.assert_allclose(found.keypoints[0], people[0], rtol=0, atol=1.5)


def test_score_threshold(open_head, people, make_sample):
    features = place(people, tags=(0.0, 3.0), visible=[[1] * 5, [1, 0, 0, 0, 0]])
    (both,) = open_head.predict((features,), [make_sample()])
    (sure,) = open_head.predict((features,), [make_sample()], dict(score_thr=0.3))
    assert (len(both), len(sure)) == (2, 1)


@pytest.mark.parametrize('with_center', [False, True])
def test_losses(make_head, make_sample, people, with_center):
    head = make_head(with_center=with_center).train()
    feats = (torch.randn(3, 8, 16, 16, requires_grad=True),)
    samples = [make_sample(people), make_sample(people[:1]), make_sample()]
    losses = head.loss(feats, samples)
    names = {name for name in losses if 'loss' in name}
    assert names == {'loss_heatmap', 'loss_pull', 'loss_push'}
    types = K + with_center
    _, tags = head(feats)
    assert tags.shape == (3, types, 16, 16)
    pulls, pushes = zip(
        *(
            plain_tag_loss(tag, sample.gt_instance_labels.tag_indices[:, :types])
            for tag, sample in zip(tags, samples, strict=True)
        ),
        strict=True,
    )
    torch.testing.assert_close(losses['loss_pull'], 1e-3 * sum(pulls) / 3)
    torch.testing.assert_close(losses['loss_push'], 1e-3 * sum(pushes) / 3)
    sum(losses.values()).backward()
    assert torch.isfinite(feats[0].grad).all()
    assert feats[0].grad.abs().sum() > 0


def plain_tag_loss(tags, indices):
    """Pull to the own mean, push between means with half weight, by definition."""
    means, pull = [], tags.new_zeros(())
    for person in indices:
        own = torch.stack(
            [tags.flatten(1)[k, i] for k, (i, v) in enumerate(person) if v]
        )
        means.append(own.mean())
        pull = pull + (own - own.mean()).square().mean()
    count = len(means)
    # The pairs of a person with itself are part of the host's sum, a constant.
    push = sum((-((a - b) ** 2)).exp() for a in means for b in means)
    pull = pull / (count + 1e-6)
    if count < 2:
        return pull, tags.new_zeros(())
    return pull, 0.5 * push / (count * (count - 1) + 1e-6)


def test_nobody_to_learn_from(make_head, make_sample):
    head = make_head(with_center=True).train()
    losses = head.loss((torch.randn(2, 8, 16, 16),), [make_sample(), make_sample()])
    assert losses['loss_pull'] == losses['loss_push'] == 0
    sum(losses.values()).backward()


def test_centergroup_starts_from_it(build, small_config, make_images):
    """With centers, its weights are a whole detector for CenterGroup."""
    config = dict(
        small_config.to_dict(),
        type='BatchedPoseEstimator',
        head=head_config(small_config, with_center=True),
    )
    config.pop('freeze_detector_bn')
    with DefaultScope.overwrite_default_scope('mmpose'):
        detector = MODELS.build(config).eval()
    model = build()
    model.load_state_dict(detector.state_dict(), strict=False)
    image = torch.stack(make_images(SIZE)).float()
    expected, _ = detector.head(detector.extract_feat(image))
    found, _ = model.head.detector(model.extract_feat(image))
    torch.testing.assert_close(found, expected)


def test_decoder_must_know_all_types_and_the_full_size(make_head, small_config):
    decoder = head_config(small_config)['decoder']
    with pytest.raises(ValueError, match='decode_keypoint_order is .* from 0 to 4'):
        make_head(decoder=dict(decoder, decode_keypoint_order=[0, 1, 2, 3]))
    with pytest.raises(ValueError, match=r'heatmap_size is \(16, 16\); .* \(64, 64\)'):
        make_head(decoder=dict(decoder, heatmap_size=(16, 16)))


def test_weights_of_another_method_are_refused(build, small_config):
    config = dict(
        small_config.to_dict(),
        type='BatchedPoseEstimator',
        head=head_config(small_config, with_center=True),
    )
    config.pop('freeze_detector_bn')
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config)
    model.load_state_dict(model.state_dict())
    with pytest.raises(CheckpointMismatchError, match=r'unknown .*head\.grouping'):
        model.load_state_dict(build().state_dict(), strict=False)
    # Nothing groups on top of this detector: it is the whole model.
    backbone = {k: w for k, w in model.state_dict().items() if 'backbone' in k}
    with pytest.raises(CheckpointMismatchError, match=r'all weights of this model\. '):
        model.load_state_dict(backbone, strict=False)
