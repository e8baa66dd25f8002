# SPDX-License-Identifier: Apache-2.0
"""Poses are compared as sets, and what differs is found."""

import numpy as np
import pytest

from centergroup_mm.export.verification import (
    SINGLE,
    VerificationError,
    cases,
    compare,
    example,
    from_pictures,
    verify,
)


@pytest.fixture
def poses():
    """Two images with three of four slots taken, 50 keypoint types."""
    random = np.random.default_rng(0)
    valid = np.array([[True, True, True, False]] * 2)
    return (
        random.uniform(0, 500, (2, 4, 50, 2)).astype(np.float32),
        random.uniform(0, 1, (2, 4, 50)).astype(np.float32),
        np.array([[0.9, 0.8, 0.7, 0.9]] * 2, np.float32),
        valid,
    )


def changed(poses, index, change):
    others = [array.copy() for array in poses]
    change(others[index])
    return others


def check(poses, others):
    return verify(lambda *_: poses, lambda *_: others, [(1, 64, 64)], SINGLE)


def test_the_order_and_empty_slots_do_not_matter(poses):
    others = [array[:, [2, 3, 0, 1]] for array in poses]
    others[0][:, 1] = np.nan
    (result,) = check(poses, others)
    assert (result.poses, result.missing, result.elsewhere) == (6, 0, 0)
    assert result.pixels == 0
    assert result.score == 0


def test_poses_of_the_same_keypoints_are_told_by_their_scores(poses):
    """Centers side by side choose the same keypoints, in whatever order."""
    poses[0][:, 1], poses[1][:, 1] = poses[0][:, 0], poses[1][:, 0]
    assert compare(poses, poses, SINGLE)['score'] == 0
    others = [array[:, [1, 0, 2, 3]] for array in poses]
    (result,) = check(poses, others)
    assert result.score == 0


def test_weak_poses_may_come_and_go(poses):
    others = changed(poses, 3, lambda valid: valid.__setitem__((0, 2), False))
    poses[2][0, 2] = 0.1
    (result,) = check(poses, others)
    assert (result.poses, result.missing) == (5, 0)


@pytest.mark.parametrize(
    ('index', 'change', 'message'),
    [
        (3, lambda valid: valid.__setitem__((0, 0), False), 'not found'),
        (3, lambda valid: valid.fill(False), 'not found'),
        (0, lambda points: np.add(points, 0.2, out=points), 'not found'),
        (
            0,
            lambda points: points.__setitem__((0, 0, slice(5)), -1),
            '5 of 300 keypoints are elsewhere',
        ),
        (1, lambda scores: np.add(scores, 0.002, out=scores), 'scores differ'),
        (2, lambda scores: np.add(scores, 0.002, out=scores), 'scores differ'),
    ],
)
def test_what_differs_is_an_error(poses, index, change, message):
    with pytest.raises(VerificationError, match=message):
        check(poses, changed(poses, index, change))


def test_a_keypoint_in_a_hundred_may_be_elsewhere(poses):
    others = changed(poses, 0, lambda points: points.__setitem__((0, 0, 7), -1))
    (result,) = check(poses, others)
    assert (result.elsewhere, result.keypoints) == (1, 300)


def test_nothing_to_compare_is_an_error(poses):
    poses[3].fill(False)
    with pytest.raises(VerificationError, match='nothing to compare'):
        check(poses, poses)


def test_keypoint_scores_elsewhere_do_not_count(poses):
    others = changed(poses, 0, lambda points: points.__setitem__((0, 0, 7), -1))
    others[1][0, 0, 7] += 0.3
    assert compare(poses, others, SINGLE)['score'] == 0


def test_examples_have_padding_and_several_sizes():
    images, inside = example(2, 128, 192, seed=1)
    assert images.shape == (2, 3, 128, 192)
    assert inside.any()
    assert not inside.all()
    assert not (images * ~inside).any()
    sizes = list(cases(128, 64, 512))
    assert {batch for batch, _, _ in sizes} == {1, 2, 3}
    assert all(side % 64 == 0 for _, *size in sizes for side in size)


def test_pictures_are_placed_as_large_as_they_fit():
    pictures = [
        np.full((40, 80, 3), 100, np.uint8),
        np.full((50, 20, 3), 200, np.uint8),
    ]
    images, inside = from_pictures(pictures, 3, 64, 128, seed=1)
    assert images.shape == (3, 3, 64, 128)
    # The second comes first, by the seed: 25 x 64 pixels.
    assert inside[:, 0].sum((1, 2)).tolist() == [25 * 64, 128 * 64, 25 * 64]
    for image, mask, value in zip(images, inside[:, 0], (200, 100, 200), strict=True):
        assert (image[:, mask] == value).all()
        assert (image[:, ~mask] == 0).all()


def test_images_that_are_given_are_compared(poses):
    seen = []

    def draw(*facts):
        seen.append(facts)
        return example(*facts)

    verify(lambda *_: poses, lambda *_: poses, [(1, 64, 128)], SINGLE, draw)
    assert seen == [(1, 64, 128, 1)]
