# SPDX-License-Identifier: Apache-2.0
"""Poses are compared as sets, and what differs is found."""

import numpy as np
import pytest

from centergroup_mm.export.verification import (
    PICTURES,
    SINGLE,
    VerificationError,
    cases,
    compare,
    example,
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


class OneOfTwo:
    """A model that takes the better of two candidates; its score tells which.

    Args:
        seen (list): Pictures, which several models share. Up to ``tied`` of them the
            candidates are equal but for rounding, on later ones the first is better.
        steps (tuple): What rounding adds to either, in shares of a heatmap's highest
            value.
        tied (int): See above.
    """

    def __init__(self, seen, steps, tied):
        self.seen, self.steps, self.tied = seen, np.array(steps), tied

    def __call__(self, images, inside):
        key = images.tobytes()
        if key not in self.seen:
            self.seen.append(key)
        tied = self.seen.index(key) < self.tied
        values = np.array([1.0, 1.0 - 1e-7 if tied else 0.5])
        taken = np.argmax(values + self.steps)
        score = np.full((1, 1), 0.9 - 0.1 * taken, np.float32)
        ones = np.ones((1, 1, 4, 2), np.float32)
        return ones, ones[..., 0], score, np.ones((1, 1), bool)


UP, DOWN = (0, SINGLE.rounding), (SINGLE.rounding, 0)


def test_a_picture_that_hangs_on_rounding_is_drawn_again():
    def models(tied=2):
        seen = []
        return [OneOfTwo(seen, steps, tied) for steps in (DOWN, UP)]

    sizes = [(1, 64, 64), (1, 64, 128)]
    with pytest.raises(VerificationError, match='scores differ'):
        verify(*models(), sizes, SINGLE)
    model, exported = models()
    done = verify(
        *(model, exported, sizes, SINGLE), lambda seed: exported if seed == 3 else model
    )
    assert [one.redrawn for one in done] == [2, 0]
    assert [one.score for one in done] == [0, 0]
    # If all do, the last one counts.
    model, exported = models(tied=99)
    with pytest.raises(VerificationError, match='scores differ'):
        verify(model, exported, sizes, SINGLE, lambda seed: exported)
    assert len(model.seen) == PICTURES * len(sizes)


def test_a_fault_is_no_rounding():
    model = OneOfTwo([], DOWN, tied=0)

    def faulty(images, inside):
        keypoints, *others = model(images, inside)
        return keypoints + 1, *others

    with pytest.raises(VerificationError, match='not found'):
        verify(model, faulty, [(1, 64, 64)], SINGLE, lambda seed: model)
    assert len(model.seen) == 1


def test_the_order_and_empty_slots_do_not_matter(poses):
    others = [array[:, [2, 3, 0, 1]] for array in poses]
    others[0][:, 1] = np.nan
    (result,) = check(poses, others)
    assert (result.poses, result.missing, result.elsewhere) == (6, 0, 0)
    assert result.pixels == 0
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
