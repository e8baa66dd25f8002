# SPDX-License-Identifier: Apache-2.0
"""The expected-OKS loss, by hand and at its limits."""

import math

import pytest
import torch
from mmpose.registry import MODELS

from centergroup_mm.losses import ExpectedOKSLoss
from centergroup_mm.structures import GroupingTargets

S, P, K, N = 2, 2, 2, 3
SIGMAS = [0.05, 0.1]
AREA = 1000.0
# Candidates on the first target, a bit and far off it.
COORDS = torch.tensor([[[10, 20], [13, 24], [90, 90]]])
ALL = torch.ones(1, N, dtype=torch.bool)


def oks(distance, sigma, area=AREA):
    return math.exp(-(distance**2) / (2 * 0.53 * area * (2 * sigma) ** 2))


def make_targets(matched=(1, 0), visible=((1, 1), (0, 0)), supervised=(1, 1)):
    """One image; all keypoints of its one person lie at (10, 20)."""
    matched, visible, supervised = (
        torch.tensor([values]).bool() for values in (matched, visible, supervised)
    )
    keypoints = torch.tensor([10.0, 20.0]).expand(1, P, K, 2) * visible[..., None]
    return GroupingTargets(
        matched, supervised, keypoints, visible, torch.full((1, P), AREA) * matched
    )


def random_attention():
    return torch.randn(S, 1, P, K, N).softmax(-1).requires_grad_()


def uniform():
    return torch.full((S, 1, P, K, N), 1 / N)


def test_is_registered():
    assert isinstance(MODELS.build(dict(type='ExpectedOKSLoss')), ExpectedOKSLoss)


def test_equals_a_case_computed_by_hand():
    attention = uniform()
    attention[1, 0, 0, 0] = torch.tensor([0.5, 0.3, 0.2])
    losses = ExpectedOKSLoss(weight=2.0)(attention, COORDS, ALL, make_targets(), SIGMAS)
    thirds = [(1 + oks(5, sigma)) / 3 for sigma in SIGMAS]
    first = [-math.log(0.01 + value) for value in thirds]
    second = [-math.log(0.01 + 0.5 + 0.3 * oks(5, SIGMAS[0])), first[1]]
    assert losses['oks_stage1'].item() == pytest.approx(sum(first), rel=1e-4)
    assert losses['oks_stage2'].item() == pytest.approx(sum(second), rel=1e-4)
    total = (sum(first) + sum(second)) / 2
    assert losses['loss_oks'].item() == pytest.approx(total, rel=1e-4)


def test_is_a_matter_of_the_size_of_the_person():
    """A person twice as large, candidates twice as far: the same."""
    attention, targets = random_attention(), make_targets()
    large = targets._replace(
        keypoints=2 * targets.keypoints, box_areas=4 * targets.box_areas
    )
    losses = [
        ExpectedOKSLoss()(attention, coords, ALL, own, SIGMAS)['loss_oks']
        for coords, own in ((COORDS, targets), (2 * COORDS, large))
    ]
    torch.testing.assert_close(*losses)


def test_the_gradient_points_to_the_right_candidate():
    logits = torch.zeros(S, 1, P, K, N, requires_grad=True)
    losses = ExpectedOKSLoss()(logits.softmax(-1), COORDS, ALL, make_targets(), SIGMAS)
    losses['loss_oks'].backward()
    found = logits.grad[:, 0, 0]
    assert (found[..., 0] < found[..., 1]).all() and (found[..., 1] < 0.0).any()
    assert (found[..., 0] < 0).all(), 'less loss with more attention on the target'
    assert (found[..., 2] > 0).all(), 'and with less on what lies far off'
    assert not logits.grad[:, 0, 1].any(), 'nobody there'


def test_two_wrong_candidates_do_not_make_a_right_one():
    """Their mean lies on the target: nothing for L1, a lot for this loss."""
    coords = torch.tensor([[[10, 20], [0, 20], [20, 20]]])
    attention = torch.tensor([0.0, 0.5, 0.5]).expand(1, 1, P, K, N)
    losses = ExpectedOKSLoss(1.0)(attention, coords, ALL, make_targets(), [0.02] * K)
    expected = -math.log(0.01 + oks(10, 0.02))
    assert losses['loss_oks'].item() == pytest.approx(expected, rel=1e-4)
    assert expected > 3


def test_keypoints_without_a_candidate_near_are_left_out():
    far = COORDS.clone()
    far[:, :2] = torch.tensor([60, 70])
    attention = random_attention()
    losses = ExpectedOKSLoss()(attention, far, ALL, make_targets(), SIGMAS)
    assert losses['loss_oks'] == 0
    losses['loss_oks'].backward()
    assert not attention.grad.any()


def test_a_slot_without_a_candidate_is_not_near():
    """It lies on the target, but holds nothing."""
    valid = torch.tensor([[False, False, True]])
    losses = ExpectedOKSLoss()(uniform(), COORDS, valid, make_targets(), SIGMAS)
    assert losses['loss_oks'] == 0


@pytest.mark.parametrize(
    'nobody',
    [
        dict(matched=(0, 0), visible=((0, 0), (0, 0))),
        dict(visible=((0, 0), (0, 0))),
        dict(supervised=(0, 0)),
    ],
)
def test_is_finite_and_has_a_gradient_for_nobody(nobody):
    attention = random_attention()
    losses = ExpectedOKSLoss()(attention, COORDS, ALL, make_targets(**nobody), SIGMAS)
    assert losses['loss_oks'] == 0
    losses['loss_oks'].backward()
    assert torch.isfinite(attention.grad).all()


def test_order_of_candidates_and_of_centers_does_not_matter():
    attention, targets = random_attention(), make_targets((1, 1), ((1, 1), (1, 0)))
    loss = ExpectedOKSLoss()
    expected = loss(attention, COORDS, ALL, targets, SIGMAS)
    order = [2, 0, 1]
    swapped = GroupingTargets(*(field.flip(1) for field in targets))
    losses = loss(attention.flip(2)[..., order], COORDS[:, order], ALL, swapped, SIGMAS)
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)


def test_is_single_precision_under_autocast():
    attention = random_attention().detach().bfloat16()
    coords = COORDS + 1000
    targets = make_targets()
    targets = targets._replace(keypoints=targets.keypoints + 1000)
    expected = ExpectedOKSLoss()(attention.float(), coords, ALL, targets, SIGMAS)
    with torch.autocast('cpu', torch.bfloat16):
        losses = ExpectedOKSLoss()(attention, coords, ALL, targets, SIGMAS)
    torch.testing.assert_close(losses['loss_oks'], expected['loss_oks'])


def test_needs_sigmas():
    with pytest.raises(ValueError, match='ExpectedOKSLoss .*`sigmas`'):
        ExpectedOKSLoss()(uniform(), COORDS, ALL, make_targets(), None)
