# SPDX-License-Identifier: Apache-2.0
"""The visualizer, as the host builds and calls it."""

import copy

import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample

from centergroup_mm.visualization import CenterGroupVisualizer, person_color

GREY = np.full((480, 640, 3), 100, np.uint8)
PEOPLE = [[(100, 100), (100, 300)], [(300, 100), (300, 300)]]
META = {
    'skeleton_links': [(0, 1)],
    'skeleton_link_colors': np.array([[255, 0, 0]], np.uint8),
    'keypoint_colors': np.array([[255, 0, 0], [0, 0, 255]], np.uint8),
    'keypoint_id2name': {0: 'head', 1: 'foot'},
}


def rgb(index):
    return person_color(index)[::-1]


@pytest.fixture
def make_sample(make_instances):
    """A sample of two upright people, with their attention."""

    def make():
        coords = np.swapaxes(PEOPLE, 0, 1).reshape(-1, 2)
        attention = np.zeros((2, 2, 4))
        # First head of both people, then feet of both.
        attention[[0, 0, 1, 1], [0, 1, 0, 1], [0, 2, 1, 3]] = 1
        centers = np.mean(PEOPLE, 1) + [50, 0]
        sample = PoseDataSample()
        sample.pred_instances = make_instances(PEOPLE, centers, coords, attention)
        return sample

    return make


@pytest.fixture
def build():
    """Build a visualizer from a config, like runners and inferencers do."""

    def make(name, **settings):
        with DefaultScope.overwrite_default_scope('mmpose'):
            visualizer = VISUALIZERS.build(
                dict(type='CenterGroupVisualizer', name=name, **settings)
            )
        visualizer.set_dataset_meta(META)
        return visualizer

    return make


def test_each_person_has_a_color(build, make_sample):
    picture = build('colors').add_datasample('test', GREY, make_sample(), draw_gt=False)
    assert [tuple(picture[200, x]) for x in (100, 300)] == [rgb(0), rgb(1)]


def test_switches_say_what_is_drawn(build, make_sample):
    visualizer = build('switches', draw=['attention'], fade=0.5, score_thr=0.6)
    picture = visualizer.add_datasample('test', GREY, make_sample(), draw_gt=False)
    faded = (178, 178, 178)
    # Half of the way from the center to the head; the second person scores too little.
    assert [tuple(picture[150, x]) for x in (125, 325)] == [rgb(0), faded]
    assert tuple(picture[200, 100]) == faded
    with pytest.raises(ValueError, match='candidates, pairs'):
        CenterGroupVisualizer(name='wrong', draw=['everything'])


def test_small_images_are_enlarged_and_the_sample_is_not(build, make_sample):
    sample = make_sample()
    sample.pred_instances.bboxes = np.array([[50.0, 50, 150, 350]] * 2)
    before = copy.deepcopy(sample)
    visualizer = build('small', draw=['attention', 'poses'], min_size=1280)
    picture = visualizer.add_datasample(
        'test', GREY, sample, draw_gt=False, draw_bbox=True
    )
    assert picture.shape == (960, 1280, 3)
    assert tuple(picture[400, 200]) == rgb(0)
    # The host's box, green.
    assert (picture[200:600, 98:104, 1] > 100).any(1).all()
    after = sample.pred_instances
    assert np.array_equal(after.keypoints, before.pred_instances.keypoints)
    coords = before.pred_instances.candidates.coords
    assert np.array_equal(after.candidates.coords, coords)


def test_annotations_are_drawn_beside_predictions(build, make_sample):
    sample = make_sample()
    sample.gt_instances = InstanceData(
        keypoints=np.array(PEOPLE[1:], float), keypoints_visible=np.ones((1, 2, 2))
    )
    sample.pred_fields = PixelData(heatmaps=np.random.rand(2, 48, 64))
    picture = build('both').add_datasample('test', GREY, sample, draw_heatmap=True)
    # Left the annotation, right the prediction with its heatmaps underneath.
    assert picture.shape == (960, 1280, 3)
    assert [tuple(picture[200, x]) for x in (100, 300)] == [(100,) * 3, rgb(0)]
    assert [tuple(picture[200, 640 + x]) for x in (100, 300)] == [rgb(0), rgb(1)]


def test_missing_attention_is_said_once_and_poses_are_drawn(build, make_sample, caplog):
    sample = make_sample()
    del sample.pred_instances.attention
    visualizer = build('missing', draw=['attention', 'centers'])
    # The host's logger passes nothing on.
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    pictures = [
        visualizer.add_datasample('test', GREY, sample, draw_gt=False) for _ in range(2)
    ]
    logger.removeHandler(caplog.handler)
    assert tuple(pictures[0][200, 100]) == rgb(0)
    assert caplog.text.count('output_attention=True') == 1


@pytest.mark.parametrize('shape', [(64, 80), (64, 80, 1), (8, 6, 3)])
def test_nobody_on_any_image(build, make_instances, shape):
    nobody = make_instances(
        np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros((4, 2)), np.zeros((0, 2, 4))
    )
    sample = PoseDataSample()
    sample.pred_instances = nobody
    visualizer = build(f'nobody{shape}', draw=['attention', 'runner-ups', 'poses'])
    image = np.full(shape, 50, np.uint8)
    picture = visualizer.add_datasample('test', image, sample, draw_gt=False)
    assert max(picture.shape) == 640
    assert (picture == 50).all()


def test_keypoints_that_are_no_numbers_are_left_out(build, make_sample):
    sample = make_sample()
    sample.pred_instances.keypoints[0, 0] = np.nan
    visualizer = build('nan')
    picture = visualizer.add_datasample('test', GREY, sample, draw_gt=False)
    assert tuple(picture[300, 100]) == rgb(0)
    assert tuple(picture[200, 100]) == (100, 100, 100)


def test_the_host_radius_and_width_are_relative(build, make_sample):
    visualizer = build('relative')
    areas = []
    for factor in (1, 3):
        # As the inferencers set them.
        visualizer.radius, visualizer.line_width = 3 * factor, factor
        picture = visualizer.add_datasample('test', GREY, make_sample(), draw_gt=False)
        areas.append((picture == rgb(0)).all(-1).sum())
    assert areas[1] > 2 * areas[0]


def test_a_color_means_a_person_in_openpose_style_too(build, make_sample):
    visualizer = build('openpose')
    # As the inferencers call it; the style's metainfo has a neck.
    visualizer.set_dataset_meta({**META, 'dataset_name': 'coco'}, 'openpose')
    picture = visualizer.add_datasample(
        'test', GREY, make_sample(), draw_gt=False, skeleton_style='openpose'
    )
    assert [tuple(picture[200, x]) for x in (100, 300)] == [rgb(0), rgb(1)]
