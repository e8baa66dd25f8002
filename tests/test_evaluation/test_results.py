# SPDX-License-Identifier: Apache-2.0
"""Reading annotations and results, and what is wrong with them."""

import json

import numpy as np
import pytest

from centergroup_mm.coco import (
    Poses,
    keypoint_similarity,
    load_poses,
    load_truth,
    object_keypoint_similarity,
    poses_from_records,
    poses_to_records,
    region_similarity,
)

from .conftest import AREA, NUM_KEYPOINTS, SIGMAS, as_poses, person, place_body, region

LEFT, RIGHT = place_body(200), place_body(1200)


def test_persons_and_regions_are_told_apart(make_truth):
    labels = [2, 1, 0, 2, 1]
    persons = [
        person(LEFT, labels, area=50.0),
        region([1, 2, 30, 40]),
        region([5, 6, 70, 80], iscrowd=0),
        # CrowdPose counts visible keypoints only.
        person(RIGHT, 1, num_keypoints=0),
    ]
    images, crowding = {4: persons, 9: []}, {4: 0.25, 9: 0}
    truth = make_truth(images, crowding, iou_type='keypoints_crowd')
    image = truth[4]
    assert (len(truth), len(image), len(truth[9])) == (2, 1, 0)
    assert (image.file_name, image.crowd_index) == ('4.jpg', 0.25)
    np.testing.assert_array_equal(image.keypoints, [LEFT])
    assert image.visibility.tolist() == [labels]
    assert image.labeled.tolist() == [[True, True, False, True, True]]
    assert image.areas.tolist() == [50]
    assert image.boxes.tolist() == [[50, 500, 300, 400]]
    assert image.region_areas.tolist() == [1200, 5600, AREA]
    assert truth[9].keypoints.shape == (0, NUM_KEYPOINTS, 2)
    # COCO's evaluation counts labeled keypoints itself.
    counted = make_truth(images, crowding)[4].keypoints
    np.testing.assert_array_equal(counted, [LEFT, RIGHT])


def test_areas_of_boxes(make_truth):
    annotation = person(LEFT)
    del annotation['area']
    truth = make_truth({1: [annotation]}, use_area=False)
    assert truth[1].areas == pytest.approx([0.53 * 300 * 400])
    with pytest.raises(ValueError, match=r'truth.json: annotation 1 .*use_area=False'):
        make_truth({1: [annotation]})


def test_faulty_annotations_are_named(make_truth):
    with pytest.raises(ValueError, match=r'truth.json: annotation 1 has 15 .* 51'):
        make_truth({1: [person(LEFT)]}, num_keypoints=17)
    with pytest.raises(ValueError, match='annotation 1 has the keypoint value nan'):
        make_truth({1: [person(LEFT * np.nan, bbox=[0, 0, 1, 1])]})


def test_people_without_a_size_cannot_be_judged(make_truth):
    flat = [person(LEFT, area=0), person(RIGHT, area=0.2), region([1, 2, 30, 40])]
    with pytest.raises(ValueError, match=r'all 2 people have an area .*--no-area'):
        make_truth({1: flat})
    assert len(make_truth({1: flat}, use_area=False)[1]) == 2
    assert len(make_truth({1: [*flat, person(LEFT)]})[1]) == 3


def test_nothing_labeled_and_a_byte_order_mark(make_truth, tmp_path):
    empty = region([5, 6, 70, 80], iscrowd=0, keypoints=[])
    truth = make_truth({1: [person(LEFT), empty]})
    assert (len(truth[1]), truth[1].region_areas.tolist()) == (1, [5600])
    path = tmp_path / 'truth.json'
    path.write_text(path.read_text(), encoding='utf-8-sig')
    assert len(load_truth(path)[1]) == 1


def test_results_come_back_as_written(make_truth, tmp_path):
    truth = make_truth({1: [], 2: [], 3: []})
    rng = np.random.default_rng(0)
    poses = {
        3: as_poses([LEFT, RIGHT], keypoint_scores=rng.random((2, NUM_KEYPOINTS))),
        1: as_poses([LEFT]),
    }
    path = tmp_path / 'results.json'
    path.write_text(json.dumps(poses_to_records(poses, 1)))
    loaded = load_poses(path, truth)
    assert list(loaded) == [1, 2, 3]
    assert len(loaded[2]) == 0
    for image_id, found in poses.items():
        np.testing.assert_array_equal(loaded[image_id].keypoints, found.keypoints)
        np.testing.assert_array_equal(loaded[image_id].scores, found.scores)
        np.testing.assert_array_equal(
            loaded[image_id].keypoint_scores, found.keypoint_scores
        )


def test_boxes_are_written_for_all_poses_or_none(make_truth):
    truth = make_truth({1: [], 2: []})
    records = poses_to_records({1: as_poses([LEFT]), 2: as_poses([RIGHT])}, 1)
    assert 'bbox' not in records[0]
    records[0]['bbox'] = [1, 2, 3, 4]
    half = poses_from_records(records, truth)
    assert half[1].boxes.tolist() == [[1, 2, 3, 4]]
    assert not any('bbox' in record for record in poses_to_records(half, 1))
    records[1]['bbox'] = [5, 6, 7, 8]
    whole = poses_from_records(records, truth)
    assert poses_to_records(whole, 1)[1]['bbox'] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(image_id=8), r'made: pose number 1 has the image_id 8.*truth.json'),
        (dict(keypoints=[1.0] * 51), r'made: pose number 1 has 51 .* expected 15'),
        (dict(score=float('nan')), 'pose number 1 holds the value nan'),
        (dict(keypoints=[float('inf')] * 15), 'holds the value inf'),
        (dict(bbox=[0, 0, float('inf'), 1]), 'holds the value inf'),
        (dict(bbox=[0, 0]), 'pose number 1 has 2 numbers in "bbox"; expected 4'),
        (dict(bbox=7), 'pose number 1: "bbox" is 7; expected a list'),
        (dict(image_id=[1]), r'pose number 1 has the image_id \[1\]'),
        (dict(keypoints=None), 'pose number 1: "keypoints" is None; expected a list'),
        (dict(keypoints=['a'] * 15), "holds the value 'a'"),
        (dict(keypoints=[[1, 2, 3]] * 15), r'holds the value \[1, 2, 3\]'),
        (dict(score='1'), "holds the value '1'"),
        (dict(score=None), 'holds the value None'),
    ],
)
def test_faulty_results_are_named(make_truth, change, message):
    truth = make_truth({1: []})
    records = poses_to_records({1: as_poses([LEFT, RIGHT])}, 1)
    records[1] |= change
    with pytest.raises(ValueError, match=message):
        poses_from_records(records, truth, 'made')


def test_incomplete_results_are_named(make_truth, tmp_path):
    truth = make_truth({1: []})
    records = poses_to_records({1: as_poses([LEFT])}, 1)
    del records[0]['score']
    with pytest.raises(ValueError, match='pose number 0 has no "score"'):
        poses_from_records(records, truth)
    with pytest.raises(ValueError, match='pose number 0 is a int; expected a pose'):
        poses_from_records([1], truth)
    with pytest.raises(ValueError, match='holds a dict'):
        poses_from_records({}, truth)
    with pytest.raises(FileNotFoundError, match='nowhere.json'):
        load_poses(tmp_path / 'nowhere.json', truth)
    (tmp_path / 'text.json').write_text('no')
    with pytest.raises(ValueError, match='not a JSON file'):
        load_poses(tmp_path / 'text.json', truth)


def test_results_without_end_and_long_values_are_told(make_truth, tmp_path):
    truth = make_truth({1: []})
    (tmp_path / 'deep.json').write_text('[' * 100_000)
    with pytest.raises(ValueError, match=r'deep\.json is not a JSON file'):
        load_poses(tmp_path / 'deep.json', truth)
    for key in ('image_id', 'bbox', 'score'):
        records = poses_to_records({1: as_poses([LEFT])}, 1)
        records[0][key] = 'x' * 1_000_000
        with pytest.raises(ValueError, match=r'x\.\.\.x') as raised:
            poses_from_records(records, truth)
        assert len(str(raised.value)) < 500


def test_names_of_keypoints_must_be_a_list(tmp_path):
    category = dict(id=1, name='person', keypoints=True)
    content = dict(images=[], annotations=[], categories=[category])
    (tmp_path / 'a.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'a\.json: "keypoints".* are True; expected'):
        load_truth(tmp_path / 'a.json')


def test_arrays_must_fit():
    points, scores = np.zeros((2, 3, 2)), np.zeros((2, 3))
    with pytest.raises(ValueError, match=r'scores have the shape \(3,\), not \(2,\)'):
        Poses(points, scores, np.zeros(3))
    with pytest.raises(ValueError, match='not finite'):
        Poses(points * np.nan, scores, np.zeros(2))
    with pytest.raises(ValueError, match=r'not \(N, K, 2\)'):
        Poses(np.zeros((2, 3)), scores, np.zeros(2))


def test_similarity_by_hand():
    sigmas = np.array([0.05, 0.1])
    targets = np.zeros((2, 2))
    points = np.array([[3.0, 4.0], [3.0, 4.0]])
    found = keypoint_similarity(points, targets, np.array(100.0), sigmas)
    # 25 / (2 * 100 * 0.01) and 25 / (2 * 100 * 0.04).
    assert found == pytest.approx(np.exp([-12.5, -3.125]))


def test_oks_is_the_mean_over_labeled_keypoints():
    pose = LEFT.copy()
    pose[1] += (6, 8)
    labeled = np.array([[1, 1, 0, 0, 0], [0, 0, 0, 0, 1], [0] * 5], dtype=bool)
    found = object_keypoint_similarity(
        pose[None], np.array([LEFT] * 3), labeled, np.full(3, AREA), SIGMAS
    )
    assert found[0] == pytest.approx([(1 + np.exp(-0.5)) / 2, 1, 0])


def test_regions_reach_a_box_further():
    """A box of 10 x 20 px at (100, 100) holds x 90 to 120 and y 80 to 140."""
    points = np.array([[90, 80], [120, 140], [105, 105], [80, 100], [110, 150]], float)
    box = np.array([[100.0, 100, 10, 20]])
    found = region_similarity(points[None], box, np.array([AREA]), SIGMAS)
    assert found[0, 0] == pytest.approx((3 + 2 * np.exp(-0.5)) / 5)
