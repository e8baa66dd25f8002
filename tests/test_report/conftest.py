# SPDX-License-Identifier: Apache-2.0
"""A small drawn crowd, and what a mediocre method might find in it."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.evaluation import CocoMetric

from centergroup_mm.coco import Truth, load_truth
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd


class Tested(NamedTuple):
    """A dataset, a results file of it and what CocoMetric says."""

    truth: Truth
    metainfo: dict
    images: Path
    results: Path
    metrics: dict
    iou_type: str


def disturb(persons, rng, size):
    """Noise, people lost, keypoints of others and poses of nobody."""
    count, types = persons.visibility.shape
    strength = rng.choice([0.3, 1, 3], (count, 1, 1))
    keypoints = persons.keypoints + rng.normal(0, 1.5, (count, types, 2)) * strength
    swapped = rng.random((count, types)) < 0.05
    keypoints = np.where(swapped[..., None], np.roll(keypoints, 1, axis=0), keypoints)
    kept = keypoints[rng.random(count) < 0.85]
    keypoints = np.concatenate([kept, rng.uniform(0, size, (1, types, 2))])
    return dict(
        keypoints=keypoints,
        keypoint_scores=rng.uniform(0.1, 1, keypoints.shape[:2]),
        bbox_scores=rng.permutation(len(keypoints)) / len(keypoints)
        + rng.uniform(0, 0.01, len(keypoints)),
    )


@pytest.fixture(scope='session', params=['coco', 'crowdpose'])
def tested(request, tmp_path_factory):
    """Results of 17 types, or of CrowdPose's 14 judged as CrowdPose does."""
    name, size = request.param, 96
    folder = tmp_path_factory.mktemp('report') / 'crowd'
    generate_crowd(folder, CrowdSpec(0, 8, size, crowding=0.8, keypoints=name))
    ann_file = folder / 'annotations' / 'val.json'
    is_crowdpose = name == 'crowdpose'
    settings = dict(
        use_area=not is_crowdpose,
        iou_type='keypoints_crowd' if is_crowdpose else 'keypoints',
    )
    metainfo = parse_pose_metainfo(dict(from_file=f'configs/_base_/datasets/{name}.py'))
    truth = load_truth(ann_file, use_area=not is_crowdpose)
    metric = CocoMetric(
        str(ann_file),
        score_mode='bbox',
        nms_mode='none',
        outfile_prefix=str(folder / 'results'),
        **settings,
    )
    metric.dataset_meta = dict(
        sigmas=metainfo['sigmas'], num_keypoints=truth.num_keypoints
    )
    rng = np.random.default_rng(1)
    samples = [
        dict(
            id=[image_id],
            img_id=image_id,
            pred_instances=disturb(image, rng, size),
            gt_instances={},
        )
        for image_id, image in truth.images.items()
    ]
    metric.process({}, samples)
    metrics = metric.compute_metrics(metric.results)
    results = folder / 'results.keypoints.json'
    assert len(json.loads(results.read_text())) > 8
    return Tested(
        truth, metainfo, folder / 'val', results, metrics, settings['iou_type']
    )
