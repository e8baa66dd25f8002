# SPDX-License-Identifier: Apache-2.0
"""From a results file to an error report: the data it belongs to, and its files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

from ...coco import Truth, load_poses, load_truth
from ...datasets import load_metainfo
from ...datasets.sigmas import choose_sigmas
from ...files import write_atomically
from ..command_line import progress_bar
from .numbers import ErrorReport, report_errors
from .page import Section, page


@dataclass(frozen=True)
class TestData:
    """What poses are judged by.

    Attributes:
        truth (Truth): The annotations.
        metainfo (dict): The dataset's, parsed.
        image_folder (Path | None): Where the images lie, if known.
        iou_type (str): As in CocoMetric.
    """

    truth: Truth
    metainfo: dict
    image_folder: Path | None
    iou_type: str = 'keypoints'

    @property
    def skeleton(self) -> list[tuple[int, int]]:
        """Pairs of keypoint types to connect."""
        return [tuple(link) for link in self.metainfo['skeleton_links']]

    def report(
        self, results: Path, pose_threshold: float | None = None, worst: int = 6
    ) -> ErrorReport:
        """Measure the errors of a results file, see :func:`report_errors`."""
        return report_errors(
            self.truth,
            load_poses(results, self.truth),
            np.asarray(self.metainfo['sigmas']),
            np.asarray(self.metainfo['flip_indices']),
            self.iou_type,
            pose_threshold,
            worst,
            progress_bar('Fixing errors'),
        )


def data_of_config(config: Config, image_folder: Path | None = None) -> TestData:
    """The test data of a config, judged as its CocoMetric does.

    Args:
        config (Config): The config.
        image_folder (Path, optional): Defaults to that of the test dataset.

    Raises:
        ValueError: If the config does not test, or not by CocoMetric.
    """
    init_default_scope('mmpose')
    missing = [n for n in ('test_evaluator', 'test_dataloader') if n not in config]
    if missing:
        raise ValueError(
            f'{config.filename} has no {missing[0]}: expected the config of a model '
            'with its test data.'
        )
    evaluators = config.test_evaluator
    evaluators = evaluators if isinstance(evaluators, list | tuple) else [evaluators]
    kinds = [evaluator['type'] for evaluator in evaluators]
    if kinds != ['CocoMetric']:
        raise ValueError(
            f'{config.filename} tests by {", ".join(kinds)}; expected CocoMetric alone.'
        )
    dataset = DATASETS.build(dict(config.test_dataloader.dataset, lazy_init=True))
    metric = evaluators[0]
    iou_type = metric.get('iou_type', 'keypoints')
    truth = load_truth(
        metric.get('ann_file') or dataset.ann_file,
        dataset.metainfo['num_keypoints'],
        metric.get('use_area', True),
        iou_type=iou_type,
        merge_categories=getattr(dataset, 'merge_categories', False),
    )
    folder = image_folder or Path(dataset.data_prefix['img'])
    return TestData(truth, dataset.metainfo, folder, iou_type)


def data_of_file(
    ann_file: Path,
    metainfo: str,
    image_folder: Path | None,
    iou_type: str,
    use_area: bool,
    merge_categories: bool = False,
) -> TestData:
    """The data of an annotation file.

    Args:
        ann_file (Path): In COCO's format.
        metainfo (str): A metainfo file, or the name of one of MMPose's datasets.
        image_folder (Path | None): Where the images lie.
        iou_type (str): As in CocoMetric.
        use_area (bool): As in CocoMetric.
        merge_categories (bool): As in the dataset. Defaults to False.

    Raises:
        ValueError: If the metainfo file is something else, or areas are missing.
    """
    is_file = Path(metainfo).is_file()
    parsed = load_metainfo(dict(from_file=metainfo if is_file else f'{metainfo}.py'))
    parsed['sigmas'] = choose_sigmas(parsed)
    truth = load_truth(
        ann_file,
        parsed['num_keypoints'],
        use_area,
        iou_type=iou_type,
        merge_categories=merge_categories,
    )
    return TestData(truth, parsed, image_folder, iou_type)


def write_report(
    folder: Path, title: str, lead: str, sections: Sequence[Section], numbers: dict
) -> list[Path]:
    """Write report.html and report.json; returns the files."""
    html, numbers_file = folder / 'report.html', folder / 'report.json'
    write_atomically(html, page(title, lead, sections).encode())
    write_atomically(numbers_file, json.dumps(numbers, indent=1).encode())
    return [html, numbers_file]
