# SPDX-License-Identifier: Apache-2.0
"""The numbers of a report: CocoMetric's where it has them, whatever the data hold."""

import json

import numpy as np
import pytest

from centergroup_mm.coco import Poses, load_poses, load_truth
from centergroup_mm.lab.evaluation import FIXES, ErrorCounts
from centergroup_mm.lab.report import report_errors


def report_on(tested, poses, **options):
    meta = tested.metainfo
    return report_errors(
        tested.truth,
        poses,
        meta['sigmas'],
        meta['flip_indices'],
        tested.iou_type,
        **options,
    )


@pytest.fixture(scope='module')
def report(tested):
    return report_on(tested, load_poses(tested.results, tested.truth))


def test_average_precision_is_that_of_coco_metric(report, tested):
    found = report.numbers['ap']
    names = {'AP': 'ap', 'AP .5': 'ap50', 'AP .75': 'ap75', 'AR': 'ar'}
    for theirs, ours in names.items():
        assert found[ours] == pytest.approx(tested.metrics[theirs])
    assert 0.05 < found['ap'] < 0.95


def test_groups_add_up_to_the_whole(report):
    numbers = report.numbers
    crowding = [ErrorCounts(**g['counts']) for g in numbers['crowding'].values()]
    assert sum(crowding, ErrorCounts()).as_dict() == numbers['counts']
    sizes = [g['counts'] for g in numbers['sizes'].values()]
    for name in ('persons', 'missed', 'duplicates', 'swap', 'jitter', 'hallucinated'):
        assert sum(counts[name] for counts in sizes) == numbers['counts'][name]
    assert numbers['persons'] == numbers['counts']['persons'] > 10


def test_every_kind_of_error_is_counted_and_mended(report):
    numbers = report.numbers
    assert list(numbers['fixes']) == [*FIXES, 'all']
    counts = ErrorCounts(**numbers['counts'])
    for kind, fix in numbers['fixes'].items():
        assert fix['ap'] == pytest.approx(numbers['ap']['ap'] + fix['gain'])
        if fix['count'] is not None:
            assert fix['count'] == getattr(counts, kind)
    assert numbers['fixes']['swapped']['gain'] > 0
    assert numbers['fixes']['all']['ap'] > 0.95


def test_the_worst_images_come_first(report):
    costs = [entry['cost'] for entry in report.numbers['worst']]
    everything = sorted((image.cost for image in report.analysis.images), reverse=True)
    assert costs == everything[:6]
    assert [image.cost for image in report.worst] == costs


def test_no_pose_at_all(tested):
    report = report_on(tested, {})
    numbers = json.loads(json.dumps(report.numbers, allow_nan=False))
    assert numbers['ap']['ap'] == numbers['poses'] == 0
    assert numbers['pose_threshold'] is None
    assert numbers['fixes']['missed']['count'] == numbers['persons']
    assert numbers['fixes']['missed']['ap'] == 1
    assert numbers['rates']['swapped'] is None


@pytest.mark.parametrize('types', [1, 5])
def test_one_person_of_any_number_of_types(tmp_path, types):
    points = np.arange(2.0 * types).reshape(types, 2) * 40 + 10
    keypoints = np.column_stack([points, np.full(types, 2)]).ravel().tolist()
    person = dict(
        id=1,
        image_id=7,
        category_id=1,
        keypoints=keypoints,
        bbox=[0, 0, 400, 400],
        area=160000.0,
        iscrowd=0,
    )
    category = dict(id=1, name='p', keypoints=[f'k{k}' for k in range(types)])
    image = dict(id=7, file_name='a.jpg', width=500, height=500)
    content = dict(images=[image], annotations=[person], categories=[category])
    (tmp_path / 'truth.json').write_text(json.dumps(content))
    truth = load_truth(tmp_path / 'truth.json')
    poses = {7: Poses(points[None], np.ones((1, types)), np.array([0.5]))}
    sigmas, flip = np.full(types, 0.05), np.arange(types)
    report = report_errors(truth, poses, sigmas, flip)
    assert report.numbers['ap']['ap'] == pytest.approx(1)
    assert report.worst == []
    assert report.numbers['pose_threshold'] == 0.5
    with pytest.raises(ValueError, match=f'{types} keypoint types, the metainfo 17'):
        report_errors(truth, poses, np.ones(17), np.arange(17))
