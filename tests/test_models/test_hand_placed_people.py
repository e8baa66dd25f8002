# SPDX-License-Identifier: Apache-2.0
"""People placed by hand go through candidates, tokens and grouping.

The head is the real one with weights set by hand: features are the heatmaps, and the
grouping attention of type k looks for candidates of type k, the nearest to the center.
"""

import copy
import math

import pytest
import torch
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

K, D, WIDTH = 5, 64, 64
SIZE = (128, 96)
FLIP_TYPES = [0, 2, 1, 4, 3, 5]
CENTER_LOGIT, VISIBILITY_LOGIT = 3.0, 2.0
# Offsets of the keypoints of a person; they sum to zero.
SHAPE = torch.tensor([[0, -16], [-12, -4], [12, -4], [-8, 12], [8, 12]])
CENTERS = torch.tensor([[36, 40], [77, 54]])
PEOPLE = CENTERS[:, None] + SHAPE
# Refinement moves the pixel of a peak by a quarter of a pixel.
REACH = 0.25


@pytest.fixture
def make_head(small_config):
    """The head with further arguments."""

    def make(**arguments):
        # A shallow copy would share, and the update change, what all tests build from.
        config = copy.deepcopy(small_config.head)
        grouping = dict(config.grouping)
        grouping.update(embed_dims=D, head_dims=WIDTH)
        config.update(
            in_channels=K + 1,
            grouping=grouping,
            decoder=dict(config.decoder, input_size=SIZE),
            **arguments,
        )
        with DefaultScope.overwrite_default_scope('mmpose'):
            head = MODELS.build(config).eval()
        with torch.no_grad():
            show_features_as_heatmaps(head.detector)
            group_by_type_and_distance(head.grouping)
        return head

    return make


@pytest.fixture
def head(make_head):
    return make_head()


def show_features_as_heatmaps(detector):
    for layer in detector.final_layers:
        layer.weight.zero_()
        layer.bias.zero_()
    # The other stage stays zero and is averaged in.
    detector.final_layers[0].weight[: K + 1, :, 0, 0] = 2 * torch.eye(K + 1)


def group_by_type_and_distance(grouping):
    # Tokens carry their type in 0..K and slow parts of their position in 8..39.
    for parameter in grouping.position_linear.parameters():
        parameter.zero_()
    for half in range(2):
        taken = torch.arange(16)
        grouping.position_linear.weight[
            8 + 16 * half + taken, 32 * half + 8 + taken
        ] = 1
    grouping.type_embedding.weight.zero_()
    grouping.type_embedding.weight[:, : K + 1] = torch.eye(K + 1)
    for layer in grouping.encoder:
        layer.norms[-1].weight.zero_()
        layer.norms[-1].bias.zero_()

    for module in grouping.grouping_modules:
        for parameter in module.parameters():
            parameter.zero_()
        module.center_mlp[-1].bias.fill_(CENTER_LOGIT)
        module.visibility_mlp[-1].bias.fill_(VISIBILITY_LOGIT)
        for k in range(K):
            rows = slice(k * WIDTH, (k + 1) * WIDTH)
            module.attention.key.weight[rows][:40, :40] = torch.eye(40)
            module.attention.query.weight[rows][8:40, 8:40] = 300 * torch.eye(32)
            module.attention.query.bias[rows][k] = 1e5


def features_of(people, scores=(1.0, 0.6, 0.8), size=SIZE):
    """Gaussians of the keypoints and of their mean at a quarter of the input."""
    points = torch.cat((people, people.float().mean(1, keepdim=True)), 1)
    places = (points + 0.5) / 4 - 0.5
    y, x = torch.meshgrid(
        torch.arange(size[1] // 4), torch.arange(size[0] // 4), indexing='ij'
    )
    squared = (x - places[..., 0, None, None]) ** 2
    squared = squared + (y - places[..., 1, None, None]) ** 2
    maps = (-squared / 4).exp() * torch.tensor(scores)[: len(people), None, None, None]
    return torch.where(maps > 1e-3, maps, 0.0).amax(0)[None]


def mirrored(features):
    return features.flip(-1)[:, FLIP_TYPES]


def mask_of(box):
    """Full and quarter-size masks that hold ``box``, x1, y1, x2, y2."""
    full = torch.zeros(1, 1, SIZE[1], SIZE[0], dtype=torch.bool)
    full[..., box[1] : box[3], box[0] : box[2]] = True
    return full, full[:, 0, ::4, ::4]


@torch.no_grad()
def find(head, features, mask=(None, None), flip_indices=None):
    found = head.find_poses([features], *mask, flip_indices)
    return found.poses, found.output, found.heatmaps


def check_poses(poses, people):
    """Valid poses stand where ``people`` were placed, in this order."""
    assert poses.valid.sum() == len(people)
    assert poses.valid[0, : len(people)].all(), 'best first'
    found = poses.keypoints[0, : len(people)] - 0.5
    assert (found - people).abs().max() <= REACH
    centers = people.float().mean(1)
    assert torch.equal(poses.centers[0, : len(people)], centers.long())


def test_people_are_found_and_kept_apart(head):
    poses, output, heatmaps = find(head, features_of(PEOPLE))
    assert heatmaps.shape == (1, K + 1, SIZE[1], SIZE[0])
    assert poses.keypoints.shape == (1, 7, K, 2)
    assert output.attention.shape == (1, 7, K, K * 6)
    check_poses(poses, PEOPLE)
    visibility = 1 / (1 + math.exp(-VISIBILITY_LOGIT))
    torch.testing.assert_close(poses.keypoint_scores, torch.full((1, 7, K), visibility))
    torch.testing.assert_close(poses.scores, torch.full((1, 7), visibility))


def test_order_is_that_of_the_center_scores(head):
    poses, _, _ = find(head, features_of(PEOPLE, scores=(0.3, 0.9)))
    check_poses(poses, PEOPLE.flip(0))


def test_head_alone_predicts_the_same(head):
    """``forward`` is what tools call that know of no samples."""
    features = features_of(PEOPLE)
    poses = find(head, features)[0]
    with torch.no_grad():
        alone = head([features])
    for field, other in zip(poses, alone, strict=True):
        assert torch.equal(field, other)


def test_consistent_mirrored_view_changes_nothing(head):
    features = features_of(PEOPLE)
    expected, _, _ = find(head, features)
    both = torch.cat((features, mirrored(features)))
    poses, output, _ = find(head, both, flip_indices=FLIP_TYPES)
    assert len(output.attention) == 1
    for field, other in zip(poses, expected, strict=True):
        torch.testing.assert_close(field, other)


def test_people_in_padding_are_not_found(head):
    mask = mask_of((0, 0, 58, SIZE[1]))
    poses, _, _ = find(head, features_of(PEOPLE), mask)
    check_poses(poses, PEOPLE[:1])
    both = torch.cat([features_of(PEOPLE), mirrored(features_of(PEOPLE))])
    poses, _, _ = find(head, both, mask, FLIP_TYPES)
    check_poses(poses, PEOPLE[:1])


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('flip_indices', [None, FLIP_TYPES])
def test_half_precision_keeps_coordinates_beyond_256(head, dtype, flip_indices):
    """Pixels and quarters of them, which half precision cannot hold there."""
    person = PEOPLE[:1] + torch.tensor([256, 0])
    assert person[..., 0].min() > 256
    # What half precision takes is what single precision is given.
    features = features_of(person, size=(SIZE[0] + 256, SIZE[1])).to(dtype).float()
    if flip_indices is not None:
        features = torch.cat((features, mirrored(features)))
    with torch.no_grad():
        for module in head.grouping.grouping_modules:
            # One candidate of each type, and nothing beyond the range of float16.
            module.attention.query.bias.mul_(0.1)
    expected, _, _ = find(head, features, flip_indices=flip_indices)
    with torch.autocast('cpu', dtype):
        poses, output, _ = find(head, features, flip_indices=flip_indices)
    # Views are merged in single precision.
    assert output.center.dtype == (dtype if flip_indices is None else torch.float)
    check_poses(expected, person)
    check_poses(poses, person)
    assert torch.equal(poses.keypoints[:, 0], expected.keypoints[:, 0])
    steps = (poses.keypoints[:, 0] - 0.5 - person).abs()
    assert torch.equal(steps, torch.full_like(steps, REACH))


def test_images_of_a_batch_do_not_mix(head):
    crowds = [PEOPLE, PEOPLE[:1], PEOPLE.flip(0), PEOPLE + torch.tensor([9, 3])]
    features = torch.cat([features_of(people) for people in crowds])
    poses, _, _ = find(head, features)
    for b, people in enumerate(crowds):
        check_poses(type(poses)(*(field[b : b + 1] for field in poses)), people)


@pytest.mark.parametrize('flip_indices', [None, FLIP_TYPES])
@pytest.mark.parametrize('level', [0.0, -1.0])
def test_empty_heatmaps_give_empty_slots(head, level, flip_indices):
    features = torch.full((1 if flip_indices is None else 2, K + 1, 24, 32), level)
    poses, _, _ = find(head, features, flip_indices=flip_indices)
    assert not poses.valid.any()
    assert poses.keypoints.shape == (1, 7, K, 2)
    assert all(torch.isfinite(field).all() for field in poses)


@pytest.mark.parametrize('missing', ['keypoints', 'centers'])
def test_one_kind_alone_makes_no_pose(head, missing):
    features = features_of(PEOPLE)
    features[:, : K if missing == 'keypoints' else None] *= missing != 'keypoints'
    features[:, K:] *= missing != 'centers'
    assert features.any()
    poses, _, _ = find(head, features)
    assert not poses.valid.any()
    assert all(torch.isfinite(field).all() for field in poses)


class TestExclusiveScores:
    """Two centers of the first person, who has one set of keypoints."""

    SCORE = 1 / (1 + math.exp(-VISIBILITY_LOGIT))

    @staticmethod
    def features():
        features = features_of(PEOPLE)
        beside = PEOPLE[:1] + torch.tensor([0, 20])
        features[:, K] = torch.maximum(
            features[:, K], features_of(beside, scores=(0.5,))[:, K]
        )
        return features

    @pytest.mark.parametrize('flip_indices', [None, FLIP_TYPES])
    def test_a_person_counts_once(self, head, make_head, flip_indices):
        features = self.features()
        if flip_indices is not None:
            features = torch.cat((features, mirrored(features)))
        plain, _, _ = find(head, features, flip_indices=flip_indices)
        assert plain.valid.sum() == 3
        again = (plain.keypoints[0, 2] - plain.keypoints[0, 0]).abs().max()
        assert again == 0, 'the second center takes the keypoints of the first'
        poses, _, _ = find(
            make_head(exclusive=True), features, flip_indices=flip_indices
        )
        expected = torch.tensor([self.SCORE, self.SCORE, 0.0])
        torch.testing.assert_close(poses.scores[0, :3], expected)
        for name in ('keypoints', 'keypoint_scores', 'valid', 'centers'):
            assert torch.equal(getattr(poses, name), getattr(plain, name)), name


class TestLoss:
    """The head's losses on the hand-placed people."""

    def losses(self, head, make_sample, **sample):
        sample = make_sample(PEOPLE, SIZE, **sample)
        with torch.no_grad():
            return head.loss([features_of(PEOPLE)], [sample])

    @staticmethod
    def focal(logit):
        """Of a logit whose label is 1."""
        p = 1 / (1 + math.exp(-logit))
        return -math.log(p) * (1 - p) ** 2

    def test_found_people_are_matched(self, head, make_sample):
        losses = self.losses(head, make_sample)
        assert losses['matched'] == 2
        assert losses['loss_center'].item() == pytest.approx(
            self.focal(CENTER_LOGIT), rel=1e-4
        )
        assert losses['loss_visibility'].item() == pytest.approx(
            self.focal(VISIBILITY_LOGIT), rel=1e-4
        )
        assert losses['loss_location'].item() == pytest.approx(0, abs=1e-4)

    def test_location_is_in_input_pixels(self, head, make_sample):
        sample = make_sample(PEOPLE + torch.tensor([3, -1]), SIZE)
        with torch.no_grad():
            losses = head.loss([features_of(PEOPLE)], [sample])
        assert losses['loss_location'].item() == pytest.approx(0.02 * 2, abs=1e-4)

    def test_center_without_a_person_is_a_negative(self, head, make_sample):
        sample = make_sample(PEOPLE[:1], SIZE)
        with torch.no_grad():
            losses = head.loss([features_of(PEOPLE)], [sample])
        assert losses['matched'] == 1
        expected = (self.focal(CENTER_LOGIT) + self.focal_negative(CENTER_LOGIT)) / 2
        assert losses['loss_center'].item() == pytest.approx(expected, rel=1e-4)

    @staticmethod
    def focal_negative(logit):
        p = 1 / (1 + math.exp(-logit))
        return -math.log(1 - p) * p**2

    def test_center_in_an_ignore_region_is_no_negative(self, head, make_sample):
        x, y = CENTERS[1].tolist()
        box = [x - 8, y - 8, x + 8, y + 8]
        sample = make_sample(PEOPLE[:1], SIZE, ignored=[box])
        with torch.no_grad():
            losses = head.loss([features_of(PEOPLE)], [sample])
        assert losses['matched'] == 1
        assert losses['loss_center'].item() == pytest.approx(
            self.focal(CENTER_LOGIT), rel=1e-4
        )

    def test_keypoints_that_are_not_visible_have_no_location(self, head, make_sample):
        visible = torch.ones(2, K)
        visible[:, 1:3] = 0
        losses = self.losses(head, make_sample, visible=visible)
        shown = self.focal(VISIBILITY_LOGIT)
        hidden = self.focal_negative(VISIBILITY_LOGIT)
        assert losses['loss_visibility'].item() == pytest.approx(
            (3 * shown + 2 * hidden) / 5, rel=1e-4
        )
        assert losses['loss_location'].item() == pytest.approx(0, abs=1e-4)

    def test_heatmap_loss_is_masked_and_sums_the_stages(self, head, make_sample):
        box = [60.0, 0.0, 128.0, 96.0]
        sample = make_sample(PEOPLE, SIZE, ignored=[box])
        features = features_of(PEOPLE)
        with torch.no_grad():
            stages, _ = head.detector([features])
            loss = head.loss([features], [sample])['loss_heatmap']
        expected = 0
        for level, maps in enumerate(stages):
            error = (maps[0] - sample.gt_fields.heatmaps[level]).square()
            boundary = 60 // (4 >> level)
            error[..., boundary:] = 0
            expected += 10 * error.sum() / error.numel()
        torch.testing.assert_close(loss, expected)

    def test_oks_gate_reads_the_sigmas_of_the_sample(self, head, make_sample):
        """Of predictions that are far off, none trains the visibility."""
        head.grouping_loss.oks_gate = 0.5
        near = self.losses(head, make_sample)['loss_visibility']
        assert near > 0
        with torch.no_grad():
            for module in head.grouping.grouping_modules:
                module.attention.query.bias.zero_()
                module.attention.query.weight.neg_()
        assert self.losses(head, make_sample)['loss_visibility'] < near
