# SPDX-License-Identifier: Apache-2.0
"""Average precision by hand, and as the host computes it."""

import json

import numpy as np
import pytest
from mmpose.evaluation.metrics import CocoMetric

from centergroup_mm.coco import load_poses, load_truth
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd
from centergroup_mm.lab.evaluation import (
    average_precision,
    average_precision_by_crowd_level,
)

from .conftest import NUM_KEYPOINTS, SIGMAS, as_poses, person, place_body, region

LEFT, MIDDLE, RIGHT, FAR = (place_body(x) for x in (200, 700, 1200, 1700))
# Precision 1 up to a recall of 0.5, at 51 of the 101 recalls that are averaged.
HALF = 51 / 101


def test_truth_scores_one(make_truth):
    truth = make_truth({1: [person(LEFT), person(MIDDLE)], 2: [person(RIGHT)]})
    poses = {1: as_poses([MIDDLE, LEFT]), 2: as_poses([RIGHT])}
    found = average_precision(truth, poses, SIGMAS)
    # The area is 100^2 px^2, above COCO's border of 96^2.
    expected = dict(ap=1, ap50=1, ap75=1, ap_large=1, ar=1)
    assert {name: found.as_dict()[name] for name in expected} == pytest.approx(expected)
    assert np.isnan(found.ap_medium)


def test_sizes(make_truth):
    truth = make_truth({1: [person(LEFT, area=96.0**2 - 1), person(RIGHT)]})
    found = average_precision(truth, {1: as_poses([RIGHT])}, SIGMAS)
    assert found.ap_medium == 0
    assert found.ap_large == pytest.approx(1)
    assert found.ap == pytest.approx(HALF)


@pytest.mark.parametrize(
    ('keypoints', 'scores', 'expected'),
    [
        ([LEFT], [0.5], HALF),
        # Wrong first: a precision of 2/3 wherever it can still be reached.
        ([LEFT, RIGHT, MIDDLE], [0.5, 0.9, 0.6], 2 / 3),
        # Wrong last costs nothing, wherever it is listed.
        ([RIGHT, LEFT, MIDDLE], [0.1, 0.5, 0.9], 1),
        # A duplicate between them: precision 1 up to half, 2/3 above.
        ([LEFT, LEFT, MIDDLE], [0.9, 0.8, 0.7], (51 + 50 * 2 / 3) / 101),
        # Only the best 20 poses of an image count.
        ([RIGHT] * 20 + [LEFT, MIDDLE], [*np.linspace(0.5, 0.6, 20), 0.1, 0.2], 0),
        ([RIGHT] * 20 + [LEFT, MIDDLE], [*np.linspace(0.1, 0.2, 20), 0.6, 0.5], 1),
        ([], [], 0),
    ],
)
def test_ranking_by_hand(make_truth, keypoints, scores, expected):
    truth = make_truth({1: [person(LEFT), person(MIDDLE)]})
    found = average_precision(truth, {1: as_poses(keypoints, scores)}, SIGMAS)
    assert found.ap == pytest.approx(expected)


def test_thresholds_by_hand(make_truth):
    """All keypoints 10 px off: an OKS of exp(-0.5), 0.607, passes 3 of 10."""
    truth = make_truth({1: [person(LEFT)]})
    found = average_precision(truth, {1: as_poses([LEFT + (6, 8)])}, SIGMAS)
    assert (found.ap, found.ap50, found.ap75) == pytest.approx((0.3, 1, 0))
    assert found.ar == pytest.approx(0.3)


def test_areas_of_boxes(make_truth):
    """0.53 x 300 x 400 px^2: at 30 px the OKS is exp(-0.708), 0.493."""
    truth = make_truth({1: [person(LEFT)]}, use_area=False)
    for offset, expected in ((30, 0), (29, 1)):
        found = average_precision(truth, {1: as_poses([LEFT + (0, offset)])}, SIGMAS)
        assert found.ap50 == pytest.approx(expected)


def test_poses_in_ignore_regions_cost_nothing(make_truth):
    persons = [person(LEFT), region([1600.0, 450.0, 300.0, 500.0])]
    poses = {1: as_poses([FAR, FAR + 3, LEFT])}
    found = average_precision(make_truth({1: persons}), poses, SIGMAS)
    assert found.ap == pytest.approx(1)
    found = average_precision(make_truth({1: persons[:1]}), poses, SIGMAS)
    assert found.ap == pytest.approx(1 / 3)


def test_an_annotation_of_id_zero_counts(make_truth):
    """Earlier evaluations took the id 0 of a match for no match."""
    truth = make_truth({1: [person(LEFT)]})
    truth.annotations[0]['id'] = 0
    found = average_precision(truth, {1: as_poses([LEFT])}, SIGMAS)
    assert found.ap == pytest.approx(1)


def test_subsets_and_order_of_images(make_truth):
    images = {5: [person(LEFT)], 2: [person(MIDDLE)], 9: [person(RIGHT)]}
    poses = {
        5: as_poses([LEFT], [0.5]),
        2: as_poses([FAR], [0.9]),
        9: as_poses([FAR, RIGHT], [0.4, 0.6]),
    }
    truth = make_truth(images)
    before = json.dumps(truth.annotations)
    whole = average_precision(truth, poses, SIGMAS)
    again = make_truth(dict(reversed(images.items())))
    assert average_precision(again, poses, SIGMAS).ap == whole.ap
    assert whole.ap == pytest.approx(67 / 101 * 2 / 3)
    for image_id, expected in ((5, 1), (2, 0), (9, 1)):
        found = average_precision(truth, poses, SIGMAS, [image_id])
        assert found.ap == pytest.approx(expected)
    both = average_precision(truth, poses, SIGMAS, (9, 5))
    assert both.ap == pytest.approx(1)
    assert json.dumps(truth.annotations) == before


def test_crowd_levels_by_hand(make_truth):
    """Borders at 0.2 and 0.8; every level is ranked on its own."""
    pair = [person(LEFT), person(MIDDLE)]
    images = {1: pair, 2: pair, 3: pair, 4: pair}
    indices = {1: 0.1999, 2: 0.2, 3: 0.7999, 4: 0.8}
    poses = {
        1: as_poses([LEFT, MIDDLE], [0.2, 0.1]),
        2: as_poses([LEFT], [0.9]),
        3: as_poses([MIDDLE], [0.8]),
        4: as_poses([FAR], [0.99]),
    }
    truth = make_truth(images, indices)
    found = average_precision_by_crowd_level(truth, poses, SIGMAS)
    assert [found[level].ap for level in ('easy', 'medium', 'hard')] == pytest.approx(
        [1, HALF, 0]
    )
    none = make_truth(images, dict.fromkeys(indices, 0.5))
    assert np.isnan(average_precision_by_crowd_level(none, {}, SIGMAS)['hard'].ap)


def test_crowdpose_ignores_persons_without_visible_keypoints(make_truth):
    hidden = person(RIGHT, 1, num_keypoints=0)
    truth = make_truth({1: [person(LEFT), hidden]})
    poses = {1: as_poses([LEFT])}
    for iou_type, expected in (('keypoints', HALF), ('keypoints_crowd', 1)):
        found = average_precision(truth, poses, SIGMAS, iou_type=iou_type)
        assert found.ap == pytest.approx(expected)


def test_nothing_is_printed(make_truth, capsys):
    truth = make_truth({1: [person(LEFT)]}, {1: 0.5})
    average_precision_by_crowd_level(truth, {1: as_poses([LEFT])}, SIGMAS)
    assert capsys.readouterr().out == ''


def test_wrong_arguments_are_named(make_truth):
    truth = make_truth({1: []})
    with pytest.raises(ValueError, match='image id 3'):
        average_precision(truth, {}, SIGMAS, [3])
    with pytest.raises(ValueError, match='image id 4'):
        average_precision(truth, {4: as_poses([LEFT])}, SIGMAS)
    with pytest.raises(ValueError, match="'bbox'"):
        average_precision(truth, {}, SIGMAS, iou_type='bbox')


@pytest.fixture(scope='module', params=['coco', 'crowdpose'])
def crowd(request, tmp_path_factory):
    """Annotations of a small crowd whose levels are all taken, and the types."""
    folder = tmp_path_factory.mktemp('evaluation') / 'crowd'
    keypoints = request.param
    generate_crowd(folder, CrowdSpec(0, 12, 96, crowding=0.8, keypoints=keypoints))
    path = folder / 'annotations' / 'val.json'
    content = json.loads(path.read_text())
    for index, image in enumerate(content['images']):
        image['crowdIndex'] = (0.1, 0.2, 0.5, 0.8)[index % 4]
    path.write_text(json.dumps(content))
    return path, keypoints == 'crowdpose'


def disturb(persons, rng, with_boxes):
    """What a mediocre method might find: noise, people lost and poses of nobody."""
    count, types = persons.visibility.shape
    kept = rng.random(count) < 0.8
    noise = rng.normal(0, 1.5, (count, types, 2)) * rng.choice(
        [0.3, 1, 3], (count, 1, 1)
    )
    keypoints = np.concatenate(
        [(persons.keypoints + noise)[kept], rng.uniform(0, 96, (2, types, 2))]
    )
    found = len(keypoints)
    corners, extents = keypoints.min(1), np.ptp(keypoints, axis=1)
    boxes = dict(bboxes=np.concatenate([corners, corners + 1.2 * extents], axis=1))
    return dict(
        keypoints=keypoints,
        keypoint_scores=rng.uniform(0.1, 1, (found, types)),
        bbox_scores=rng.permutation(found) / found + rng.uniform(0, 0.01, found),
        **(boxes if with_boxes else {}),
    )


@pytest.mark.parametrize('with_boxes', [False, True])
def test_equals_coco_metric(crowd, tmp_path, with_boxes):
    ann_file, is_crowdpose = crowd
    truth = load_truth(ann_file, use_area=not is_crowdpose)
    sigmas = np.linspace(0.03, 0.1, truth.num_keypoints)
    iou_type = 'keypoints_crowd' if is_crowdpose else 'keypoints'
    metric = CocoMetric(
        ann_file=str(ann_file),
        use_area=not is_crowdpose,
        iou_type=iou_type,
        score_mode='bbox',
        nms_mode='none',
        outfile_prefix=str(tmp_path / 'results'),
    )
    metric.dataset_meta = dict(sigmas=sigmas, num_keypoints=truth.num_keypoints)
    rng = np.random.default_rng(0)
    samples = [
        dict(
            id=[image_id],
            img_id=image_id,
            pred_instances=disturb(image, rng, with_boxes),
            gt_instances={},
        )
        for image_id, image in truth.images.items()
    ]
    metric.process({}, samples)
    expected = metric.compute_metrics(metric.results)

    poses = load_poses(tmp_path / 'results.keypoints.json', truth)
    found = average_precision(truth, poses, sigmas, iou_type=iou_type)
    names = {'AP': found.ap, 'AP .5': found.ap50, 'AP .75': found.ap75, 'AR': found.ar}
    if is_crowdpose:
        levels = average_precision_by_crowd_level(truth, poses, sigmas)
        for key, level in (('E', 'easy'), ('M', 'medium'), ('H', 'hard')):
            # xtcocotools rounds these.
            assert levels[level].ap == pytest.approx(expected[f'AP({key})'], abs=6e-5)
            assert 0.05 < levels[level].ap < 0.95
    else:
        sizes = {'M': found.ap_medium, 'L': found.ap_large}
        for key, value in sizes.items():
            value = -1 if np.isnan(value) else value
            assert value == pytest.approx(expected[f'AP ({key})'])
    assert names == pytest.approx({name: expected[name] for name in names})
    assert 0.05 < found.ap < 0.95
    assert truth.num_keypoints != NUM_KEYPOINTS
