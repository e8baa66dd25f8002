# SPDX-License-Identifier: Apache-2.0
"""Reading and checking of annotations."""

import json
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from reprlib import repr as short_repr
from threading import Thread

import numpy as np
import pytest

from centergroup_mm.coco.annotations import read_annotation_file


def test_persons_and_ignore_regions(build_dataset, make_content, person):
    crowd = {'size': [60, 80], 'counts': [0, 4800]}
    dataset = build_dataset(
        make_content(
            person(7),
            person(8, iscrowd=1, segmentation=crowd),
            person(9, keypoints=[0] * 15, segmentation=[[0, 0, 9, 0, 9, 9]]),
            person(10, keypoints=None, num_keypoints=None),
            person(11, bbox=[5.0, 5.0, 0.0, 10.0]),
        )
    )
    sample = dataset[0]
    assert sample['id'] == [7, 8, 9, 10, 11]
    assert [region['id'] for region in sample['ignore_regions']] == [8, 9, 10, 11]
    assert sample['ignore_regions'][0]['segmentation'] == crowd
    assert sample['ignore_regions'][2]['segmentation'] is None
    assert sample['keypoints'].shape == (1, 5, 2)
    np.testing.assert_array_equal(sample['keypoints_visible'], [[1, 1, 1, 1, 0]])
    np.testing.assert_array_equal(sample['bbox'], [[15, 5, 45, 50]])
    assert sample['flip_indices'] == [0, 2, 1, 4, 3]


def test_boxes_are_not_clipped_to_the_size_in_the_file(
    build_dataset, make_content, person
):
    image = {'id': 1, 'file_name': 'one.png', 'width': 20, 'height': 20}
    dataset = build_dataset(make_content(person(), images=[image]))
    np.testing.assert_array_equal(dataset[0]['bbox'], [[15, 5, 45, 50]])


def test_images_without_persons(build_dataset, make_content, person, test_pipeline):
    images = [{'id': i, 'file_name': 'one.png'} for i in (1, 2)]
    content = make_content(person(), images=images)
    assert [sample['img_id'] for sample in build_dataset(content)] == [1]

    tested = build_dataset(content, test_mode=True, pipeline=test_pipeline())
    assert [packed['data_samples'].img_id for packed in tested] == [1, 2]
    empty = tested[1]['data_samples']
    assert empty.id == []
    assert empty.category_id == 1
    assert empty.gt_instances.keypoints.shape == (0, 5, 2)


def test_image_of_a_crowd_alone_is_trained_on_beside_others(
    build_dataset, make_content, person
):
    images = [{'id': i, 'file_name': 'one.png'} for i in (1, 2)]
    content = make_content(person(1), person(2, image_id=2, iscrowd=1), images=images)
    assert [len(sample['keypoints']) for sample in build_dataset(content)] == [1, 0]


def test_other_categories_are_left_out(build_dataset, make_content, person):
    categories = [
        {'id': 1, 'name': 'person', 'keypoints': ['head']},
        {'id': 2, 'name': 'dog'},
    ]
    dog = {'id': 5, 'image_id': 1, 'category_id': 2}
    dataset = build_dataset(make_content(person(), dog, categories=categories))
    assert dataset[0]['id'] == [1]


def test_crowd_index(build_dataset, make_content, person):
    image = {'id': 1, 'file_name': 'one.png', 'crowdIndex': 0.4}
    assert (
        build_dataset(make_content(person(), images=[image]))[0]['crowd_index'] == 0.4
    )


def test_sample_interval(build_dataset, make_content, person):
    images = [{'id': i, 'file_name': 'one.png'} for i in range(4)]
    people = [person(i + 1, image_id=i) for i in range(4)]
    dataset = build_dataset(make_content(*people, images=images), sample_interval=2)
    assert [sample['img_id'] for sample in dataset] == [0, 2]


FAULTS = {
    'no box': ({'bbox': None}, r'annotation 3 has no "bbox"'),
    'negative box': ({'bbox': [1.0, 2.0, -3.0, 4.0]}, r'annotation 3.*-3\.0'),
    'box of three': ({'bbox': [1.0, 2.0, 3.0]}, r'annotation 3.*expected four'),
    'NaN in box': ({'bbox': [1.0, float('nan'), 3.0, 4.0]}, r'annotation 3.*nan'),
    'too few keypoints': ({'keypoints': [1] * 51}, r'annotation 3 has 51.*expected 15'),
    'keypoints no list': ({'keypoints': 'none'}, r"annotation 3 has .* 'none'; exp"),
    'one keypoint short': ({'keypoints': [1] * 12}, r'annotation 3 has 12.*not label'),
    'infinite keypoint': ({'keypoints': [float('inf')] * 15}, r'annotation 3.*inf'),
    'NaN keypoint': ({'keypoints': [0.0, float('nan')] + [0] * 13}, r'tion 3.*nan'),
    'text keypoint': ({'keypoints': ['a'] + [0] * 14}, r"annotation 3.*'a'"),
    'text id': ({'id': 'three'}, r"annotation number 1 has the id 'three'"),
    'same id': ({'id': 1}, r'annotation id 1 occurs twice'),
    'category': ({'category_id': 4}, r'annotation 3 has the category_id 4'),
    'huge box': ({'bbox': [0.0, 0.0, 1e8, 4.0]}, r'annotation 3 .*100000000\.0'),
    'huge number': ({'bbox': [0, 0, 10**400, 4]}, r'annotation 3 .*bbox'),
    'huge keypoint': ({'keypoints': [-2e7] + [0] * 14}, r'annotation 3 .*-20000000'),
    'null keypoint': ({'keypoints': [None] + [0] * 14}, r'annotation 3 .*value None'),
    'visibility 3': ({'keypoints': [1, 1, 3] * 5}, r'annotation 3 .*visibility 3;'),
    'half visible': ({'keypoints': [1, 1, 0.5] * 5}, r'annotation 3 .*bility 0\.5;'),
    'text crowd': ({'iscrowd': '0'}, r"annotation 3 has the iscrowd '0'; expected"),
    'crowd of two': ({'iscrowd': 2}, r'annotation 3 has the iscrowd 2; expected'),
    'crowd NaN': ({'iscrowd': float('nan')}, r'annotation 3 has the iscrowd nan'),
    'bool id': ({'id': True}, r'annotation number 1 has the id True; ids must be int'),
    'float id': ({'id': 3.0}, r'annotation number 1 has the id 3\.0; ids must be int'),
    'huge id': ({'id': 2**63}, r'annotation number 1 has the id 9223.*64 bits'),
    'negative id': ({'id': -3}, r'annotation number 1 has the id -3; .*match\. Number'),
    'bool coordinate': ({'keypoints': [True] + [1] * 14}, r'annotation 3 .*value True'),
    'text count': ({'num_keypoints': '4'}, r"annotation 3 has the num_keypoints '4'"),
    'negative count': ({'num_keypoints': -1}, r'annotation 3 has the num_keypoints -1'),
    'list of image ids': ({'image_id': [1]}, r'\(id 3\) has the image_id \[1\]'),
    'list of ids': ({'id': [3]}, r'annotation number 1 .*has the id \[3\]'),
    'list of categories': ({'category_id': [1]}, r'id 3\) has the category_id \[1\]'),
}


@pytest.mark.parametrize(('changes', 'message'), FAULTS.values(), ids=FAULTS.keys())
def test_fault_names_file_annotation_and_value(
    build_dataset, make_content, person, changes, message
):
    content = make_content(person(1), person(**{'id_': 3, **changes}))
    with pytest.raises(ValueError, match=r'annotations\.json: .*' + message):
        build_dataset(content)


@pytest.mark.parametrize('crowd', [True, 1, 1.0, False, 0, 0.0, None])
def test_crowds(build_dataset, make_content, person, crowd):
    content = make_content(person(1), person(2, iscrowd=crowd))
    expected = [2] if crowd else []
    regions = build_dataset(content)[0]['ignore_regions']
    assert [region['id'] for region in regions] == expected


LISTS = {
    'annotation': ({'annotations': [[1, 2]]}, r'annotation number 0 is \[1, 2\]'),
    'image': ({'images': ['a.jpg']}, r"image number 0 is 'a\.jpg'; expected an object"),
    'image id': ({'images': [{'id': [1]}]}, r'image number 0 .*has the id \[1\]'),
    'category': ({'categories': ['person']}, r"category number 0 is 'person'"),
    'category id': (
        {'categories': [{'name': 'person'}]},
        r"category number 0 \('person'\) has the id None; expected an integer",
    ),
    'no list': ({'annotations': {'id': 1}}, r'"annotations" is .*expected a list'),
    'null': ({'categories': None}, r'"categories" is None; expected a list'),
}


@pytest.mark.parametrize(('changes', 'message'), LISTS.values(), ids=LISTS.keys())
def test_lists_of_something_else(build_dataset, make_content, person, changes, message):
    content = make_content(person(), **changes)
    with pytest.raises(ValueError, match=r'annotations\.json: .*' + message):
        build_dataset(content)


AREAS = {
    'missing': (None, 'no "area"'),
    'NaN': (float('nan'), 'the area nan'),
    'infinite': (float('inf'), 'the area inf'),
    'huge': (10**400, 'the area 1000'),
    'text': ('900', "the area '900'"),
    'negative': (-1.0, r'the area -1\.0'),
}


@pytest.mark.parametrize(('area', 'message'), AREAS.values(), ids=AREAS.keys())
def test_evaluation_by_area_needs_areas(
    build_dataset, make_content, person, area, message
):
    content = make_content(person(1), person(3, area=area))
    message = r'annotations\.json: annotation 3 has ' + message + '.*expected a finite'
    with pytest.raises(ValueError, match=message):
        build_dataset(content, test_mode=True)
    build_dataset(content)
    build_dataset(content, test_mode=True, use_area=False)


@pytest.mark.parametrize(
    ('changes', 'use_area'),
    [({'area': 0}, True), ({'area': 0.3}, True), ({'bbox': [9, 9, 0, 0]}, False)],
)
def test_evaluation_needs_people_with_a_size(
    build_dataset, make_content, person, warnings, changes, use_area
):
    """Of 0 an OKS is 0 or 1; coordinates from 0 to 1 give areas below one pixel."""
    settings = dict(test_mode=True, use_area=use_area)
    # A crowd does not count.
    people = [person(1, **changes), person(2, **changes), person(3, iscrowd=1)]
    message = (
        r'annotations\.json: all 2 people have an? \w+ of less than 1 px\^2\. .*in'
    )
    with pytest.raises(ValueError, match=message):
        build_dataset(make_content(*people), **settings)
    build_dataset(make_content(*people, person(4)), **settings)
    (warning,) = warnings()
    assert '2 of 3 people' in warning
    assert 'the first is annotation 1' in warning


def test_ignored_people_need_areas_too(build_dataset, make_content, person):
    """The evaluation matches poses with them as well."""
    content = make_content(person(1), person(3, area=None, keypoints=[0] * 15))
    with pytest.raises(ValueError, match=r'annotation 3 has no "area"'):
        build_dataset(content, test_mode=True)


def test_crowdpose_has_no_areas(build_dataset, make_content, person):
    build_dataset(
        make_content(person(keypoints=[1] * 42, area=None)),
        type='CenterGroupCrowdPoseDataset',
        metainfo=None,
        test_mode=True,
    )


def test_wrong_number_of_keypoints_points_to_the_metainfo(
    build_dataset, make_content, person
):
    """If all have it; a single one is broken."""
    people = [person(4, keypoints=[1] * 51), person(5, keypoints=[])]
    message = r'annotation 4 has 51 .* expected 15.*metainfo=dict\(from_file=\.\.\.\)'
    with pytest.raises(ValueError, match=message):
        build_dataset(make_content(*people))
    with pytest.raises(ValueError, match=r'annotation 4 has 51 ') as error:
        build_dataset(make_content(*people, person(6)))
    assert 'from_file' not in str(error.value)


def test_whole_bodies_are_not_read(build_dataset, make_content, person):
    lists = dict.fromkeys(
        ('foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts'), [0] * 3
    )
    content = make_content(person(keypoints=[1] * 51, **lists))
    message = r"has 51 .* expected 399: .*COCO-WholeBody .*from_file='coco\.py'"
    with pytest.raises(ValueError, match=message):
        build_dataset(content, metainfo={'from_file': 'coco_wholebody.py'})
    build_dataset(content, metainfo={'from_file': 'coco.py'})


def test_evaluation_needs_listed_keypoints(build_dataset, make_content, person):
    content = make_content(person(1), person(2, keypoints=None))
    with pytest.raises(ValueError, match=r'annotation 2 .* give \[\]'):
        build_dataset(content, test_mode=True)


@pytest.mark.parametrize('test_mode', [False, True])
def test_nothing_labeled(build_dataset, make_content, person, test_mode):
    content = make_content(person(1), person(2, keypoints=[], num_keypoints=0))
    (sample,) = build_dataset(content, test_mode=test_mode)
    assert [region['id'] for region in sample['ignore_regions']] == [2]


def test_who_is_ignored_is_said_once(build_dataset, make_content, person, messages):
    people = [
        person(1),
        person(2, iscrowd=1),
        person(3, keypoints=[]),
        person(4, keypoints=[0] * 15),
        person(5, bbox=[0.1, 0.2, 0.3, 0.5]),
    ]
    build_dataset(make_content(*people))
    (message,) = (m for m in messages() if 'ignores' in m)
    assert message.endswith(
        'annotations.json: training ignores 4 of 5 people: '
        '1 marked as a crowd (the first is annotation 2), '
        '2 without a labeled keypoint (the first is annotation 3), '
        '1 with a box of less than 1 px^2 (the first is annotation 5).'
    )
    build_dataset(make_content(*people), test_mode=True)
    (_, message) = (m for m in messages() if 'ignores' in m)
    assert 'evaluation ignores 3 of 5 people' in message
    build_dataset(make_content(person()))
    assert len([m for m in messages() if 'ignores' in m]) == 2


def test_types_in_another_order_than_in_the_metainfo(
    build_dataset, make_content, person, warnings
):
    names = ['head', 'left-hand', 'Right hand', 'left_foot', 'right_foot']
    categories = [{'id': 1, 'name': 'person', 'keypoints': names}]
    build_dataset(make_content(person(), categories=categories))
    assert not warnings()
    names[1:3] = 'right_hand', 'left_hand'
    build_dataset(make_content(person(), categories=categories))
    (warning,) = warnings()
    assert "lists 'right_hand' as keypoint 1, where the metainfo has 'left_" in warning


@pytest.mark.parametrize('identity', ['a', 1.5, None, True, -(2**63) - 1])
def test_image_ids_must_be_integers(build_dataset, make_content, person, identity):
    image = {'id': identity, 'file_name': 'one.png'}
    content = make_content(person(image_id=identity), images=[image])
    found = re.escape(short_repr(identity))
    with pytest.raises(ValueError, match=found + r'; ids must (be integers|fit into)'):
        build_dataset(content)


def test_image_ids_must_be_unique(build_dataset, make_content, person):
    content = make_content(person())
    content['images'] *= 2
    with pytest.raises(ValueError, match=r'annotations\.json: image id 1 occurs twice'):
        build_dataset(content)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'file_name': None}, 'image 1 has no "file_name"'),
        ({'file_name': ''}, "image 1 has the file_name ''"),
        ({'file_name': 7}, 'image 1 has the file_name 7'),
        ({'crowdIndex': '0.4'}, "image 1 has the crowdIndex '0.4'"),
        ({'crowdIndex': float('nan')}, 'image 1 has the crowdIndex nan'),
        ({'width': 0, 'height': None}, None),
    ],
)
def test_images(build_dataset, make_content, person, changes, message):
    """Sizes are taken from the image itself."""
    image = {'id': 1, 'file_name': 'one.png', **changes}
    content = make_content(person(), images=[image])
    if message is None:
        build_dataset(content)
        return
    with pytest.raises(ValueError, match=r'annotations\.json: ' + message):
        build_dataset(content)


def test_annotations_of_no_image(build_dataset, make_content, person):
    with pytest.raises(ValueError, match=r"annotations\.json.*'1'"):
        build_dataset(make_content(person(image_id='1')))
    dataset = build_dataset(make_content(person(1), person(2, image_id=5)))
    assert dataset[0]['id'] == [1]


@pytest.mark.parametrize('people', [[], [{'iscrowd': 1}], [{'keypoints': [0] * 15}]])
def test_nothing_to_train_on(build_dataset, make_content, person, people):
    content = make_content(*(person(**changes) for changes in people))
    with pytest.raises(ValueError, match=r'annotations\.json: none of its 1 images'):
        build_dataset(content)


@pytest.mark.parametrize(
    ('text', 'message'),
    [('{"images": [', 'not a JSON file'), ('[]', '"images"'), ('{}', '"images"')],
)
def test_broken_file(build_dataset, text, message):
    with pytest.raises(ValueError, match=r'annotations\.json.*' + message):
        build_dataset(text)


def test_a_file_nested_too_deep(build_dataset):
    with pytest.raises(ValueError, match=r'annotations\.json is not a JSON file'):
        build_dataset('[' * 100_000)


def test_a_folder_is_no_file(build_dataset, make_content):
    with pytest.raises(FileNotFoundError, match='is a folder; expected an annotation'):
        build_dataset(make_content(), ann_file='.')


def test_byte_order_mark(build_dataset, make_content, person):
    text = '\ufeff' + json.dumps(make_content(person()))
    assert build_dataset(text)[0]['id'] == [1]


def test_several_keypoint_categories(build_dataset, make_content, person):
    categories = [{'id': 1, 'name': 'person'}, {'id': 2, 'name': 'dog'}]
    with pytest.raises(ValueError, match=r'2 categories .*\[1, 2\].*expected one'):
        build_dataset(make_content(person(), categories=categories))


def test_missing_annotation_file(build_dataset, make_content):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.json'):
        build_dataset(make_content(), ann_file='nowhere.json')


def test_refuses_top_down_data(build_dataset, make_content, person):
    with pytest.raises(ValueError, match="data_mode='bottomup'"):
        build_dataset(make_content(person()), data_mode='topdown')


def test_keypoint_types_come_from_the_metainfo_class(
    build_dataset, make_content, person
):
    settings = {'type': 'CenterGroupCrowdPoseDataset', 'metainfo': None}
    with pytest.raises(ValueError, match='expected 42'):
        build_dataset(make_content(person()), **settings)
    dataset = build_dataset(make_content(person(keypoints=[1] * 42)), **settings)
    assert dataset[0]['keypoints'].shape == (1, 14, 2)


def test_a_file_behind_a_url_is_read(
    make_content, person, dataset_config, tmp_path, monkeypatch
):
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    content = make_content(person())
    dataset_config(content)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever).start()
        try:
            url = f'http://127.0.0.1:{server.server_port}/annotations.json'
            assert read_annotation_file(url) == content
        finally:
            server.shutdown()
