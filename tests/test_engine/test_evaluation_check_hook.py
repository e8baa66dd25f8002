# SPDX-License-Identifier: Apache-2.0
"""What an evaluation lacks is known before the first iteration."""

import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, METRICS
from mmpose.utils import register_all_modules

SIDE = 64
NUM_KEYPOINTS = 17


def person(id_, image_id, **changes):
    x = 10.0 + id_
    annotation = dict(
        id=id_,
        image_id=image_id,
        category_id=1,
        iscrowd=0,
        bbox=[x, 5.0, 20.0, 40.0],
        area=500.0,
        num_keypoints=NUM_KEYPOINTS,
        keypoints=[v for i in range(NUM_KEYPOINTS) for v in (x + i, 10.0 + i, 2)],
    )
    annotation |= changes
    return {key: value for key, value in annotation.items() if value is not None}


def content(people=None, ids=(1, 2), **changes):
    """Two images with a person each."""
    images = [
        dict(id=i, file_name=f'{i}.png', width=SIDE, height=SIDE, crowdIndex=0.5)
        for i in ids
    ]
    found = dict(
        images=images,
        annotations=people or [person(i, i) for i in ids],
        categories=[dict(id=1, name='person')],
    )
    return found | changes


@pytest.fixture
def write(tmp_path):
    """Write an annotation file beside its images; its path."""
    for number in (1, 2):
        image = np.full((SIDE, SIDE, 3), 90, np.uint8)
        cv2.imwrite(str(tmp_path / f'{number}.png'), image)

    def make(found, name='val.json', encoding='utf-8'):
        path = tmp_path / name
        path.write_text(json.dumps(found), encoding=encoding)
        return str(path)

    return make


@pytest.fixture
def make_runner(repo_root, tmp_path, write):
    """A runner of the tiny config with changed datasets and metrics."""

    def make(found=None, *, dataset=None, metric=None, encoding='utf-8'):
        write(content(), 'train.json')
        write(found or content(), encoding=encoding)
        config = Config.fromfile(repo_root / 'configs' / 'centergroup_tiny.py')
        data = dict(data_root=str(tmp_path), data_prefix=dict(img=''))
        data['metainfo'] = dict(from_file='coco.py')
        config.train_dataloader.dataset |= dict(data, ann_file='train.json')
        config.val_dataloader.dataset |= dict(data, ann_file='val.json')
        config.val_dataloader.dataset |= dataset or {}
        config.test_dataloader = config.val_dataloader
        config.val_evaluator |= metric or {}
        config.test_evaluator = config.val_evaluator
        config.train_dataloader.batch_size = 2
        config.train_cfg |= dict(max_iters=1, val_interval=1)
        config.default_hooks.checkpoint.save_best = None
        config.work_dir = str(tmp_path / 'work')
        config.experiment_name = tmp_path.name
        config.log_level = 'WARNING'
        return Runner.from_cfg(config)

    register_all_modules()
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield make


def forbid(*keys):
    """People and images that lack something."""
    people = [person(1, 1), person(2, 2, **dict.fromkeys(keys))]
    return content(people)


NO_CROWD_INDEX = content()
del NO_CROWD_INDEX['images'][1]['crowdIndex']
CROWD = dict(iou_type='keypoints_crowd', use_area=False)
AREALESS = dict(use_area=False)
FAULTS = {
    'no areas': (forbid('area'), AREALESS, {}, r'annotation 2 has no "area"; .*both'),
    'areas of 0': (
        content([person(1, 1, area=0), person(2, 2, area=0)]),
        AREALESS,
        {},
        r'all 2 people have an area of less than 1 px\^2',
    ),
    'no crowd index': (
        NO_CROWD_INDEX,
        AREALESS,
        CROWD,
        r"image 2 has no \"crowdIndex\"; .* give iou_type='keypoints'",
    ),
    'no count': (
        forbid('num_keypoints'),
        AREALESS,
        CROWD,
        'annotation 2 has no "num_keypoints"',
    ),
    'nobody': (
        content([person(1, 1, keypoints=[]), person(2, 2, iscrowd=1)]),
        {},
        {},
        'none of its 2 annotated people on 2 images counts in the evaluation',
    ),
    'nobody counted': (
        content([person(1, 1, num_keypoints=0)]),
        AREALESS,
        CROWD,
        'none of its 1 annotated people',
    ),
    'crowds of some images': (
        content(),
        dict(AREALESS, indices=[0]),
        CROWD,
        r"keypoints_crowd'\) reads the file itself, in every evaluation",
    ),
    'no images': (
        content(),
        dict(data_prefix=dict(img='elsewhere/')),
        {},
        'elsewhere/1.png',
    ),
}


@pytest.mark.parametrize(
    ('found', 'dataset', 'metric', 'message'), FAULTS.values(), ids=FAULTS.keys()
)
def test_a_training_stops_before_its_first_iteration(
    make_runner, found, dataset, metric, message
):
    runner = make_runner(found, dataset=dataset, metric=metric)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        runner.train()
    assert runner.iter == 0


DOG = dict(id=2, name='dog')
OWN_FILES = {
    'fewer images': (
        content(ids=[1]),
        '1 of the 2 tested images are not in this file of CocoMetric, one has the id 2',
    ),
    'more images': (
        content(ids=[1, 2, 3]),
        '1 annotated images of this file of CocoMetric are not tested, .* the id 3',
    ),
    'other category': (
        content([person(1, 1), person(2, 2, category_id=2)])
        | dict(categories=[dict(id=1, name='person'), DOG]),
        'annotation 2 has the category_id 2, but predictions have 1',
    ),
    'no keypoints': (forbid('keypoints'), 'annotation 2 has no "keypoints"'),
    'other keypoints': (
        content([person(1, 1, keypoints=[1] * 15)]),
        'annotation 1 has 15 keypoint numbers, as all others; expected 51',
    ),
}


@pytest.mark.parametrize(('found', 'message'), OWN_FILES.values(), ids=OWN_FILES.keys())
def test_a_file_of_the_metric_alone(make_runner, write, found, message):
    own = write(found, 'own.json')
    with pytest.raises(ValueError, match=r'own\.json: ' + message):
        make_runner(metric=dict(ann_file=own)).test()


def test_sigmas_are_needed(make_runner, tmp_path, write):
    runner = make_runner()
    runner.val_loop.evaluator.metrics[0].dataset_meta['sigmas'] = np.ones(0)
    with pytest.raises(ValueError, match='has 0 sigmas for 17 keypoints; .*another me'):
        runner.train()


def test_some_without_a_size_are_told_of(make_runner, caplog):
    found = content([person(1, 1, area=0), person(2, 2)])
    runner = make_runner(found, dataset=AREALESS)
    runner.logger.addHandler(caplog.handler)
    runner.test()
    runner.logger.removeHandler(caplog.handler)
    (warning,) = (r.getMessage() for r in caplog.records if 'px^2' in r.getMessage())
    assert '1 of 2 people have an area of less than 1 px^2' in warning


def test_what_is_sound_is_trained_and_validated(make_runner):
    runner = make_runner()
    runner.train()
    assert runner.iter == 1
    assert runner.message_hub.get_scalar('val/coco/AP').current() >= 0


KINDS = {
    'byte-order mark': (content(), {}, 'utf-8-sig', [1, 2]),
    'one of two images': (content(), dict(sample_interval=2), 'utf-8', [2]),
    'indices': (content(), dict(indices=[1]), 'utf-8', [2]),
    'other categories': (
        content(
            [person(1, 1), person(2, 2), dict(id=3, image_id=1, category_id=2)],
            categories=[dict(id=1, name='person', keypoints=['nose']), DOG],
        ),
        {},
        'utf-8',
        [1, 2],
    ),
    'as it stands': (content(), {}, 'utf-8', [1, 2]),
}


@pytest.mark.parametrize(
    ('found', 'settings', 'encoding', 'expected'), KINDS.values(), ids=KINDS.keys()
)
def test_what_is_tested_is_what_is_evaluated(
    write, tmp_path, found, settings, encoding, expected
):
    """The truth has an AP of 1, whatever else the file holds; twice."""
    write(found, encoding=encoding)
    register_all_modules()
    with DefaultScope.overwrite_default_scope('mmpose'):
        dataset = DATASETS.build(
            dict(
                type='CenterGroupCocoDataset',
                data_root=str(tmp_path),
                ann_file='val.json',
                data_prefix=dict(img=''),
                test_mode=True,
                pipeline=[
                    dict(type='LoadColorImage'),
                    dict(type='BottomupAlignedResize', input_size=(SIDE, SIDE)),
                    dict(type='PackCenterGroupInputs'),
                ],
                **settings,
            )
        )
        metric = METRICS.build(dict(type='CocoMetric', nms_mode='none'))
    assert [
        sample['img_id'] for sample in map(dataset.get_data_info, range(len(dataset)))
    ] == expected
    metric.dataset_meta = dataset.metainfo
    for _ in range(2):
        for packed in dataset:
            sample = packed['data_samples']
            truth = sample.gt_instances
            sample.pred_instances = InstanceData(
                keypoints=truth.keypoints,
                keypoint_scores=truth.keypoints_visible,
                bbox_scores=np.ones(len(truth.keypoints)),
            )
            metric.process(None, [sample.to_dict()])
        assert metric.evaluate(len(dataset))['coco/AP'] == pytest.approx(1)
