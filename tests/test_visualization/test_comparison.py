# SPDX-License-Identifier: Apache-2.0
"""The most crowded images, and the picture that compares poses with annotations."""

import json

import cv2
import numpy as np
import pytest

from centergroup_mm.coco import most_crowded
from centergroup_mm.visualization import draw_comparison, predicted_people

CATEGORY = {'id': 1, 'name': 'p', 'keypoints': ['head', 'foot'], 'skeleton': [[1, 2]]}


@pytest.fixture
def crowd(tmp_path):
    """Four images of 48 px; from the second on two are equally crowded."""
    images, annotations = [], []
    for number, (index, count) in enumerate([(0.1, 5), (0.9, 1), (0.9, 2), (0.4, 0)]):
        name = f'{number}.png'
        images.append({'id': 7 * number, 'file_name': name, 'crowdIndex': index})
        cv2.imwrite(str(tmp_path / name), np.full((48, 48, 3), 90, np.uint8))
        annotations += [
            {
                'image_id': 7 * number,
                'bbox': [1, 2, 30, 40],
                'keypoints': [9 + 25 * person, 9, 2, 9 + 25 * person, 30, 1],
            }
            for person in range(count)
        ]
    ignored = {'image_id': 7, 'bbox': [1, 2, 30, 40]}
    annotations.append({'keypoints': [3, 3, 2, 0, 0, 0], 'iscrowd': 1, **ignored})
    annotations.append({'keypoints': [0] * 6, **ignored})
    annotations.append(dict(ignored))
    for number, annotation in enumerate(annotations):
        annotation |= {'id': number, 'category_id': 1}
    content = {
        'images': images,
        'annotations': annotations,
        'categories': [CATEGORY],
    }
    path = tmp_path / 'val.json'
    path.write_text(json.dumps(content))
    return path


def test_the_most_crowded_come_first(crowd):
    names = [image.file_name for image in most_crowded(crowd, 3).images.values()]
    assert names == ['2.png', '1.png', '3.png']
    assert len(most_crowded(crowd, 12)) == 4


def test_annotations_become_people_and_regions(crowd):
    truth = most_crowded(crowd, 2)
    assert list(truth.images) == [14, 7]
    image = truth[7]
    assert image.keypoints.tolist() == [[[9, 9], [9, 30]]]
    assert image.visibility.tolist() == [[2, 1]]
    assert image.region_boxes.tolist() == [[1, 2, 30, 40]] * 3
    assert truth.skeleton == [(0, 1)]
    assert {a['image_id'] for a in truth.annotations} == {7, 14}


@pytest.mark.parametrize('links', [None, []])
def test_a_file_need_not_say_what_to_connect(crowd, links):
    content = json.loads(crowd.read_text())
    content['categories'][0]['skeleton'] = links
    crowd.write_text(json.dumps(content))
    assert most_crowded(crowd, 1).skeleton == []


@pytest.mark.parametrize('links', ['x', [[1, 2, 1]], [[0, 1]], [[1, 3]], [[1, 2.0]]])
def test_links_of_something_else_are_refused(crowd, links):
    content = json.loads(crowd.read_text())
    content['categories'][0]['skeleton'] = links
    crowd.write_text(json.dumps(content))
    truth = most_crowded(crowd, 1)
    with pytest.raises(ValueError, match='val.json: "skeleton" .* from 1 to 2'):
        _ = truth.skeleton


def test_a_file_without_crowd_index_is_refused(crowd):
    content = json.loads(crowd.read_text())
    del content['images'][2]['crowdIndex']
    crowd.write_text(json.dumps(content))
    with pytest.raises(ValueError, match='val.json: image 14 has no "crowdIndex"'):
        most_crowded(crowd, 1)


def test_a_broken_file_is_refused(crowd):
    text = crowd.read_text()
    crowd.write_text(text, encoding='utf-8-sig')
    assert len(most_crowded(crowd, 12)) == 4
    content = json.loads(text)
    content['annotations'][0]['keypoints'][2] = 3
    crowd.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'val\.json: annotation 0 .*visibility 3'):
        most_crowded(crowd, 1)
    crowd.write_text(json.dumps(dict(content, categories=[])))
    with pytest.raises(ValueError, match='0 categories that may hold keypoints'):
        most_crowded(crowd, 1)


def test_unsure_keypoints_are_not_shown():
    poses = [{'keypoints': [[1, 2], [3, 4]], 'keypoint_scores': [0.4, 0.6]}]
    assert predicted_people(poses, 2).visibility.tolist() == [[0, 2]]
    assert predicted_people([], 2).keypoints.shape == (0, 2, 2)


def test_a_right_pose_looks_like_the_truth(crowd, tmp_path):
    images = most_crowded(crowd, 1)
    # In another order than annotated.
    poses = [
        {'keypoints': [[x, 9], [x, 30]], 'keypoint_scores': [1, 0.9]} for x in (34, 9)
    ]
    grid = draw_comparison(tmp_path, images, [poses])
    side = 48 * 3 // 2
    picture, found, truth = (
        grid[30 : 30 + side, left : left + side].astype(int)
        for left in (0, side + 6, 2 * (side + 6))
    )
    assert (picture == 90).all()
    # Halfway down the two limbs; the ends differ, where the truth has rings.
    middle = slice(26, 34)
    assert (found[middle] != 90).any()
    assert (found[middle] == truth[middle]).all()


def test_a_missing_image_is_named(crowd, tmp_path):
    images = most_crowded(crowd, 1)
    (tmp_path / '2.png').unlink()
    with pytest.raises(FileNotFoundError, match='2.png'):
        draw_comparison(tmp_path, images, [[]])
