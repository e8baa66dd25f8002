# SPDX-License-Identifier: Apache-2.0
"""Losses of the grouping modules, by hand and at their limits."""

import math

import pytest
import torch
from mmpose.registry import MODELS

from centergroup_mm.losses import GroupingLoss
from centergroup_mm.losses.grouping_loss import focal_bce
from centergroup_mm.losses.means import masked_mean
from centergroup_mm.structures import GroupingTargets

S, B, P, K = 2, 1, 3, 2
NAMES = ('loss_center', 'loss_visibility', 'loss_location')
STAGE_NAMES = {
    f'{name}_stage{stage + 1}'
    for name in ('center', 'visibility', 'location')
    for stage in range(S)
}


def make_targets(matched, supervised, visible, keypoints=None, box_areas=1000.0):
    """Targets of one image."""
    if keypoints is None:
        keypoints = torch.zeros(B, P, K, 2)
    return GroupingTargets(
        torch.tensor([matched]).bool(),
        torch.tensor([supervised]).bool(),
        keypoints,
        torch.tensor([visible]).bool(),
        torch.full((B, P), box_areas),
    )


def random_targets(**changes):
    """Two of three centers matched, one of these unsupervised."""
    values = {
        'matched': [1, 1, 0],
        'supervised': [1, 0, 1],
        'visible': [[1, 0], [1, 1], [0, 0]],
        'keypoints': torch.rand(B, P, K, 2) * 100,
        **changes,
    }
    return make_targets(**values)


def random_predictions():
    """Locations, visibility and center of S stages, with gradients."""
    shapes = (S, B, P, K, 2), (S, B, P, K), (S, B, P)
    predictions = [torch.randn(shape, requires_grad=True) for shape in shapes]
    return predictions


def focal(logit, label):
    p = 1 / (1 + math.exp(-logit))
    p_t = p if label else 1 - p
    return -math.log(p_t) * (1 - p_t) ** 2


@pytest.mark.parametrize('logit', [-3.0, -0.1, 0.0, 2.0])
@pytest.mark.parametrize('label', [0, 1])
def test_focal_bce_is_its_formula(logit, label):
    loss = focal_bce(torch.tensor(logit), torch.tensor(label))
    assert loss.item() == pytest.approx(focal(logit, label), rel=1e-5)


def test_focal_bce_of_sure_predictions_is_finite():
    logits = torch.tensor([200.0, -200.0, 200.0, -200.0], requires_grad=True)
    loss = focal_bce(logits, torch.tensor([1, 0, 0, 1]))
    torch.testing.assert_close(loss, torch.tensor([0.0, 0.0, 200.0, 200.0]))
    loss.sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_focal_bce_is_single_precision_under_autocast():
    logits = torch.randn(5)
    with torch.autocast('cpu', torch.bfloat16):
        loss = focal_bce(logits.bfloat16(), torch.ones(5))
    assert loss.dtype == torch.float32


def test_masked_mean():
    values = torch.tensor([1.0, 2.0, 6.0], requires_grad=True)
    assert masked_mean(values, torch.tensor([True, False, True])) == 3.5
    nothing = masked_mean(values, torch.zeros(3, dtype=torch.bool))
    assert nothing == 0
    nothing.backward()
    assert torch.equal(values.grad, torch.zeros(3))


def test_center_loss_is_the_mean_over_supervised_centers_and_stages():
    locations, visibility, center = random_predictions()
    losses = GroupingLoss()(locations, visibility, center, random_targets())
    expected = [
        focal(center[s, 0, p].item(), label)
        for s in range(S)
        for p, label in ((0, 1), (2, 0))
    ]
    assert losses['loss_center'].item() == pytest.approx(sum(expected) / 4, rel=1e-5)


def test_visibility_loss_covers_all_types_of_matched_and_supervised_centers():
    locations, visibility, center = random_predictions()
    losses = GroupingLoss()(locations, visibility, center, random_targets())
    expected = [
        focal(visibility[s, 0, 0, k].item(), label)
        for s in range(S)
        for k, label in ((0, 1), (1, 0))
    ]
    assert losses['loss_visibility'].item() == pytest.approx(
        sum(expected) / 4, rel=1e-5
    )


def test_location_loss_is_the_mean_distance_along_x_and_y():
    """Off by (3, 1) and (5, 7) pixels in the two stages: 16 / 4."""
    targets = random_targets()
    locations = targets.keypoints + torch.zeros(S, B, P, K, 2)
    locations[0, 0, 0, 0] += torch.tensor([3.0, -1.0])
    locations[1, 0, 0, 0] += torch.tensor([-5.0, 7.0])
    # Not visible, not supervised, not matched: none of these counts.
    locations[:, 0, 0, 1] += 100
    locations[:, 0, 1] += 100
    locations[:, 0, 2] += 100
    _, visibility, center = random_predictions()
    losses = GroupingLoss(location_weight=1.0)(locations, visibility, center, targets)
    assert losses['loss_location'].item() == pytest.approx(4.0, rel=1e-5)


def test_mean_is_over_the_batch_not_over_its_images():
    """One center in the first image, three in the second weigh a quarter each."""
    center = torch.tensor([[[2.0, 9.0, 9.0], [1.0, 0.5, -0.5]]])
    matched = torch.tensor([[1, 0, 0], [1, 1, 1]]).bool()
    targets = GroupingTargets(
        matched,
        matched,
        torch.zeros(2, P, K, 2),
        torch.zeros(2, P, K, dtype=torch.bool),
        torch.ones(2, P),
    )
    losses = GroupingLoss()(
        torch.zeros(1, 2, P, K, 2), torch.zeros(1, 2, P, K), center, targets
    )
    expected = sum(focal(logit, 1) for logit in (2.0, 1.0, 0.5, -0.5)) / 4
    assert losses['loss_center'].item() == pytest.approx(expected, rel=1e-5)


def test_weights():
    predictions, targets = random_predictions(), random_targets()
    plain = GroupingLoss(1, 1, 1)(*predictions, targets)
    weighted = GroupingLoss(2, 3, 5)(*predictions, targets)
    default = MODELS.build(dict(type='GroupingLoss'))(*predictions, targets)
    for name, weight, usual in zip(NAMES, (2, 3, 5), (1, 1, 0.02), strict=True):
        torch.testing.assert_close(weighted[name], weight * plain[name])
        torch.testing.assert_close(default[name], usual * plain[name])


@pytest.mark.parametrize('gate', [None, 0.5])
@pytest.mark.parametrize(
    'changes',
    [
        {'matched': [0, 0, 0], 'visible': [[0, 0]] * 3},
        {'visible': [[0, 0]] * 3},
        {'supervised': [0, 0, 0]},
        {
            'matched': [0, 0, 0],
            'supervised': [0, 0, 0],
            'visible': [[0, 0]] * 3,
            'box_areas': 0.0,
        },
    ],
    ids=['nobody', 'nothing visible', 'nothing supervised', 'nothing'],
)
def test_empty_supervision_is_finite_and_differentiable(changes, gate):
    predictions = random_predictions()
    losses = GroupingLoss(oks_gate=gate)(
        *predictions, random_targets(**changes), sigmas=[0.05] * K
    )
    assert set(losses) == set(NAMES) | STAGE_NAMES
    for value in losses.values():
        assert value.shape == ()
        assert torch.isfinite(value)
    if 'supervised' in changes:
        assert sum(losses.values()) == 0
    elif 'matched' in changes:
        assert losses['loss_visibility'] == losses['loss_location'] == 0
        assert losses['loss_center'] > 0
    else:
        assert losses['loss_location'] == 0
        assert losses['loss_visibility'] > 0
    sum(losses[name] for name in NAMES).backward()
    for prediction in predictions:
        assert torch.isfinite(prediction.grad).all()


@pytest.mark.parametrize('gate', [None, 0.5])
def test_each_stage_is_logged_as_if_it_were_alone(gate):
    predictions, targets = random_predictions(), random_targets()
    loss = GroupingLoss(2, 3, 5, oks_gate=gate)
    losses = loss(*predictions, targets, sigmas=[0.05] * K)
    for stage in range(S):
        alone = loss(
            *(p[stage : stage + 1] for p in predictions), targets, sigmas=[0.05] * K
        )
        for name in NAMES:
            logged = losses[f'{name.removeprefix("loss_")}_stage{stage + 1}']
            torch.testing.assert_close(logged, alone[name].detach())
            assert not logged.requires_grad


def test_what_is_logged_by_stage_is_no_part_of_the_total():
    """The host sums whatever has "loss" in its name."""
    losses = GroupingLoss()(*random_predictions(), random_targets())
    assert {name for name in losses if 'loss' in name} == set(NAMES)


class TestOksGate:
    """One matched center, its first keypoint visible, its second not."""

    sigmas = (0.05, 0.1)
    area = 1000.0

    def loss(self, offset, gate=0.5):
        """Loss and gradients of a single stage, the first keypoint off in x."""
        targets = random_targets(supervised=[1, 0, 0], box_areas=self.area)
        locations = targets.keypoints[None].clone()
        locations[0, 0, 0, 0, 0] += offset
        locations[0, 0, 0, 1] += 1000
        locations.requires_grad_()
        visibility = torch.randn(1, B, P, K, requires_grad=True)
        losses = GroupingLoss(oks_gate=gate)(
            locations, visibility, torch.zeros(1, B, P), targets, self.sigmas
        )
        losses['loss_visibility'].backward()
        expected = [focal(visibility[0, 0, 0, k].item(), 1 - k) for k in range(K)]
        return losses['loss_visibility'].item(), expected, locations, visibility

    def limit(self):
        """Distance at which exp(-d^2 / (2 (2 sigma)^2 0.53 area)) is one half."""
        deviation = 2 * self.sigmas[0]
        return math.sqrt(2 * math.log(2) * deviation**2 * 0.53 * self.area)

    def test_near_prediction_counts(self):
        loss, expected, _, _ = self.loss(0.99 * self.limit())
        assert loss == pytest.approx(sum(expected) / 2, rel=1e-5)

    def test_far_prediction_is_left_out_and_not_counted(self):
        loss, expected, _, visibility = self.loss(1.01 * self.limit())
        assert loss == pytest.approx(expected[1], rel=1e-5)
        assert visibility.grad[0, 0, 0, 0] == 0

    def test_without_the_gate_distance_does_not_matter(self):
        loss, expected, _, _ = self.loss(500.0, gate=None)
        assert loss == pytest.approx(sum(expected) / 2, rel=1e-5)

    def test_no_gradient_passes_the_gate(self):
        _, _, locations, visibility = self.loss(0.5 * self.limit())
        assert locations.grad is None or not locations.grad.any()
        assert visibility.grad[0, 0, 0].all()

    def test_gate_acts_per_stage(self):
        targets = random_targets(supervised=[1, 0, 0], box_areas=self.area)
        locations = targets.keypoints.repeat(S, 1, 1, 1, 1)
        locations[1, 0, 0, 0] += 1000
        visibility = torch.randn(S, B, P, K)
        losses = GroupingLoss(oks_gate=0.5)(
            locations, visibility, torch.zeros(S, B, P), targets, self.sigmas
        )
        kept = ((0, 0, 1), (0, 1, 0), (1, 1, 0))
        expected = [focal(visibility[s, 0, 0, k].item(), label) for s, k, label in kept]
        assert losses['loss_visibility'].item() == pytest.approx(
            sum(expected) / 3, rel=1e-5
        )

    def test_gate_needs_sigmas(self):
        with pytest.raises(ValueError, match='sigmas'):
            GroupingLoss(oks_gate=0.5)(*random_predictions(), random_targets())
