# SPDX-License-Identifier: Apache-2.0
"""How many images per second a worker prepares."""

import copy
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import TRANSFORMS

from ...coco import People
from ..crowd import CrowdSpec, make_image
from .methods import metainfo_of
from .people import place_people
from .samples import loaded_results
from .timing import Progress, spread


def measure_loading(
    config: Config, runs: int, progress: Progress, size: tuple[int, int] = (640, 480)
) -> dict:
    """Time a config's training pipeline on an image like COCO's.

    A JPEG file of 640 x 480 with eight people, one of them an ignored polygon, and a
    crowd region in run lengths.

    Args:
        config (Config): With a ``train_pipeline``.
        runs (int): Images that count.
        progress (Callable): As in :func:`time_methods`.
        size (tuple[int, int]): Of the image, [w, h].

    Returns:
        dict: ``images_per_second`` of one worker and ``transforms``, milliseconds of
        each (:class:`Spread`).
    """
    with DefaultScope.overwrite_default_scope('mmpose'):
        transforms = [TRANSFORMS.build(t) for t in config.train_pipeline]
    names = [type(transform).__name__ for transform in transforms]
    seconds = {name: [] for name in names}
    totals = []
    with tempfile.TemporaryDirectory() as folder:
        sample = _make_sample(Path(folder, 'image.jpg'), size, metainfo_of(config))
        for index in progress(range(runs + 1), runs + 1):
            results = copy.deepcopy(sample)
            start = last = time.perf_counter()
            for name, transform in zip(names, transforms, strict=True):
                results = transform(results)
                now = time.perf_counter()
                # The first image warms up.
                if index:
                    seconds[name].append(now - last)
                last = now
            if index:
                totals.append(last - start)
    return dict(
        images_per_second=float(1 / np.median(totals)),
        transforms={name: spread(times)._asdict() for name, times in seconds.items()},
    )


def _make_sample(path: Path, size: tuple[int, int], metainfo: dict) -> dict:
    """What a dataset gives its pipeline."""
    image, *_ = make_image(CrowdSpec(num_train=0, num_val=1), 'val', 0)
    if not cv2.imwrite(str(path), cv2.resize(image, size)):
        raise OSError(f'{path} cannot be written.')
    (people,) = place_people(8, metainfo['num_keypoints'], size, batch=1)
    boxes = np.concatenate((people.keypoints.min(1), people.keypoints.max(1)), 1)
    *boxes, ignored = boxes
    persons = People(people.keypoints[:-1], people.visibility[:-1])
    x1, y1, x2, y2 = (float(value) for value in ignored)
    width, height = size
    # A crowd along the bottom, column by column as COCO writes run lengths.
    top = height * 5 // 6
    regions = [
        dict(
            id=1, segmentation=[[x1, y1, x2, y1, x2, y2, x1, y2]], bbox=[x1, y1, x2, y2]
        ),
        dict(
            id=2,
            segmentation=dict(size=[height, width], counts=[top, height - top] * width),
            bbox=[0, top, width, height],
        ),
    ]
    return dict(
        loaded_results(persons, metainfo),
        img_path=str(path),
        img_id=1,
        id=list(range(len(persons))),
        bbox=np.array(boxes, np.float32),
        ignore_regions=regions,
    )
