# SPDX-License-Identifier: Apache-2.0
"""Whole pipelines: the contract between data and model."""

from pathlib import Path

import mmpose
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, METRICS
from mmpose.structures import MultilevelPixelData

BROWSE_CONFIG = """
custom_imports = dict(imports=['centergroup_mm.datasets', 'centergroup_mm.codecs'])
default_scope = 'mmpose'
visualizer = dict(type='PoseLocalVisualizer', name='visualizer')
train_dataloader = dict(dataset={dataset!r})
"""


def check_training_sample(packed, side, num_keypoints):
    """Every field of a training sample, its shape, type and meaning."""
    assert packed['inputs'].shape == (3, side, side)
    assert packed['inputs'].dtype == torch.uint8
    sample = packed['data_samples']
    quarter, half = (side // downscale for downscale in (4, 2))

    assert isinstance(sample.gt_fields, MultilevelPixelData)
    for level, size in zip(sample.gt_fields.levels(), (quarter, half), strict=True):
        assert level.heatmaps.shape == (num_keypoints + 1, size, size)
        assert level.heatmaps.dtype == level.heatmap_mask.dtype == torch.float32
        assert level.heatmap_mask.shape == (1, size, size)
    for level, size in zip(sample.input_masks.levels(), (quarter, side), strict=True):
        assert level.valid.shape == level.supervised.shape == (1, size, size)
        assert level.valid.dtype == level.supervised.dtype == torch.bool
        assert not (level.supervised & ~level.valid).any()

    labels = sample.gt_instance_labels
    count = len(labels.keypoints)
    assert labels.keypoints.shape == (count, num_keypoints, 2)
    assert labels.keypoints_visible.shape == (count, num_keypoints)
    assert labels.centers.shape == (count, 2)
    assert labels.box_areas.shape == (count,)
    assert labels.tag_indices.shape == (count, num_keypoints + 1, 2)
    assert labels.tag_indices.dtype == torch.int64
    assert (labels.box_areas > 0).all()
    assert (labels.keypoints_visible.sum(dim=1) >= 1).all()
    shown = labels.keypoints[labels.keypoints_visible > 0]
    assert ((shown >= 0) & (shown < side)).all()
    weights = labels.keypoints_visible[..., None]
    means = (labels.keypoints * weights).sum(dim=1) / weights.sum(dim=1)
    torch.testing.assert_close(labels.centers, means)
    assert sample.flip_indices == sample.metainfo['flip_indices']
    assert len(sample.flip_indices) == num_keypoints
    return labels


def test_training_sample(build_dataset, make_content, person, train_pipeline):
    content = make_content(person(1), person(2, iscrowd=1, bbox=[0.0, 0.0, 12.0, 60.0]))
    dataset = build_dataset(content, pipeline=train_pipeline(flip=0.0, rotate_factor=0))
    np.random.seed(0)
    packed = dataset[0]
    labels = check_training_sample(packed, 64, 5)
    assert len(labels) == 1
    # Only the annotated person has peaks: four keypoints and the center at most.
    peaks = packed['data_samples'].gt_fields.heatmaps[0] == 1
    assert 2 <= peaks.sum() <= 5
    assert not packed['data_samples'].input_masks.supervised[1].all()


def test_areas_follow_the_image_and_not_the_size_in_the_file(
    build_dataset, make_content, person, train_pipeline
):
    """Some files have width and height swapped; the image is 80 wide, 60 high."""
    swapped = {'id': 1, 'file_name': 'one.png', 'width': 60, 'height': 80}
    dataset = build_dataset(
        make_content(person(bbox=[50.0, 30.0, 40.0, 40.0]), images=[swapped]),
        pipeline=train_pipeline(120, scale_factor=(2, 2), shift_factor=0),
    )
    labels = dataset[0]['data_samples'].gt_instance_labels
    # The box is cut to 30 x 30; the crop of 120 image pixels is 120 input pixels.
    assert labels.box_areas.tolist() == pytest.approx([900])


def test_persons_outside_the_crop_are_no_targets(
    build_dataset, make_content, person, train_pipeline
):
    """A narrow image scaled so that the crop holds its middle only."""
    left = person(1, keypoints=[2, 30, 2] + [0] * 12)
    dataset = build_dataset(
        make_content(left),
        pipeline=train_pipeline(scale_factor=(0.5, 0.5), shift_factor=0.0),
    )
    labels = check_training_sample(dataset[0], 64, 5)
    assert len(labels.keypoints) == 0
    assert not any(maps.any() for maps in dataset[0]['data_samples'].gt_fields.heatmaps)


def test_image_of_ignored_people_only(
    build_dataset, make_content, person, train_pipeline
):
    everything = {'size': [60, 80], 'counts': [0, 4800]}
    images = [{'id': i, 'file_name': 'one.png'} for i in (1, 2)]
    content = make_content(
        person(1),
        person(2, image_id=2, iscrowd=1, segmentation=everything),
        images=images,
    )
    dataset = build_dataset(content, pipeline=train_pipeline())
    labels = check_training_sample(dataset[1], 64, 5)
    assert len(labels.keypoints) == 0
    sample = dataset[1]['data_samples']
    assert not sample.input_masks.supervised[1].any()
    assert sample.input_masks.valid[1].any()
    assert not sample.gt_fields.heatmap_mask[1].any()


def test_broken_segmentation_names_annotation_and_image(
    build_dataset, make_content, person, train_pipeline
):
    polygons = [[1, 1, 6, float('nan'), 6, 6]]
    crowd = person(2, iscrowd=1, segmentation=polygons)
    dataset = build_dataset(make_content(person(1), crowd), pipeline=train_pipeline())
    with pytest.raises(ValueError, match=r'Annotation 2 of .*one\.png .*value nan'):
        dataset[0]


def test_forty_people(build_dataset, make_content, person, train_pipeline):
    dataset = build_dataset(
        make_content(*(person(i) for i in range(40))),
        pipeline=train_pipeline(shift_factor=0, scale_factor=(1.2, 1.2)),
    )
    assert len(check_training_sample(dataset[0], 64, 5).keypoints) == 40


def test_batch_of_scales_keeps_the_host_nesting(
    build_dataset, make_content, person, test_pipeline
):
    dataset = build_dataset(
        make_content(person()),
        test_mode=True,
        pipeline=test_pipeline(128, aug_scales=[0.5, 2]),
    )
    batch = pseudo_collate([dataset[0], dataset[0]])
    assert [len(scale) for scale in batch['inputs']] == [2, 2, 2]
    heights = [scale[0].shape[1] for scale in batch['inputs']]
    assert heights == [128, 64, 256]


def test_sample_moves_to_a_device_with_its_masks(
    build_dataset, make_content, person, train_pipeline
):
    dataset = build_dataset(make_content(person()), pipeline=train_pipeline())
    moved = dataset[0]['data_samples'].to('cpu')
    assert [mask.dtype for mask in moved.input_masks.valid] == [torch.bool] * 2


@pytest.mark.parametrize(
    ('type_', 'folder', 'ann_file', 'num_keypoints', 'num_images'),
    [
        ('CenterGroupCocoDataset', 'coco_mini', 'test_coco.json', 17, 4),
        ('CenterGroupCrowdPoseDataset', 'crowdpose_mini', 'test_crowdpose.json', 14, 2),
    ],
)
def test_real_photographs(
    type_,
    folder,
    ann_file,
    num_keypoints,
    num_images,
    request,
    train_pipeline,
    test_pipeline,
):
    root = request.getfixturevalue(folder)
    config = {'type': type_, 'data_root': str(root), 'ann_file': ann_file}
    dataset = DATASETS.build({**config, 'pipeline': train_pipeline(128)})
    np.random.seed(0)
    for _ in range(5):
        for packed in dataset:
            check_training_sample(packed, 128, num_keypoints)

    tested = DATASETS.build(
        {**config, 'pipeline': test_pipeline(128), 'test_mode': True}
    )
    assert len(tested) == num_images
    for packed in tested:
        sample = packed['data_samples']
        assert packed['inputs'].shape[1:] == sample.img_shape
        assert sample.raw_ann_info
        if num_keypoints == 14:
            assert 0 < sample.crowd_index < 1


@pytest.mark.parametrize(
    ('type_', 'folder', 'ann_file', 'metric'),
    [
        ('CenterGroupCocoDataset', 'coco_mini', 'test_coco.json', {}),
        (
            'CenterGroupCrowdPoseDataset',
            'crowdpose_mini',
            'test_crowdpose.json',
            {'iou_type': 'keypoints_crowd', 'use_area': False, 'prefix': 'crowdpose'},
        ),
    ],
)
def test_ground_truth_scores_one(
    type_, folder, ann_file, metric, request, test_pipeline
):
    root = request.getfixturevalue(folder)
    dataset = DATASETS.build(
        {
            'type': type_,
            'data_root': str(root),
            'ann_file': ann_file,
            'pipeline': test_pipeline(128),
            'test_mode': True,
        }
    )
    evaluator = METRICS.build(
        {
            'type': 'CocoMetric',
            'ann_file': str(root / ann_file),
            'nms_mode': 'none',
            'score_mode': 'bbox',
            **metric,
        }
    )
    evaluator.dataset_meta = dataset.metainfo
    for packed in dataset:
        sample = packed['data_samples']
        truth = sample.gt_instances
        sample.pred_instances = InstanceData(
            keypoints=truth.keypoints,
            keypoint_scores=truth.keypoints_visible,
            bbox_scores=np.ones(len(truth.keypoints)),
        )
        evaluator.process(None, [sample.to_dict()])
    scores = evaluator.evaluate(len(dataset))
    assert scores[f'{evaluator.prefix}/AP'] == pytest.approx(1.0)


def test_hosts_browser_draws_training_samples(
    tmp_path, dataset_config, make_content, person, train_pipeline, run_cli
):
    config = tmp_path / 'browse.py'
    dataset = dataset_config(make_content(person()), pipeline=train_pipeline())
    config.write_text(BROWSE_CONFIG.format(dataset=dataset))
    script = Path(mmpose.__file__).parent / '.mim/tools/misc/browse_dataset.py'
    run_cli(
        ['python', script, config, '--not-show', '--output-dir', tmp_path / 'drawn'],
        cwd=tmp_path,
        timeout=600,
    )
    assert [path.suffix for path in (tmp_path / 'drawn').iterdir()] == ['.png']
