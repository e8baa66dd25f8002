# SPDX-License-Identifier: Apache-2.0
"""Layers: everything draws, where it belongs, as opaque as the attention."""

import numpy as np
import pytest

from centergroup_mm.visualization import (
    LAYERS,
    ExplainedPoses,
    Style,
    draw_attention,
    overlay_heatmaps,
    person_color,
    style_from_meta,
)

GREY = np.full((120, 160, 3), 100, np.uint8)


def skeleton(num_types):
    return [(index, index + 1) for index in range(num_types - 1)]


@pytest.mark.parametrize('num_types', [5, 14, 17])
@pytest.mark.parametrize(
    ('count', 'shape'),
    [(0, (90, 130)), (1, (64, 80, 1)), (1, (40, 30, 4)), (30, (192, 192, 3))],
)
def test_everything_draws(make_crowd, num_types, count, shape):
    image = np.full(shape, 128, np.uint8)
    instances = make_crowd(count, num_types, shape[1::-1])
    if count:
        instances.keypoints[0, 0] = np.nan
    for draw in (*([name] for name in LAYERS), LAYERS):
        style = Style(skeleton=skeleton(num_types), show_types=True)
        picture = draw_attention(image, instances, draw, style)
        assert picture.shape == (*shape[:2], 3)
        assert picture.dtype == np.uint8
        assert (picture != 128).any() == (count > 0)
    assert (image == 128).all()


@pytest.mark.parametrize('weight', [0.1, 0.3, 0.6])
def test_a_connection_is_as_opaque_as_its_attention(make_instances, weight):
    ends = [(140, 20), (140, 100)]
    instances = make_instances([[ends[0]]], [(20, 60)], ends, [[[weight, 1 - weight]]])
    picture = draw_attention(GREY, instances, ['pairs']).astype(float)
    for (x, y), value in zip(ends, (weight, 1 - weight), strict=True):
        middle = picture[(60 + y) // 2, (20 + x) // 2]
        expected = 100 + (np.array(person_color(0)) - 100) * value
        np.testing.assert_allclose(middle, expected, atol=1)


def test_where_connections_cross_the_stronger_one_is_seen(make_instances):
    coords = [(140, 100), (140, 20)]
    instances = make_instances(
        [[coords[0]], [coords[1]]],
        [(20, 20), (20, 100)],
        coords,
        [[[0.9, 0.1]], [[0.4, 0.6]]],
    )
    crossing = draw_attention(GREY, instances, ['pairs'])[60, 80].astype(float)
    expected = 100 + (np.array(person_color(0)) - 100) * 0.9
    np.testing.assert_allclose(crossing, expected, atol=1)


def test_attention_shows_what_is_sure_and_visible(make_instances):
    # Sure and visible; sure and not visible; not sure.
    coords = [(140, 20), (140, 60), (140, 100)]
    attention = [[[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]]]
    instances = make_instances([coords], [(20, 60)], coords, attention)
    instances.keypoint_scores[0, 1] = 0.2
    picture = draw_attention(GREY, instances, ['attention'])
    drawn = [(picture[y, 80] != 100).any() for y in (40, 60, 80)]
    assert drawn == [True, False, False]
    everything = draw_attention(GREY, instances, ['pairs'])
    assert all((everything[y, 80] != 100).any() for y in (40, 60, 80))


def test_unlikely_centers_have_no_pairs(make_instances):
    instances = make_instances([[(140, 20)]], [(20, 60)], [(140, 20)], [[[1.0]]])
    instances.center_scores[0] = 0.4
    assert (draw_attention(GREY, instances, ['pairs']) == 100).all()


def test_candidates_have_the_colors_of_their_types(make_instances):
    coords = [(20, 60), (80, 60), (140, 60)]
    attention = np.full((1, 3, 3), 1 / 3)
    instances = make_instances([coords], [(0, 0)], coords, attention)
    candidates = instances.candidates
    candidates.scores[:] = 1, 0.2, 1
    candidates.valid[2] = False
    style = Style(keypoint_colors=[(0, 0, 255), (0, 0, 255), (0, 0, 255)])
    picture = draw_attention(GREY, instances, ['candidates'], style).astype(int)
    likely, faint, empty = (picture[60, x] for x in (20, 80, 140))
    assert likely[2] > faint[2] > 100 > faint[0] > likely[0]
    assert (empty == 100).all()


def test_runner_ups_have_the_color_of_who_got_them(make_instances):
    coords = [(60, 20), (100, 20), (140, 20)]
    attention = [[[0.6, 0.3, 0.1]], [[0.1, 0.9, 0.0]]]
    instances = make_instances(
        [[coords[0]], [coords[1]]], [(30, 100), (100, 100)], coords, attention
    )
    picture = draw_attention(GREY, instances, ['runner-ups'])
    colors = [tuple(picture[20, x]) for x, _ in coords]
    assert colors == [person_color(0), person_color(1), (255, 255, 255)]
    # Of the second person, whose only other candidate has a tenth.
    other = draw_attention(GREY, instances, ['runner-ups'], Style(person=1))
    colors = [tuple(other[20, x]) for x, _ in coords]
    assert colors == [person_color(0), person_color(1), (100, 100, 100)]
    nobody = draw_attention(GREY, instances, ['runner-ups'], Style(person=2))
    assert (nobody == 100).all()


def test_poses_need_no_explanation_and_the_rest_draws_nothing_without(make_instances):
    instances = make_instances([[(40, 60)]], [(20, 60)], [(40, 60)], [[[1.0]]])
    poses = ExplainedPoses(
        instances.keypoints, instances.keypoint_scores, instances.bbox_scores
    )
    assert tuple(draw_attention(GREY, poses, ['poses'])[60, 40]) == person_color(0)
    others = [name for name in LAYERS if name != 'poses']
    assert (draw_attention(GREY, poses, others) == 100).all()


def test_scores_decide_who_is_drawn_and_numbers_how(make_instances):
    places = [(20, 60), (80, 60), (140, 60)]
    instances = make_instances(
        [[p] for p in places], places, places, np.eye(3)[:, None]
    )
    instances.bbox_scores[:] = 0.9, 0.2, 0.8
    picture = draw_attention(GREY, instances, ['poses'], score_thr=0.5, numbers=[4, 2])
    colors = [tuple(picture[y, x]) for x, y in places]
    assert colors == [person_color(4), (100, 100, 100), person_color(2)]


def test_lines_grow_with_the_image(make_instances):
    def thickness(scale):
        end = (140 * scale, 60 * scale)
        instances = make_instances([[end]], [(20, 60 * scale)], [end], [[[1.0]]])
        image = np.full((120 * scale, 160 * scale, 3), 100, np.uint8)
        picture = draw_attention(image, instances, ['pairs'])
        # Of its color for more than a half.
        return (picture[:, 80 * scale, 2] > 180).sum()

    assert thickness(16) >= 3 * thickness(1)
    # On a small image lines are thin, but there.
    assert 1 <= thickness(1) <= 3


def test_small_images_are_enlarged_and_what_lies_on_them_too(make_instances):
    instances = make_instances([[(40, 60)]], [(20, 60)], [(40, 60)], [[[1.0]]])
    picture = draw_attention(GREY, instances, ['poses'], min_size=640)
    assert picture.shape == (480, 640, 3)
    y, x = np.nonzero((picture != 100).any(-1))
    np.testing.assert_allclose([x.mean(), y.mean()], [161.5, 241.5], atol=0.6)
    assert instances.keypoints.tolist() == [[[40, 60]]]
    same = draw_attention(GREY, instances, ['poses'], min_size=100)
    assert same.shape == GREY.shape


def test_the_image_fades_and_what_is_drawn_does_not(make_instances):
    instances = make_instances([[(40, 60)]], [(20, 60)], [(40, 60)], [[[1.0]]])
    picture = draw_attention(GREY, instances, ['poses'], fade=0.4)
    assert tuple(picture[0, 0]) == (162, 162, 162)
    assert tuple(picture[60, 40]) == person_color(0)


def test_keypoints_far_outside_do_no_harm(make_instances):
    keypoints = [[(1e12, 5), (40, 60), (-np.inf, 3)]]
    instances = make_instances(keypoints, [(20, 60)], np.ones((3, 2)), [np.eye(3)])
    style = Style(skeleton=skeleton(3))
    picture = draw_attention(GREY, instances, ['poses'], style)
    assert tuple(picture[60, 40]) == person_color(0)


@pytest.mark.parametrize(
    ('draw', 'named'), [('poses', "'poses'"), (['poses', 'skeletons'], 'skeletons')]
)
def test_unknown_layers_are_named(make_instances, draw, named):
    instances = make_instances([[(40, 60)]], [(20, 60)], [(40, 60)], [[[1.0]]])
    with pytest.raises(ValueError, match=f'{named}.*; .*runner-ups, centers'):
        draw_attention(GREY, instances, draw)


def test_style_of_a_dataset():
    meta = {
        'skeleton_links': [(0, 1)],
        'keypoint_colors': np.array([[255, 0, 1], [2, 3, 4]], np.uint8),
        'keypoint_id2name': {0: 'head', 1: 'foot'},
    }
    style = style_from_meta(meta, keypoint_thr=0.1)
    assert style.skeleton == [(0, 1)]
    assert style.keypoint_colors == [(1, 0, 255), (4, 3, 2)]
    assert style.keypoint_names == ['head', 'foot']
    assert style.keypoint_thr == 0.1
    assert style_from_meta({}) == Style()


def test_heatmaps_are_warm_where_they_are_high():
    heatmaps = np.zeros((3, 30, 40), np.float32)
    heatmaps[1, 20, 30] = 1
    picture = overlay_heatmaps(GREY, heatmaps).astype(int)
    assert picture.shape == GREY.shape
    blue, _, red = picture[82, 122]
    assert red > blue
    blue, _, red = picture[20, 20]
    assert blue > red


@pytest.mark.parametrize(
    'style',
    [
        Style(skeleton=[(0, 2)]),
        Style(keypoint_names=['head']),
        Style(keypoint_colors=[(0, 0, 0)] * 3),
    ],
)
def test_a_style_of_other_types_is_refused(make_crowd, style):
    with pytest.raises(ValueError, match='have 2 keypoint types'):
        draw_attention(GREY, make_crowd(1, 2, (160, 120)), ['poses'], style)
