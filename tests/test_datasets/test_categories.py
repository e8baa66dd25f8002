# SPDX-License-Identifier: Apache-2.0
"""Several categories with the same keypoints, learned and evaluated as one."""

import copy
import json

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from centergroup_mm.coco import load_truth
from centergroup_mm.coco.categories import as_one_category

NAMES = ['head', 'left_hand', 'right_hand', 'left_foot', 'right_foot']
CAT = {'id': 7, 'name': 'cat', 'keypoints': NAMES}
DOG = {'id': 3, 'name': 'dog', 'keypoints': NAMES}
TREE = {'id': 2, 'name': 'tree'}


@pytest.fixture
def animals(make_content, person):
    """A cat and a dog on one image, a dog on another; no "iscrowd"."""

    def make(cat=7, dog=3, categories=(CAT, DOG, TREE)):
        left, right = [], []
        for x, y in ((30, 10), (20, 20), (40, 20), (25, 45), (35, 45)):
            left += [x - 15, y, 2]
            right += [x + 35, y, 2]
        images = [
            {'id': i, 'file_name': 'one.png', 'width': 80, 'height': 60} for i in (1, 2)
        ]
        return make_content(
            person(1, category_id=cat, keypoints=left, iscrowd=None),
            person(2, category_id=dog, keypoints=right, iscrowd=None),
            person(4, category_id=dog, keypoints=right, image_id=2, iscrowd=None),
            images=images,
            categories=list(categories),
        )

    return make


def test_several_are_an_error_that_names_the_way_out(build_dataset, animals):
    with pytest.raises(ValueError, match=r'2 categories .*merge_categories=True'):
        build_dataset(animals())


def test_they_are_one_on_request(build_dataset, animals):
    dataset = build_dataset(animals(), merge_categories=True)
    assert [sample['id'] for sample in dataset] == [[1, 2], [4]]
    assert [sample['category_id'] for sample in dataset] == [3, 3]
    raw = [person for sample in dataset for person in sample['raw_ann_info']]
    assert [person['category_id'] for person in raw] == [3, 3, 3]
    assert [person['iscrowd'] for person in raw] == [0, 0, 0]


def test_what_is_merged_is_logged(build_dataset, animals, messages):
    build_dataset(animals(), merge_categories=True)
    (message,) = messages()
    assert 'annotations.json: its 2 categories with keypoints are taken' in message
    assert message.endswith('as one, 3: dog, cat')


def test_content_itself_stays(animals):
    content = animals()
    before = copy.deepcopy(content)
    merged, _ = as_one_category(content, 'zoo.json')
    assert content == before
    one = {'id': 3, 'name': 'dog and 1 more', 'keypoints': NAMES}
    assert merged['categories'] == [one, TREE]


def test_one_category_needs_no_merging(animals):
    content = animals(cat=3, categories=(DOG, TREE))
    same, remark = as_one_category(content, 'zoo.json')
    assert same is content
    assert not remark


def test_categories_that_name_no_keypoints(build_dataset, animals):
    categories = [{'id': 7, 'name': 'cat'}, {'id': 3, 'name': 'dog'}]
    dataset = build_dataset(animals(categories=categories), merge_categories=True)
    assert len(dataset[0]['keypoints']) == 2


@pytest.mark.parametrize('keypoints', [NAMES[:4], NAMES[::-1]])
def test_different_keypoints_are_not_merged(build_dataset, animals, keypoints):
    content = animals(categories=[dict(CAT, keypoints=keypoints), DOG])
    with pytest.raises(ValueError, match=r"s\.json: .* 3 \('dog'\) and 7 \('cat'\)"):
        build_dataset(content, merge_categories=True)


def test_category_that_is_not_listed(build_dataset, animals):
    with pytest.raises(ValueError, match=r'annotation 1 .* 5, which .* one of \[2, 3,'):
        build_dataset(animals(cat=5), merge_categories=True)


@pytest.mark.parametrize('ids', [(7, 3), (3, 7)])
def test_exact_poses_reach_full_ap(build_dataset, animals, test_pipeline, ids):
    """By the host's own metric, whichever category an annotation is of."""
    dataset = build_dataset(
        animals(*ids), merge_categories=True, test_mode=True, pipeline=test_pipeline()
    )
    evaluator = Evaluator({'type': 'CocoMetric', 'nms_mode': 'none'})
    evaluator.dataset_meta = dataset.metainfo
    for packed in dataset:
        sample = packed['data_samples']
        poses = [person['keypoints'] for person in sample.raw_ann_info]
        poses = np.array(poses, dtype=np.float32).reshape(-1, 5, 3)
        sample.pred_instances = InstanceData(
            keypoints=poses[..., :2],
            keypoint_scores=np.ones(poses.shape[:2], dtype=np.float32),
            bbox_scores=np.ones(len(poses), dtype=np.float32),
        )
        evaluator.process([sample])
    metrics = evaluator.evaluate(len(dataset))
    assert metrics['coco/AP'] == pytest.approx(1)
    assert metrics['coco/AR'] == pytest.approx(1)


def test_error_report_reads_them_as_one(animals, tmp_path):
    (tmp_path / 'zoo.json').write_text(json.dumps(animals()))
    with pytest.raises(ValueError, match=r'2 categories .*merge_categories'):
        load_truth(tmp_path / 'zoo.json')
    truth = load_truth(tmp_path / 'zoo.json', merge_categories=True)
    assert truth.category['id'] == 3
    assert [len(truth[image].keypoints) for image in (1, 2)] == [2, 1]
