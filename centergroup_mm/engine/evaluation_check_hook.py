# SPDX-License-Identifier: Apache-2.0
"""Know before the first iteration whether the evaluation can be made after the last."""

from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.evaluation import CocoMetric
from mmpose.registry import HOOKS

from ..coco.evaluation_needs import check_evaluation


@HOOKS.register_module()
class CheckEvaluationHook(Hook):
    """Checks the validation before a training, and the test before a test.

    ``CocoMetric`` finds out what it lacks when all images are done. Here the
    annotations that it will read are checked against the images that will be tested:
    that they are of the same images and one category, with keypoints, sigmas, areas
    and, for CrowdPose, ``crowdIndex`` and ``num_keypoints``; and the first image of
    the validation is read. Other metrics are left alone.

    Raises:
        ValueError: When the evaluation cannot be made, or its numbers would say
            nothing.
    """

    def before_train(self, runner: Runner) -> None:
        """Check what validation will need."""
        if runner.val_loop is not None:
            dataset = runner.val_loop.dataloader.dataset
            _check(runner, dataset, runner.val_loop.evaluator)
            if len(dataset):
                # As a worker will: with a wrong folder it fails now.
                dataset[0]

    def before_test(self, runner: Runner) -> None:
        """Check what the test's evaluation will need."""
        loop = runner.test_loop
        _check(runner, loop.dataloader.dataset, loop.evaluator)


def _check(runner: Runner, dataset: Any, evaluator: Any) -> None:
    metrics = [m for m in evaluator.metrics if isinstance(m, CocoMetric)]
    metrics = [m for m in metrics if not m.format_only and m.gt_converter is None]
    # Some wrappers of several datasets cannot list their samples.
    if not metrics or not hasattr(dataset, 'get_data_info'):
        return
    samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    for metric in metrics:
        for remark in _check_metric(dataset, samples, metric):
            runner.logger.warning(remark)


def _check_metric(dataset: Any, samples: list[dict], metric: CocoMetric) -> list[str]:
    path = metric.ann_file or getattr(dataset, 'ann_file', 'the annotation file')
    if metric.coco is None:
        if metric.iou_type == 'keypoints_crowd':
            raise ValueError(
                f"{path}: CocoMetric(iou_type='keypoints_crowd') reads the file "
                'itself, in every evaluation, and cannot read this one: expected no '
                'byte-order mark, one category, and all its images in the test, '
                'without indices or sample_interval. Write such a file.'
            )
        images = [_image(sample) for sample in samples]
        annotations = [a for sample in samples for a in sample['raw_ann_info']]
    else:
        images = list(metric.coco.imgs.values())
        annotations = list(_evaluated(metric))
        _check_images(path, samples, annotations, metric)
    meta = metric.dataset_meta
    categories = {sample.get('category_id', 1) for sample in samples}
    others = [a for a in annotations if a['category_id'] not in categories]
    if others:
        raise ValueError(
            f'{path}: annotation {others[0]["id"]} has the category_id '
            f'{others[0]["category_id"]}, but predictions have {categories.pop()}; '
            'CocoMetric averages AP over all categories of its file. Give it no '
            'ann_file: then it takes what the dataset takes.'
        )
    return check_evaluation(
        path,
        images,
        annotations,
        categories.pop(),
        meta['num_keypoints'],
        len(meta['sigmas']),
        metric.use_area,
        metric.iou_type,
    )


def _image(sample: dict) -> dict:
    """A sample's image, as in an annotation file."""
    image = {'id': sample['img_id'], 'file_name': sample['img_path']}
    if 'crowd_index' in sample:
        image['crowdIndex'] = sample['crowd_index']
    return image


def _evaluated(metric: CocoMetric) -> Iterator[dict]:
    """The annotations in its file that the metric will read."""
    coco = metric.coco
    for annotation in coco.dataset.get('annotations', []):
        if (
            annotation['image_id'] in coco.imgs
            and annotation['category_id'] in coco.cats
        ):
            yield annotation


def _check_images(
    path: str, samples: list[dict], annotations: list[dict], metric: CocoMetric
) -> None:
    """The metric's file must be of the images that are tested."""
    tested = {sample['img_id'] for sample in samples}
    unknown = tested - metric.coco.imgs.keys()
    if unknown:
        raise ValueError(
            f'{path}: {len(unknown)} of the {len(tested)} tested images are not in '
            f'this file of CocoMetric, one has the id {min(unknown)}; expected the '
            'annotations of the tested images. Give CocoMetric no ann_file: then it '
            "takes the dataset's."
        )
    missed = {a['image_id'] for a in annotations} - tested
    if missed:
        raise ValueError(
            f'{path}: {len(missed)} annotated images of this file of CocoMetric are '
            f'not tested, one has the id {min(missed)}; all their people would count '
            'as missed. Give CocoMetric no ann_file: then it takes what the dataset '
            'takes.'
        )
