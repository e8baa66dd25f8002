# SPDX-License-Identifier: Apache-2.0
"""What images of a drawn crowd show, and whether their annotations say it."""

import ast
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from centergroup_mm.coco import decode_rle
from centergroup_mm.lab import crowd as synthetic
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd, make_image
from centergroup_mm.lab.crowd.annotate import (
    MIN_SEEN,
    annotate_scene,
    hides_itself,
    label_points,
)
from centergroup_mm.lab.crowd.body import sample_body
from centergroup_mm.lab.crowd.generate import image_rng
from centergroup_mm.lab.crowd.keypoints import ANATOMY, KEYPOINT_SETS
from centergroup_mm.lab.crowd.outfit import Palette, sample_outfit
from centergroup_mm.lab.crowd.scene import sample_places, sample_scene


@pytest.fixture(scope='module')
def scenes():
    return [sample_scene(image_rng(7, 'train', i), 256, 0.6) for i in range(100)]


@pytest.fixture(scope='module')
def held_out(tmp_path_factory):
    """The folder of the default held-out set."""
    folder = tmp_path_factory.mktemp('crowd') / 'default'
    generate_crowd(folder, CrowdSpec(num_train=0))
    return folder


def labeled(annotations):
    return [a for a in annotations if a['num_keypoints'] > 0]


def test_splits_and_seeds_share_no_image():
    draws = [
        image_rng(seed, split, index).integers(2**63)
        for seed in (0, 1, 2**32 - 1)
        for split in ('train', 'val')
        for index in range(200)
    ]
    assert len(set(draws)) == len(draws)
    spec = CrowdSpec(size=64)
    train, val = (make_image(spec, split, 0)[0] for split in ('train', 'val'))
    assert (train != val).mean() > 0.5


def test_a_larger_crowd_begins_with_the_smaller_one(tmp_path):
    image, annotations, _ = make_image(CrowdSpec(num_train=1, size=64), 'train', 0)
    again, same, _ = make_image(CrowdSpec(num_train=9, size=64), 'train', 0)
    assert (image == again).all() and annotations == same


@pytest.mark.parametrize('name', ['coco', 'crowdpose'])
def test_types_follow_the_dataset_metainfo(name):
    info = parse_pose_metainfo({'from_file': f'configs/_base_/datasets/{name}.py'})
    keypoint_set = KEYPOINT_SETS[name]
    names = [info['keypoint_id2name'][i] for i in range(info['num_keypoints'])]
    assert list(keypoint_set.names) == names
    links = {frozenset(link) for link in info['skeleton_links']}
    assert {frozenset(i - 1 for i in pair) for pair in keypoint_set.skeleton} == links


def test_keypoint_types_choose_labels_not_pictures():
    coco, crowdpose = (CrowdSpec(size=128, keypoints=k) for k in KEYPOINT_SETS)
    image, full, _ = make_image(coco, 'val', 1)
    same, few, _ = make_image(crowdpose, 'val', 1)
    assert (image == same).all()
    column = {n: i for i, n in enumerate(KEYPOINT_SETS['coco'].names)}
    shared = [n for n in KEYPOINT_SETS['crowdpose'].names if n in column]
    pairs = 0
    for a, b in zip(full, few, strict=True):
        if a['num_keypoints'] and b['num_keypoints']:
            a, b = (np.reshape(x['keypoints'], (-1, 3)) for x in (a, b))
            assert (a[[column[n] for n in shared]] == b[: len(shared)]).all()
            pairs += 1
    assert pairs >= 2


def test_left_is_the_persons_own():
    facing = backs = 0
    for seed in range(300):
        body = sample_body(np.random.default_rng(seed), camera_pitch=8)
        if abs(body.chest[2]) < 0.7:
            continue
        # Lying or deeply bent bodies have no clear left in the image.
        lateral = body.points['left_shoulder'][0] - body.points['right_shoulder'][0]
        if body.chest[2] > 0:
            facing += 1
            assert lateral > 0
        else:
            backs += 1
            assert lateral < 0
            assert body.facing['nose'] < 0.5
    assert facing > 100 and backs > 15


def test_hidden_exactly_where_a_later_body_covers(scenes):
    counts = np.zeros(3, int)
    for scene in scenes:
        for index, person in enumerate(scene.people):
            later = [p.silhouette > 0 for p in scene.people[index + 1 :]]
            for name, (x, y, v) in label_points(scene, index).items():
                counts[v] += 1
                if v == 0:
                    continue
                at = int(2 * y), int(2 * x)
                covered = any(mask[at] for mask in later)
                assert (v == 1) == (covered or hides_itself(person.figure, name))
    assert (counts > 500).all()


def test_points_left_unlabeled_are_out_of_sight(scenes):
    reasons = dict(outside=0, turned=0, covered=0)
    for scene in scenes:
        for index, person in enumerate(scene.people):
            labels = label_points(scene, index)
            for name in ANATOMY:
                if labels[name][2]:
                    continue
                x, y = person.figure.points[name][:2]
                if not (0 <= x < 256 and 0 <= y < 256):
                    reasons['outside'] += 1
                elif person.figure.body.facing.get(name, 1) < 0.06:
                    reasons['turned'] += 1
                else:
                    seen = scene.instances[int(2 * y), int(2 * x)] == index + 1
                    assert not seen or hides_itself(person.figure, name)
                    reasons['covered'] += 1
    assert min(reasons.values()) > 50


def test_a_person_covered_altogether_is_not_annotated(scenes):
    scene = scenes[0]
    hidden = type(scene)(scene.image, scene.people, np.zeros_like(scene.instances))
    assert annotate_scene(hidden, KEYPOINT_SETS['coco']) == ([], 0.0)


def test_seen_keypoints_lie_in_segmentation_and_labeled_ones_in_the_box(scenes):
    outside = []
    for scene in scenes:
        for a in labeled(annotate_scene(scene, KEYPOINT_SETS['crowdpose'])[0]):
            polygons = [np.float32(p).reshape(-1, 1, 2) for p in a['segmentation']]
            x0, y0, w, h = a['bbox']
            assert x0 >= 0 and y0 >= 0 and x0 + w <= 256 and y0 + h <= 256
            assert 0 < a['area'] <= w * h
            seen = np.reshape(a['keypoints'], (-1, 3))[:, 2] == 2
            assert seen.sum() >= MIN_SEEN
            for x, y, v in np.reshape(a['keypoints'], (-1, 3)):
                if v:
                    assert x0 <= x <= x0 + w and y0 <= y <= y0 + h
                if v == 2:
                    depths = [cv2.pointPolygonTest(p, (x, y), True) for p in polygons]
                    outside.append(max(depths) < -0.75)
    assert len(outside) > 2000
    # Slivers of a body, under 4 px, are seen but have no polygon.
    assert np.mean(outside) < 0.001


def test_every_scene_holds_its_number_of_people(scenes):
    counts = [len(scene.people) for scene in scenes]
    assert min(counts) >= 3 and max(counts) <= 12
    rng = np.random.default_rng(0)
    drawn = {len(sample_places(rng, 256, 0.6)[0]) for _ in range(1000)}
    assert drawn == set(range(3, 13))
    kept = [p.annotated for scene in scenes for p in scene.people]
    assert 0.88 < np.mean(kept) < 0.98


@pytest.mark.parametrize('keypoints', ['coco', 'crowdpose'])
def test_ground_truth_scores_one(tmp_path, keypoints):
    spec = CrowdSpec(num_train=0, num_val=25, size=160, keypoints=keypoints)
    generate_crowd(tmp_path / 'crowd', spec)
    truth = COCO(str(tmp_path / 'crowd' / 'annotations' / 'val.json'))
    results = [
        {k: a[k] for k in ('image_id', 'category_id', 'keypoints')} | {'score': 1.0}
        for a in labeled(truth.dataset['annotations'])
    ]
    info = Config.fromfile(
        Path(sys.modules['mmpose'].__file__).parent
        / '.mim'
        / 'configs'
        / '_base_'
        / 'datasets'
        / f'{keypoints}.py'
    ).dataset_info
    kind = 'keypoints' if keypoints == 'coco' else 'keypoints_crowd'
    evaluation = COCOeval(
        truth,
        truth.loadRes(results),
        kind,
        np.array(info.sigmas),
        use_area=keypoints == 'coco',
    )
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0, abs=1e-6)
    assert all(0 <= image['crowdIndex'] <= 1 for image in truth.dataset['images'])


def test_held_out_set_is_hard_as_crowds_are(held_out):
    """Mean crowd index, and labeled keypoints with a like one close by.

    Close is within 0.3 of the root of the annotated `area`.
    """
    data = json.loads((held_out / 'annotations' / 'val.json').read_text())
    assert len(data['images']) == 250
    indices = [image['crowdIndex'] for image in data['images']]
    assert np.mean(indices) >= 0.3

    close = total = crowds = unannotated = 0
    for image in data['images']:
        found = [a for a in data['annotations'] if a['image_id'] == image['id']]
        crowds += sum(a['iscrowd'] for a in found)
        unannotated += sum(not a['iscrowd'] and a['num_keypoints'] == 0 for a in found)
        people = labeled(found)
        points = np.array([a['keypoints'] for a in people]).reshape(len(people), -1, 3)
        gaps = np.linalg.norm(points[:, None, :, :2] - points[None, :, :, :2], axis=-1)
        on = points[..., 2] > 0
        gaps[~(on[:, None] & on[None])] = np.inf
        gaps[np.arange(len(people)), np.arange(len(people))] = np.inf
        reach = 0.3 * np.sqrt([a['area'] for a in people])
        close += ((gaps.min(axis=1, initial=np.inf) <= reach[:, None]) & on).sum()
        total += on.sum()
    assert total > 10_000
    assert close / total >= 0.25
    assert crowds >= 20 and unannotated >= 20


def test_crowding_raises_the_crowd_index():
    means = [
        np.mean(
            [
                make_image(CrowdSpec(size=128, crowding=c), 'val', i)[2]
                for i in range(40)
            ]
        )
        for c in (0, 0.5, 1)
    ]
    assert means[0] + 0.03 < means[1] < means[2] - 0.03


def separability(features, labels, groups):
    """Share of held-out samples that a quadratic classifier tells apart."""
    features = (features - features.mean(0)) / features.std(0)
    products = features[:, :, None] * features[:, None, :]
    rows, cols = np.triu_indices(features.shape[1])
    design = np.hstack([np.ones((len(features), 1)), features, products[:, rows, cols]])
    train = groups % 2 == 0
    weights = np.linalg.lstsq(design[train], 2.0 * labels[train] - 1, rcond=None)[0]
    return np.mean((design[~train] @ weights > 0) == labels[~train])


def limb_colors(scenes):
    """Return (N, 3) colors half-way down seen segments, (is leg, is left), scene."""
    segments = [('elbow', 'wrist', 0), ('shoulder', 'elbow', 0)]
    segments += [('knee', 'ankle', 1), ('hip', 'knee', 1)]
    colors, labels, groups = [], [], []
    for number, scene in enumerate(scenes):
        for index in range(len(scene.people)):
            points = label_points(scene, index)
            for side in ('left', 'right'):
                for start, end, is_leg in segments:
                    a, b = points[f'{side}_{start}'], points[f'{side}_{end}']
                    if a[2] == b[2] == 2:
                        x, y = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
                        if scene.instances[int(2 * y), int(2 * x)] == index + 1:
                            colors.append(scene.image[int(y), int(x)])
                            labels.append((is_leg, side == 'left'))
                            groups.append(number)
    return np.array(colors, float), np.array(labels, bool), np.array(groups)


def test_a_limbs_color_tells_neither_type_nor_side(scenes):
    colors, labels, groups = limb_colors(scenes)
    assert len(colors) > 1500
    for column in (0, 1):
        # As many of one label as of the other, so that chance is one half.
        rng = np.random.default_rng(0)
        yes, no = (np.flatnonzero(labels[:, column] == v) for v in (True, False))
        keep = min(len(yes), len(no))
        pick = np.concatenate([rng.permutation(yes)[:keep], rng.permutation(no)[:keep]])
        chance = separability(colors[pick], labels[pick, column], groups[pick])
        assert chance < 0.58
        told = colors[pick] + 60 * labels[pick, column, None]
        assert separability(told, labels[pick, column], groups[pick]) > 0.62


def test_arms_and_legs_are_clothed_alike():
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(4000):
        cloths, skins, hairs = (
            [tuple(c) for c in rng.uniform(0, 255, (4, 3))] for _ in range(3)
        )
        o = sample_outfit(rng, Palette(cloths, skins, hairs))
        rows.append(
            [
                (sleeve, *cloth, cloth == o.torso, tip == o.skin)
                for sleeve, cloth, tip in (
                    (o.arm_sleeve, o.arm, o.hand),
                    (o.leg_sleeve, o.leg, o.foot),
                )
            ]
        )
    difference = np.diff(np.array(rows, float), axis=1)[:, 0]
    error = difference.std(0) / np.sqrt(len(difference))
    assert (np.abs(difference.mean(0)) < 4 * error).all()


def test_clothes_do_not_tell_who_is_who(scenes):
    shared = [
        sum(p.figure.outfit == q.figure.outfit for q in scene.people) > 1
        for scene in scenes
        for p in scene.people
    ]
    assert np.mean(shared) > 0.7


def test_crowd_region_covers_its_people(scenes):
    regions = 0
    for scene in scenes:
        for a in annotate_scene(scene, KEYPOINT_SETS['coco'])[0]:
            if not a['iscrowd']:
                continue
            regions += 1
            region = decode_rle(a['segmentation'])
            assert region.sum() == a['area']
            seen = scene.instances == 255
            assert region.repeat(2, 0).repeat(2, 1)[seen].all()
            assert not any(a['keypoints'])
    assert regions > 10


def test_the_synthetic_package_needs_no_model_library():
    allowed = {*sys.stdlib_module_names, 'numpy', 'cv2'}
    for path in Path(synthetic.__file__).parent.glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            else:
                continue
            assert {name.split('.')[0] for name in names} <= allowed, path
