# SPDX-License-Identifier: Apache-2.0
"""One error of each kind, made by hand: counted once, and AP without it."""

import math

import numpy as np
import pytest

from centergroup_mm.coco.poses import Poses
from centergroup_mm.lab.evaluation import (
    FIXES,
    ScoreScale,
    analyze_errors,
    average_precision,
    average_precision_after_fixes,
    fix_poses,
)

from .conftest import (
    FLIP_INDICES,
    NUM_KEYPOINTS,
    SIGMAS,
    as_poses,
    person,
    place_body,
)

LEFT, MIDDLE = place_body(200), place_body(700)
NOBODY = place_body(1700, 300)
PERSONS = [person(LEFT), person(MIDDLE)]
# COCO's AP reads precision at 101 recalls; 51 of them are at most one half.
HALF = 51 / 101


def distance(similarity):
    """Pixels at which a keypoint has this similarity."""
    return math.sqrt(-200 * math.log(similarity))


def measure(make_truth, persons, poses, **kwargs):
    """AP, counts, and AP after each fix."""
    truth = make_truth({1: persons, 2: []})
    analysis = analyze_errors(truth, {1: poses}, SIGMAS, FLIP_INDICES, **kwargs)
    after = average_precision_after_fixes(truth, analysis, SIGMAS)
    before = average_precision(truth, {1: poses}, SIGMAS).ap
    return before, analysis.counts(), {kind: ap.ap for kind, ap in after.items()}


@pytest.mark.parametrize(
    ('kind', 'point'),
    [
        ('swapped', MIDDLE[3]),
        ('swapped', MIDDLE[4]),
        ('inversion', LEFT[4]),
        ('miss', LEFT[3] + (0, 60)),
        ('jitter', LEFT[3] + (distance(0.7), 0)),
    ],
)
def test_a_wrong_keypoint(make_truth, kind, point):
    """The pose has an OKS of 0.78, with jitter 0.92, and scores less than the other.

    So it is right at 6 or 9 of the 10 thresholds, and half the people are found at the
    rest. Another keypoint is good, with a similarity of 0.9, and stays as it is.
    """
    pose = LEFT.copy()
    pose[0] += (distance(0.9), 0)
    pose[3] = point
    before, counts, after = measure(make_truth, PERSONS, as_poses([MIDDLE, pose]))
    right = 9 if kind == 'jitter' else 6
    assert before == pytest.approx((right + (10 - right) * HALF) / 10)
    for name in ('swapped', 'inversion', 'miss', 'jitter'):
        assert getattr(counts, name) == (name == kind)
    for name in FIXES:
        assert after[name] == pytest.approx(1 if name == kind else before)
    assert after['all'] == pytest.approx(1)


def test_a_missed_person(make_truth):
    before, counts, after = measure(make_truth, PERSONS, as_poses([MIDDLE]))
    assert before == pytest.approx(HALF)
    assert counts.missed == 1
    for name in FIXES:
        assert after[name] == pytest.approx(1 if name == 'missed' else before)


@pytest.mark.parametrize(
    ('kind', 'wrong'), [('duplicates', LEFT + 4), ('background', NOBODY)]
)
def test_a_pose_too_many(make_truth, kind, wrong):
    """It scores between the two right ones: precision is 2/3 beyond a recall of 1/2."""
    poses = as_poses([LEFT, wrong, MIDDLE])
    before, counts, after = measure(make_truth, PERSONS, poses)
    assert before == pytest.approx(HALF + (1 - HALF) * 2 / 3)
    assert getattr(counts, kind) == 1
    for name in FIXES:
        mended = name in (kind, 'ranking')
        assert after[name] == pytest.approx(1 if mended else before)


def test_a_hallucinated_keypoint_costs_nothing(make_truth):
    persons = [person(LEFT, [2, 2, 2, 2, 0])]
    before, counts, after = measure(make_truth, persons, as_poses([LEFT]))
    assert counts.hallucinated == 1
    assert before == after['hallucinated'] == pytest.approx(1)


def test_a_wrong_pose_ranked_first(make_truth):
    poses = as_poses([NOBODY, LEFT])
    before, _, after = measure(make_truth, [person(LEFT)], poses)
    assert before == pytest.approx(0.5)
    assert after['ranking'] == after['background'] == pytest.approx(1)
    assert after['missed'] == pytest.approx(before)


def test_nothing_found_and_nobody_there(make_truth):
    before, counts, after = measure(make_truth, PERSONS, as_poses([]))
    assert (before, counts.missed) == (0, 2)
    assert after['missed'] == after['all'] == pytest.approx(1)
    assert all(after[kind] == 0 for kind in FIXES[1:])
    _, counts, after = measure(make_truth, [], as_poses([LEFT]))
    assert counts.background == 1
    assert all(math.isnan(ap) for ap in after.values())


def test_poses_below_the_threshold_stay(make_truth):
    poses = as_poses([MIDDLE, NOBODY], scores=[0.9, 0.1])
    truth = make_truth({1: PERSONS})
    analysis = analyze_errors(
        truth, {1: poses}, SIGMAS, FLIP_INDICES, pose_threshold=0.5
    )
    (errors,) = analysis.images
    scale = ScoreScale.of(analysis.images)
    mended = fix_poses(errors, FIXES, scale)
    # The missed person in front, and both poses.
    np.testing.assert_array_equal(mended.keypoints, [LEFT, MIDDLE, NOBODY])
    assert mended.scores[0] == mended.scores[1] == 1 > mended.scores[2]
    assert scale.usual == 0.9
    with pytest.raises(ValueError, match="'swap'"):
        fix_poses(errors, ['swap'], scale)


def test_the_poses_are_not_changed_and_boxes_go_along(make_truth):
    pose = LEFT.copy()
    pose[3] = MIDDLE[3]
    boxes = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    poses = Poses(
        np.array([pose, NOBODY]),
        np.full((2, NUM_KEYPOINTS), 0.5),
        np.array([0.8, 0.7]),
        boxes,
    )
    analysis = analyze_errors(
        make_truth({1: PERSONS}), {1: poses}, SIGMAS, FLIP_INDICES
    )
    (errors,) = analysis.images
    mended = fix_poses(errors, FIXES, ScoreScale.of(analysis.images))
    np.testing.assert_array_equal(poses.keypoints[0], pose)
    np.testing.assert_array_equal(mended.keypoints, [MIDDLE, LEFT])
    np.testing.assert_array_equal(mended.boxes, [errors.image.boxes[1], boxes[0]])
    alone = fix_poses(errors, ['background'], ScoreScale.of(analysis.images))
    np.testing.assert_array_equal(alone.boxes, boxes[:1])
    np.testing.assert_array_equal(alone.scores, [0.8])
