# SPDX-License-Identifier: Apache-2.0
"""Predicting a dataset image by image, with the model's heatmaps or the true ones."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS, MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.coco import Poses, load_truth
from centergroup_mm.lab.benchmark.people import ShowingDetector, draw_truth
from centergroup_mm.lab.benchmark.prediction import predict_images
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd
from centergroup_mm.lab.evaluation import average_precision


@pytest.fixture(scope='module')
def crowd(tmp_path_factory):
    folder = tmp_path_factory.mktemp('crowd') / 'drawn'
    generate_crowd(folder, CrowdSpec(num_train=0, num_val=4, crowding=0.0))
    return folder


@pytest.fixture(
    params=[
        'centergroup_tiny',
        'higherhrnet_tiny',
        'higherhrnet_tiny_center',
        'centernet_tiny',
    ]
)
def model_and_dataset(request, repo_root, crowd):
    config = Config.fromfile(repo_root / 'configs' / f'{request.param}.py')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model).eval()
        dataset = DATASETS.build(
            dict(config.test_dataloader.dataset, data_root=f'{crowd}/')
        )
    return model, dataset


def show_truth(detector, dataset, **options):
    """A detector that shows true heatmaps."""
    flip_types = [*dataset.metainfo['flip_indices'], 17]
    return ShowingDetector(detector, flip_types, **options).eval()


def test_every_image_has_poses_and_times(model_and_dataset):
    model, dataset = model_and_dataset
    predictions = list(predict_images(model, dataset))
    ids = [prediction.sample.metainfo['img_id'] for prediction in predictions]
    assert ids == [dataset[index]['data_samples'].img_id for index in range(4)]
    for prediction in predictions:
        assert prediction.sample.pred_instances.keypoints.shape[1:] == (17, 2)
        assert prediction.network > 0 and prediction.grouping > 0
    # Nothing is left behind that would go on timing.
    assert not any(module._forward_hooks for module in model.modules())


def test_true_heatmaps_hold_the_annotated_keypoints(model_and_dataset, crowd):
    """Every labeled keypoint is a peak of its own map, in both views."""
    model, dataset = model_and_dataset
    truth = load_truth(crowd / 'annotations' / 'val.json')
    oracle = show_truth(model.head.detector, dataset)
    sample = dataset[0]['data_samples']
    image = truth[sample.img_id]
    oracle.show(draw_truth(sample, image))
    assert oracle.num_types == model.head.detector.num_types
    (coarse, fine), tags = oracle([torch.randn(2, 16, 48, 48)])
    assert coarse.shape == tags.shape == (2, oracle.num_types, 48, 48)
    assert fine.shape == (2, oracle.num_types, 96, 96)
    flip = sample.flip_indices
    for person, visibility in zip(image.keypoints, image.visibility, strict=True):
        for k in visibility.nonzero()[0]:
            # 256 image px on 192 input px, on half and on a quarter of these.
            for maps, factor in ((fine, 3 / 8), (coarse, 3 / 16)):
                x, y = (int(value * factor) for value in person[k])
                assert maps[0, k, y, x] == 1
                assert maps[1, flip[k], y, maps.shape[-1] - 1 - x] == 1


def test_true_centers_alone(model_and_dataset, crowd):
    """The center's map is the true one, those of keypoints stay the network's."""
    model, dataset = model_and_dataset
    truth = load_truth(crowd / 'annotations' / 'val.json')
    sample = dataset[0]['data_samples']
    image = truth[sample.img_id]
    own = model.head.detector
    oracles = [show_truth(own, dataset, centers_only=only) for only in (False, True)]
    for oracle in oracles:
        oracle.show(draw_truth(sample, image))
    feature = [torch.randn(2, 16, 48, 48)]
    predicted, true, centers = (f(feature)[0] for f in (own, *oracles))
    for network, annotated, mixed in zip(predicted, true, centers, strict=True):
        assert torch.equal(mixed[:, :17], network[:, :17])
        assert torch.equal(mixed[:, 17:], annotated[:, 17:])
        assert not torch.equal(network, annotated)


def test_true_heatmaps_and_distance_find_people_who_stand_apart(repo_root, crowd):
    """With the nearest candidates even an untrained model finds most people."""
    config = Config.fromfile(repo_root / 'configs' / 'centergroup_tiny.py')
    config.merge_from_dict(
        {
            'model.head.type': 'NearestKeypointHead',
            'model.head.min_candidate_score': 0.3,
        }
    )
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model).eval()
        dataset = DATASETS.build(
            dict(config.test_dataloader.dataset, data_root=f'{crowd}/')
        )
    truth = load_truth(crowd / 'annotations' / 'val.json')
    model.head.detector = oracle = show_truth(model.head.detector, dataset)

    def show(sample):
        oracle.show(draw_truth(sample, truth[sample.img_id]))

    poses = {}
    for prediction in predict_images(model, dataset, show):
        found = prediction.sample.pred_instances
        poses[prediction.sample.img_id] = Poses(
            found.keypoints, found.keypoint_scores, found.bbox_scores
        )
    precision = average_precision(truth, poses, dataset.metainfo['sigmas'])
    # Three random models found 0.61 to 0.62.
    assert precision.ar > 0.55
