# SPDX-License-Identifier: Apache-2.0
"""Two or three people, and poses of which every fault is known."""

import numpy as np
import pytest

from centergroup_mm.coco import with_crowd_indices
from centergroup_mm.lab.evaluation import (
    ErrorCounts,
    KeypointState,
    PoseFate,
    analyze_errors,
    best_pose_threshold,
)

from .conftest import (
    AREA,
    BODY,
    FLIP_INDICES,
    NUM_KEYPOINTS,
    SIGMAS,
    as_poses,
    person,
    place_body,
    region,
)

LEFT, MIDDLE, RIGHT = place_body(200), place_body(700), place_body(1200)
G, J, S, SI, INV, M = (
    KeypointState.GOOD,
    KeypointState.JITTER,
    KeypointState.SWAP,
    KeypointState.SWAP_INVERSION,
    KeypointState.INVERSION,
    KeypointState.MISS,
)


def analyze(truth, poses, **kwargs):
    return analyze_errors(truth, poses, SIGMAS, FLIP_INDICES, **kwargs)


def analyze_one(make_truth, persons, poses, **kwargs):
    """Errors of one image, and their counts."""
    analysis = analyze(make_truth({1: persons}), {1: poses}, **kwargs)
    return analysis.images[0], analysis.counts()


def test_truth_itself_is_without_error(make_truth):
    errors, counts = analyze_one(
        make_truth,
        [person(LEFT), person(MIDDLE, [2, 1, 2, 2, 1])],
        as_poses([MIDDLE, LEFT]),
    )
    assert (errors.states == G).all()
    assert errors.matches.pose_of_person.tolist() == [1, 0]
    assert counts == ErrorCounts(persons=2, found=2, labeled=10, good=10)


@pytest.mark.parametrize(
    ('point', 'state', 'other'),
    [
        (LEFT[3] + (5, 0), G, -1),
        (LEFT[3] + (8, 6), J, -1),
        (MIDDLE[3], S, 1),
        (MIDDLE[4] + (0, 9), SI, 1),
        (LEFT[4], INV, -1),
        # Near other types, but neither the same nor its counterpart.
        (MIDDLE[1], M, -1),
        (LEFT[0], M, -1),
        (LEFT[3] + (0, 60), M, -1),
    ],
)
def test_a_moved_keypoint_is_classified(make_truth, point, state, other):
    pose = LEFT.copy()
    pose[3] = point
    errors, counts = analyze_one(
        make_truth, [person(LEFT), person(MIDDLE)], as_poses([pose, MIDDLE])
    )
    expected = np.full((2, NUM_KEYPOINTS), G)
    expected[0, 3] = state
    np.testing.assert_array_equal(errors.states, expected)
    assert errors.swapped_with[0, 3] == other
    assert np.count_nonzero(errors.swapped_with >= 0) == (other >= 0)
    assert getattr(counts, state.name.lower()) == 1 + 9 * (state == G)
    assert counts.labeled == 10


def test_a_type_without_counterpart_has_no_inversion(make_truth):
    pose = LEFT.copy()
    pose[0] = MIDDLE[0]
    errors, _ = analyze_one(
        make_truth, [person(LEFT), person(MIDDLE)], as_poses([pose, MIDDLE])
    )
    assert errors.states[0, 0] == S


def test_unlabeled_keypoints_explain_nothing(make_truth):
    pose = LEFT.copy()
    pose[3], pose[1] = MIDDLE[3], LEFT[2]
    labels = [2, 2, 0, 0, 2]
    errors, counts = analyze_one(
        make_truth,
        [person(LEFT, [2, 2, 0, 2, 2]), person(MIDDLE, labels)],
        as_poses([pose, MIDDLE]),
    )
    assert errors.states[0].tolist() == [G, M, KeypointState.NONE, M, G]
    assert counts.labeled == 7
    assert counts.unlabeled == 3


def test_the_nearest_explanation_is_taken(make_truth):
    """Between another's left foot at 9 px and the own right foot at 3 px."""
    near = LEFT[4] + (12, 0)
    other = MIDDLE.copy()
    other[3] = near
    pose = LEFT.copy()
    persons = [person(LEFT), person(other)]
    pose[3] = LEFT[4] + (3, 0)
    errors, _ = analyze_one(make_truth, persons, as_poses([pose, other]))
    assert errors.states[0, 3] == INV
    pose[3] = LEFT[4] + (9, 0)
    errors, _ = analyze_one(make_truth, persons, as_poses([pose, other]))
    assert errors.states[0, 3] == S


def test_a_large_person_reaches_further(make_truth):
    """Similarity to another's keypoint is by the other's size, as OKS would be."""
    pose = LEFT.copy()
    pose[3] = MIDDLE[3] + (0, 15)
    for area, state in ((AREA, M), (4 * AREA, S)):
        errors, _ = analyze_one(
            make_truth,
            [person(LEFT), person(MIDDLE, area=area)],
            as_poses([pose, MIDDLE]),
        )
        assert errors.states[0, 3] == state


def test_missed_duplicate_and_background(make_truth):
    poses = as_poses([LEFT, LEFT + 4, place_body(1700, 300)])
    errors, counts = analyze_one(make_truth, [person(LEFT), person(RIGHT)], poses)
    assert errors.matches.fates.tolist() == [
        PoseFate.MATCHED,
        PoseFate.DUPLICATE,
        PoseFate.BACKGROUND,
    ]
    assert errors.matches.person_of_pose.tolist() == [0, 0, -1]
    assert errors.duplicates_of_person.tolist() == [1, 0]
    assert (errors.states[1] == KeypointState.NONE).all()
    assert counts == ErrorCounts(
        persons=2,
        found=1,
        missed=1,
        duplicates=1,
        background=1,
        labeled=5,
        good=5,
        lost=5,
    )


def test_a_duplicate_takes_no_other_person(make_truth):
    """It has one keypoint of the second person, an OKS of 0.2 with it."""
    duplicate = LEFT.copy()
    duplicate[3] = MIDDLE[3]
    _, counts = analyze_one(
        make_truth, [person(LEFT), person(MIDDLE)], as_poses([LEFT, duplicate])
    )
    assert (counts.duplicates, counts.missed, counts.swapped) == (1, 1, 0)


def test_a_mixed_pose_is_a_poor_match(make_truth):
    """Two keypoints of one, three spoilt by another; both are there."""
    mixed = RIGHT.copy()
    mixed[[0, 3, 4]] = MIDDLE[[0, 4, 3]]
    errors, counts = analyze_one(
        make_truth, [person(MIDDLE), person(RIGHT)], as_poses([MIDDLE, mixed])
    )
    assert errors.matches.oks == pytest.approx([1, 0.4])
    assert errors.states[1].tolist() == [S, G, G, SI, SI]
    assert (counts.found, counts.poor, counts.missed) == (1, 1, 0)
    assert (counts.swap, counts.swap_inversion, counts.swapped) == (1, 2, 3)
    assert counts.rates()['swapped'] == pytest.approx(0.3)

    _, counts = analyze_one(
        make_truth,
        [person(MIDDLE), person(RIGHT)],
        as_poses([MIDDLE, mixed]),
        low_threshold=0.5,
    )
    assert (counts.missed, counts.background) == (1, 1)


def test_poses_in_ignore_regions_do_not_count(make_truth):
    box = [1300.0, 100.0, 400.0, 500.0]
    for is_crowd in (0, 1):
        errors, counts = analyze_one(
            make_truth,
            [person(LEFT), region(box, is_crowd)],
            as_poses([LEFT, place_body(1500, 150), place_body(700, 150)]),
        )
        assert errors.matches.fates[1:].tolist() == [
            PoseFate.IGNORED,
            PoseFate.BACKGROUND,
        ]
        assert (counts.persons, counts.ignored, counts.background) == (1, 1, 1)


def test_the_better_scored_pose_is_matched(make_truth):
    poses = as_poses([LEFT, LEFT + 5], scores=[0.4, 0.7])
    errors, _ = analyze_one(make_truth, [person(LEFT)], poses)
    assert errors.matches.fates.tolist() == [PoseFate.DUPLICATE, PoseFate.MATCHED]


def test_poses_that_coco_leaves_out(make_truth):
    many = as_poses([LEFT] * 25)
    errors, counts = analyze_one(make_truth, [person(LEFT)], many)
    assert counts.duplicates == 19
    assert (errors.matches.fates[20:] == PoseFate.LEFT_OUT).all()
    silent = as_poses([LEFT], keypoint_scores=np.zeros((1, NUM_KEYPOINTS)))
    _, counts = analyze_one(make_truth, [person(LEFT)], silent)
    assert counts.missed == 1


def test_hallucinated_keypoints(make_truth):
    """Of eleven labeled ones ten score 0.6, so 90 % are reported from there."""
    scores = np.full((2, NUM_KEYPOINTS), 0.6)
    scores[0, 0] = 0.2
    three = np.concatenate([scores, [[0.6, 0.9, 0.59, 0.61, 0.1]]])
    persons = [person(LEFT), person(MIDDLE), person(RIGHT, [2, 0, 0, 0, 0])]
    poses = as_poses([LEFT, MIDDLE, RIGHT], keypoint_scores=three)
    analysis = analyze(make_truth({1: persons}), {1: poses})
    assert analysis.keypoint_threshold == 0.6
    assert analysis.images[0].hallucinated.nonzero()[1].tolist() == [1, 3]
    counts = analysis.counts()
    assert (counts.hallucinated, counts.unlabeled) == (2, 4)
    assert counts.rates()['hallucinated'] == 0.5


@pytest.mark.parametrize(
    ('share', 'expected'), [(1, 0.1), (0.9, 0.2), (0.7, 0.4), (0.1, 1), (0, 1)]
)
def test_reported_share(make_truth, share, expected):
    """Ten labeled keypoints that score 0.1, 0.2, ..., 1."""
    scores = np.arange(1, 11).reshape(2, NUM_KEYPOINTS) / 10
    truth = make_truth({1: [person(LEFT), person(MIDDLE)]})
    poses = {1: as_poses([LEFT, MIDDLE], keypoint_scores=scores)}
    analysis = analyze(truth, poses, reported_share=share)
    assert analysis.keypoint_threshold == pytest.approx(expected)


def test_a_share_beyond_one_is_refused(make_truth):
    with pytest.raises(ValueError, match='share is 90'):
        analyze(make_truth({1: []}), {}, reported_share=90)


def test_the_scale_of_scores_does_not_matter(make_truth):
    rng = np.random.default_rng(0)
    truth = make_truth({1: [person(LEFT, [2, 0, 2, 0, 2]), person(MIDDLE)]})
    scores = rng.uniform(0.1, 1, (2, NUM_KEYPOINTS))
    found = [
        analyze(truth, {1: as_poses([LEFT, MIDDLE], keypoint_scores=values)}).counts()
        for values in (scores, 1e3 * scores**2)
    ]
    assert found[0] == found[1]


def test_best_pose_threshold(make_truth):
    truth = make_truth({1: [person(LEFT), person(MIDDLE)], 2: [person(RIGHT)]})
    far = place_body(1700, 100)
    poses = {
        1: as_poses([LEFT, MIDDLE, far], scores=[0.9, 0.6, 0.3]),
        2: as_poses([far, RIGHT, far, far], scores=[0.8, 0.1, 0.2, 0.25]),
    }
    # Of three persons, 2 right among 3 poses is best; at the end it is 3 among 7.
    assert best_pose_threshold(truth, poses, SIGMAS) == 0.6
    counts = analyze(truth, poses, pose_threshold=0.6).counts()
    assert (counts.found, counts.background, counts.missed) == (2, 1, 1)
    assert best_pose_threshold(truth, {}, SIGMAS) == -np.inf


def test_counts_by_size(make_truth):
    small, large = 30.0**2, 200.0**2
    persons = [person(LEFT, area=small), person(MIDDLE), person(RIGHT, area=large)]
    poses = as_poses([MIDDLE, RIGHT, RIGHT + 1, place_body(1700, 100)])
    truth = make_truth({1: persons, 2: []})
    analysis = analyze(truth, {1: poses})
    found = analysis.counts_by_area()
    assert [counts.persons for counts in found] == [1, 0, 2]
    assert [counts.missed for counts in found] == [1, 0, 0]
    assert [counts.duplicates for counts in found] == [0, 0, 1]
    assert sum(counts.background for counts in found) == 0

    thirds = analysis.counts_by_area((40.0**2, 150.0**2))
    assert [counts.persons for counts in thirds] == [1, 1, 1]
    total = sum(thirds, ErrorCounts())
    expected = analysis.counts().as_dict() | {'background': 0}
    assert total.as_dict() == expected


def test_counts_by_crowd_level(make_truth):
    images = {number: [person(LEFT)] for number in (1, 2, 3, 4)}
    indices = {1: 0.19, 2: 0.2, 3: 0.79, 4: 0.8}
    truth = make_truth(images, indices)
    analysis = analyze(truth, {1: as_poses([LEFT])})
    levels = analysis.counts_by_crowd_level()
    assert {level: c.persons for level, c in levels.items()} == {
        'easy': 1,
        'medium': 2,
        'hard': 1,
    }
    assert levels['easy'].found == 1
    assert sum(levels.values(), ErrorCounts()) == analysis.counts()
    with pytest.raises(ValueError, match='image 1.*crowdIndex'):
        analyze(make_truth(images), {}).counts_by_crowd_level()


def random_case(rng):
    """Persons and poses at random, many of them close to each other."""
    bodies = [place_body(*rng.uniform(300, 600, 2)) for _ in range(4)]
    persons = [
        person(body, rng.integers(0, 3, NUM_KEYPOINTS), area=rng.uniform(5e2, 5e4))
        for body in bodies
    ]
    mixed = np.array(bodies)[rng.integers(0, 4, (5, NUM_KEYPOINTS)), range(5)]
    shown = np.concatenate([mixed, bodies]) + rng.normal(0, 10, (9, NUM_KEYPOINTS, 2))
    return persons, as_poses(
        shown, rng.permutation(9) / 9, rng.uniform(0, 1, (9, NUM_KEYPOINTS))
    )


@pytest.mark.parametrize('seed', range(8))
def test_counts_add_up_and_order_does_not_matter(make_truth, seed):
    rng = np.random.default_rng(seed)
    cases = {number: random_case(rng) for number in (1, 2, 3)}
    truth = make_truth({number: case[0] for number, case in cases.items()})
    poses = {number: case[1] for number, case in cases.items()}
    counts = analyze(truth, poses).counts()
    images = truth.images.values()
    assert counts.persons == counts.found + counts.poor + counts.missed
    states = (counts.good, counts.jitter, counts.swapped, counts.inversion, counts.miss)
    assert sum(states) == counts.labeled > 0
    assert counts.labeled + counts.lost == sum(i.labeled.sum() for i in images)
    fates = (counts.duplicates, counts.background, counts.ignored)
    assert sum(fates) + counts.found + counts.poor == 27

    shuffled = {}
    for number in (3, 1, 2):
        order = rng.permutation(9)
        p = poses[number]
        shuffled[number] = as_poses(
            p.keypoints[order], p.scores[order], p.keypoint_scores[order]
        )
    truth = make_truth({number: cases[number][0][::-1] for number in (2, 3, 1)})
    assert analyze(truth, shuffled).counts() == counts


def test_nothing_at_all(make_truth):
    truth = make_truth({1: [], 2: [person(LEFT)]})
    counts = analyze(truth, {}).counts()
    assert counts == ErrorCounts(persons=1, missed=1, lost=5)
    assert np.isnan(counts.rates()['swapped'])
    _, counts = analyze_one(make_truth, [], as_poses([BODY]))
    assert counts == ErrorCounts(background=1)


def test_poses_of_an_unknown_image_are_refused(make_truth):
    with pytest.raises(ValueError, match='image 7'):
        analyze(make_truth({1: []}), {7: as_poses([LEFT])})


def test_cost_of_an_image_in_persons(make_truth):
    """One missed, one with an OKS of 0.4, a duplicate and a pose of nobody."""
    mixed = RIGHT.copy()
    mixed[[0, 3, 4]] = MIDDLE[[0, 4, 3]]
    poses = as_poses([MIDDLE, MIDDLE, mixed, place_body(1700, 100)])
    persons = [person(MIDDLE), person(RIGHT), person(LEFT)]
    errors, _ = analyze_one(make_truth, persons, poses)
    assert errors.cost == pytest.approx(1 + 0.6 + 1 + 1)
    errors, _ = analyze_one(make_truth, [person(LEFT)], as_poses([LEFT]))
    assert errors.cost == 0


def test_crowd_indices_are_measured_where_none_is_given(make_truth):
    """Two of five keypoints lie in the one's box, one in the other's: 2/5 and 1/5."""
    shifted = LEFT + (150, 200)
    truth = make_truth({1: [person(LEFT), person(shifted)], 2: []})
    measured = with_crowd_indices(truth)
    assert measured[1].crowd_index == pytest.approx(0.3)
    assert measured[2].crowd_index == 0
    assert truth[1].crowd_index is None
    given = make_truth({1: [person(LEFT), person(shifted)]}, {1: 0.9})
    assert with_crowd_indices(given)[1].crowd_index == 0.9
