# SPDX-License-Identifier: Apache-2.0
"""Rules of metainfo: what is put in order, what is refused, with which words."""

import pprint
from pathlib import Path

import mmpose
import numpy as np
import pytest
import torch
from mmpose.datasets.datasets.utils import parse_pose_metainfo

import centergroup_mm.engine  # noqa: F401
from centergroup_mm.checkpoint_files import read_checkpoint
from centergroup_mm.datasets.metainfo import check_metainfo
from centergroup_mm.datasets.metainfo_files import load_metainfo

NAMES = ('head', 'left_hand', 'right_hand', 'left_foot', 'right_foot')
SWAPS = ('', 'right_hand', 'left_hand', 'right_foot', 'left_foot')
FLIP_INDICES = [0, 2, 1, 4, 3]
HOST_FILES = sorted(
    (Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets').glob('*.py')
)


def keypoints(order=range(5), first=0, **swaps):
    """keypoint_info; ``swaps`` replaces the mirror images of some names."""
    return {
        i + first: dict(
            name=NAMES[i],
            id=i + first,
            color=[i, 0, 255],
            swap=swaps.get(NAMES[i], SWAPS[i]),
        )
        for i in order
    }


def info(**changes):
    """Sound metainfo of five types; a value of None removes the key."""
    content = dict(
        dataset_name='five',
        keypoint_info=keypoints(),
        skeleton_info={0: dict(link=('left_hand', 'right_hand'), color=[1, 2, 3])},
        joint_weights=[1.0] * 5,
        sigmas=[0.05] * 5,
    )
    content |= changes
    return {key: value for key, value in content.items() if value is not None}


def changed(number, **changes):
    """keypoint_info with another entry."""
    entries = keypoints()
    entries[number] = {**entries[number], **changes}
    return entries


@pytest.fixture
def write(tmp_path):
    """Write metainfo to a file; its path."""

    def make(content):
        path = tmp_path / 'info.py'
        path.write_text(f'dataset_info = {pprint.pformat(content)}\n')
        return path

    return make


@pytest.mark.parametrize('first', [0, 1])
@pytest.mark.parametrize('order', [(0, 1, 2, 3, 4), (0, 3, 1, 4, 2)])
def test_numbers_say_the_place_in_an_annotation(write, first, order):
    content = info(keypoint_info=keypoints(order, first))
    parsed = load_metainfo(dict(from_file=str(write(content))))
    assert parsed['flip_indices'] == FLIP_INDICES
    assert parsed['keypoint_id2name'] == dict(enumerate(NAMES))
    assert parsed['keypoint_colors'][:, 0].tolist() == [0, 1, 2, 3, 4]
    assert parsed['skeleton_links'] == [(1, 2)]
    assert set(map(frozenset, parsed['flip_pairs'])) == {
        frozenset((1, 2)),
        frozenset((3, 4)),
    }


def test_metainfo_in_the_config(write):
    assert load_metainfo(info())['flip_indices'] == FLIP_INDICES
    with pytest.raises(ValueError, match=r"metainfo 'five' of the config: .*'feet'"):
        load_metainfo(info(keypoint_info=changed(3, swap='feet')))


@pytest.mark.parametrize('silent', ['', None])
def test_a_mirror_image_that_says_nothing_is_completed(write, warnings, silent):
    path = write(info(keypoint_info=keypoints(right_hand=silent)))
    assert load_metainfo(dict(from_file=str(path)))['flip_indices'] == FLIP_INDICES
    (warning,) = warnings()
    assert f"{path}: \"swap\" of keypoint 'left_hand' is 'right_hand'" in warning


def test_a_keypoint_may_name_itself(warnings):
    content = info(keypoint_info=changed(0, swap='head'))
    assert load_metainfo(content)['flip_indices'] == FLIP_INDICES
    assert not warnings()


def test_sigmas_may_be_left_out(warnings):
    for content in (info(sigmas=[]), info(sigmas=None)):
        assert load_metainfo(content)['sigmas'].shape == (0,)
    assert not warnings()


def test_joint_weights_of_another_length(warnings):
    parsed = load_metainfo(info(joint_weights=[1.0, 2.0]))
    np.testing.assert_array_equal(parsed['dataset_keypoint_weights'], np.ones(5))
    (warning,) = warnings()
    assert '"joint_weights" has 2 numbers for 5 keypoints' in warning


FAULTS = {
    'no dict': (None, 'the metainfo is None; expected a dict'),
    'no keypoints': (
        info(keypoint_info=None),
        'has no "keypoint_info"; expected dataset_name, keypoint_info, skeleton_info, '
        'joint_weights and sigmas',
    ),
    'no links': (info(skeleton_info=None), 'has no "skeleton_info"'),
    'no types': (info(keypoint_info={}), '"keypoint_info" is empty'),
    'list': (info(keypoint_info=[*NAMES]), r'is \[.*expected a dict of dicts'),
    'no name': (info(keypoint_info={0: dict(id=0)}), 'entry 0 of "keypoint_info" is'),
    'from two': (info(keypoint_info=keypoints(first=2)), r'\[2, 3.*from 0 to 4'),
    'a gap': (info(keypoint_info=keypoints([0, 1, 2, 4])), r'2, 4\].* 0 to 3 '),
    'text number': (info(keypoint_info={'0': keypoints()[0]}), r"the keys \['0'\]"),
    'bool number': (info(keypoint_info={False: keypoints()[0]}), r'keys \[False\]'),
    'two numberings': (
        info(keypoint_info=changed(0, id=1) | {1: dict(keypoints()[1], id=0)}),
        r"keypoint 0 \('head'\) has the \"id\" 1; expected the same number twice",
    ),
    'name twice': (
        info(keypoint_info=changed(2, name='left_hand')),
        "keypoints 1 and 2 have the same name, 'left_hand'; expected a name of its own",
    ),
    'no text': (info(keypoint_info=changed(2, name=7)), 'keypoint 2 has the name 7'),
    'blank name': (info(keypoint_info=changed(2, name=' ')), "has the name ' '"),
    'unknown swap': (
        info(keypoint_info=changed(3, swap='rigth_foot')),
        "\"swap\" of keypoint 'left_foot' names 'rigth_foot', which is no keypoint; "
        "expected .*perhaps 'right_foot'",
    ),
    'swap by number': (info(keypoint_info=changed(3, swap=4)), "'left_foot' names 4,"),
    'chain': (
        info(keypoint_info=changed(2, swap='left_foot')),
        "\"swap\" of keypoint 'left_hand' is 'right_hand', but that of 'right_hand' is "
        "'left_foot'; expected two keypoints that name each other",
    ),
    'two of one': (
        info(keypoint_info=changed(0, swap='left_hand')),
        "of keypoint 'head' is 'left_hand', but that of 'left_hand' is 'right_hand'",
    ),
    'blank in link': (
        info(skeleton_info={0: dict(link=('head', ' right_hand'))}),
        "link 0 of skeleton_info names ' right_hand', which is no keypoint; expected "
        "the name of a keypoint in keypoint_info, perhaps 'right_hand'",
    ),
    'link of one': (info(skeleton_info={0: dict(link=('head',))}), 'link 0 .*of two'),
    'no link': (info(skeleton_info={0: dict(id=0)}), 'entry 0 of "skeleton_info"'),
    'sigmas of 17': (
        info(sigmas=[0.05] * 17),
        '"sigmas" has 17 numbers for 5 keypoints; expected one for each, .* or none',
    ),
    'sigma 0': (info(sigmas=[0.05, 0, 1, 1, 1]), '"sigmas" has the value 0; .*above 0'),
    'NaN': (info(sigmas=[float('nan')] * 5), '"sigmas" has the value nan'),
    'text': (info(sigmas='0.05'), '"sigmas" is \'0.05\'; expected a list of finite'),
    'weights': (info(joint_weights=[-1] * 5), '"joint_weights" has the value -1'),
    'one weight': (info(joint_weights=1.0), '"joint_weights" is 1.0; expected a list'),
    'color': (
        info(keypoint_info=changed(1, color=[0, 0, 256])),
        r"color of keypoint 'left_hand' is \[0, 0, 256\]; expected three integers",
    ),
    'link color': (
        info(skeleton_info={0: dict(link=NAMES[:2], color='red')}),
        "color of link 0 of skeleton_info is 'red'",
    ),
}


@pytest.mark.parametrize(('content', 'message'), FAULTS.values(), ids=FAULTS.keys())
def test_fault_names_file_keypoint_and_expectation(content, message):
    with pytest.raises(ValueError, match=r'^info\.py: .*' + message):
        check_metainfo(content, 'info.py')


def test_missing_file_and_missing_content(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.py does not exist'):
        load_metainfo(dict(from_file=str(tmp_path / 'nowhere.py')))
    (tmp_path / 'other.py').write_text('model = dict()')
    with pytest.raises(ValueError, match=r'other\.py has no dataset_info'):
        load_metainfo(dict(from_file=str(tmp_path / 'other.py')))


@pytest.mark.parametrize('path', HOST_FILES, ids=lambda path: path.stem)
def test_files_of_the_host_are_read_as_it_reads_them(path):
    """But for three faults of theirs."""
    ours = load_metainfo(dict(from_file=f'configs/_base_/datasets/{path.name}'))
    host = parse_pose_metainfo(dict(from_file=str(path)))
    if path.stem == 'deepfashion2':
        ninth, thirteenth = (host['keypoint_name2id'][f'vest_kpt{n}'] for n in (9, 13))
        host['flip_indices'][thirteenth] = ninth
        host['flip_pairs'] = ours['flip_pairs']
    if path.stem in ('coco_aic', 'humanart_aic'):
        host['dataset_keypoint_weights'] = np.ones(19)
    assert ours.keys() == host.keys()
    for key, value in host.items():
        if key == 'flip_pairs':
            assert set(map(tuple, ours[key])) == set(map(tuple, value))
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(ours[key], value)
        elif key != 'stats_info':
            assert ours[key] == value


def test_checkpoints_can_hold_metainfo_without_links(tmp_path):
    """An empty array is pickled by other names than a full one."""
    parsed = load_metainfo(info(skeleton_info={}, sigmas=[]))
    file = tmp_path / 'no_links.pth'
    torch.save(dict(meta=dict(dataset_meta=parsed), state_dict={}), file)
    loaded = read_checkpoint(file)['meta']['dataset_meta']
    assert loaded['skeleton_links'] == []
    assert loaded['skeleton_link_colors'].shape == (0,)


CASES = {
    'no_skeleton.py': FLIP_INDICES,
    'from_one.py': FLIP_INDICES,
    'other_order.py': FLIP_INDICES,
    'one_way.py': FLIP_INDICES,
    'name_twice.py': r"name_twice\.py: keypoints 1 and 2 .*'hand'",
    'sigmas_of_17.py': r'sigmas_of_17\.py: "sigmas" has 17 numbers for 5 keypoints',
    'blank_in_link.py': r"blank_in_link\.py: link 0 .*perhaps 'right_hand'",
}


def test_small_inputs_that_went_wrong(test_data):
    folder = test_data / 'cases' / 'metainfo'
    if not folder.is_dir():
        pytest.skip('the test data have no cases/metainfo')
    assert {path.name for path in folder.glob('*.py')} == CASES.keys()
    for name, expected in CASES.items():
        metainfo = dict(from_file=str(folder / name))
        if isinstance(expected, list):
            assert load_metainfo(metainfo)['flip_indices'] == expected
        else:
            with pytest.raises(ValueError, match=expected):
                load_metainfo(metainfo)


def test_datasets_check_their_metainfo(build_dataset, make_content, person, write):
    content = info(keypoint_info=keypoints((0, 3, 1, 4, 2)))
    path = str(write(content))
    dataset = build_dataset(make_content(person()), metainfo=dict(from_file=path))
    assert dataset[0]['flip_indices'] == FLIP_INDICES
    content['sigmas'] = [0.05] * 17
    write(content)
    with pytest.raises(ValueError, match=r'info\.py: "sigmas" has 17 numbers'):
        build_dataset(make_content(person()), metainfo=dict(from_file=path))
