# SPDX-License-Identifier: Apache-2.0
"""Training crops: pixels, keypoints and masks must move together."""

import numpy as np
import pytest
from mmpose.datasets.transforms import RandomFlip

from centergroup_mm.datasets import BottomupInputMasks, BottomupSquareAffine
from centergroup_mm.datasets.transforms.square_affine import CropParams, clipped_areas


def sample(image, points=(), boxes=()):
    """A pipeline sample with one keypoint type per person."""
    return {
        'img': image,
        'img_shape': image.shape[:2],
        'ori_shape': image.shape[:2],
        'img_path': 'x.png',
        'keypoints': np.array(points, dtype=np.float32).reshape(-1, 1, 2),
        'keypoints_visible': np.ones((len(points), 1), dtype=np.float32),
        'bbox': np.array(boxes, dtype=np.float32).reshape(-1, 4),
        'flip_indices': [0],
        'ignore_regions': [],
    }


def fixed_affine(scale=1.0, offset=(0.0, 0.0), rotation=0.0, side=128):
    affine = BottomupSquareAffine((side, side))
    affine.draw_params = lambda: CropParams(scale, np.array(offset), rotation)
    return affine


def centroid(image):
    """Center of the light in an image."""
    weights = image.astype(float).sum(axis=-1)
    y, x = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return np.array([(weights * x).sum(), (weights * y).sum()]) / weights.sum()


@pytest.mark.parametrize('seed', range(12))
@pytest.mark.parametrize('flip', [0.0, 1.0])
def test_lit_pixel_lands_where_its_keypoint_lands(seed, flip):
    rng = np.random.default_rng(seed)
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    x, y = rng.integers(25, 45, 2)
    image[y, x] = 255
    np.random.seed(seed)
    # Enlarged crops, so that the light is spread instead of undersampled.
    affine = BottomupSquareAffine((256, 256), 0.05, (0.9, 1.2), 30)
    results = RandomFlip(prob=flip).transform(affine.transform(sample(image, [(x, y)])))
    np.testing.assert_allclose(
        centroid(results['img']), results['keypoints'][0, 0], atol=0.1
    )


def test_crop_is_square_of_the_short_side_around_the_center():
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    corners = [(10, 0), (70, 60), (40, 30)]
    results = fixed_affine(1.0).transform(sample(image, corners))
    np.testing.assert_allclose(
        results['keypoints'][:, 0], [(0, 0), (128, 128), (64, 64)], atol=1e-4
    )


def test_larger_scale_makes_smaller_persons():
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    points, boxes = [(30, 30), (50, 30)], [(0, 0, 10, 10), (0, 0, 10, 10)]
    spans, areas = [], []
    for scale in (0.75, 1.5):
        results = fixed_affine(scale).transform(sample(image, points, boxes))
        spans.append(np.ptp(results['keypoints'][:, 0, 0]))
        areas.append(results['box_areas'][0])
    assert spans[0] == pytest.approx(20 * 128 / 45, rel=1e-5)
    assert spans[0] == pytest.approx(2 * spans[1], rel=1e-5)
    assert areas[0] == pytest.approx(100 * (128 / 45) ** 2, rel=1e-5)
    assert areas[0] == pytest.approx(4 * areas[1], rel=1e-5)


def test_offset_is_relative_to_the_crop():
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    results = fixed_affine(1.5, (0.2, -0.1)).transform(sample(image, [(40, 30)]))
    np.testing.assert_allclose(
        results['keypoints'][0, 0], [64 - 0.2 * 128, 64 + 0.1 * 128], atol=1e-4
    )


def test_rotation_keeps_areas_and_distances():
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    points, boxes = [(30, 20), (50, 35)], [(10, 10, 30, 50)] * 2
    plain, turned = (
        fixed_affine(rotation=angle).transform(sample(image, points, boxes))
        for angle in (0, 25)
    )
    np.testing.assert_array_equal(plain['box_areas'], turned['box_areas'])
    lengths = [
        np.linalg.norm(np.diff(r['keypoints'][:, 0], axis=0)) for r in (plain, turned)
    ]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-5)
    assert not np.allclose(plain['keypoints'], turned['keypoints'], atol=1)


def test_draws_cover_their_ranges_uniformly():
    np.random.seed(0)
    affine = BottomupSquareAffine((64, 64), 0.2, (0.75, 1.5), 30)
    draws = [affine.draw_params() for _ in range(2000)]
    for values, low, high in (
        ([draw.scale for draw in draws], 0.75, 1.5),
        ([draw.offset[0] for draw in draws], -0.2, 0.2),
        ([draw.offset[1] for draw in draws], -0.2, 0.2),
        ([draw.rotation for draw in draws], -30, 30),
    ):
        counts, _ = np.histogram(values, bins=4, range=(low, high))
        assert counts.sum() == 2000
        assert counts.min() > 400


def test_areas_of_boxes_clipped_to_the_image():
    boxes = np.array([[10, 10, 20, 40], [-10, -10, 10, 10], [70, 50, 100, 100]])
    boxes = np.concatenate((boxes, [[200, 200, 300, 300]])).astype(np.float32)
    np.testing.assert_array_equal(clipped_areas(boxes, (80, 60)), [300, 100, 100, 1])


def test_flipping_twice_changes_nothing():
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    once = fixed_affine().transform(sample(image, [(33, 12)], [(5, 5, 20, 30)]))
    start = {key: np.copy(once[key]) for key in ('img', 'keypoints', 'bbox')}
    flip = RandomFlip(prob=1.0)
    mirrored = flip.transform(once)
    assert mirrored['keypoints'][0, 0, 0] == 127 - start['keypoints'][0, 0, 0]
    assert mirrored['bbox'][0, 0] < mirrored['bbox'][0, 2]
    again = flip.transform(mirrored)
    for key, value in start.items():
        np.testing.assert_allclose(again[key], value, atol=1e-4)


def test_no_persons():
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    results = RandomFlip(prob=1.0).transform(fixed_affine().transform(sample(image)))
    assert results['keypoints'].shape == (0, 1, 2)
    assert results['box_areas'].shape == (0,)


def test_refuses_oblong_inputs():
    with pytest.raises(ValueError, match=r'\(64, 128\)'):
        BottomupSquareAffine((64, 128))


@pytest.mark.parametrize('flip', [0.0, 1.0])
def test_masks_follow_the_image(flip):
    """A white image shows where the image is, a black region what is ignored."""
    image = np.full((60, 80, 3), 255, dtype=np.uint8)
    image[10:40, 20:50] = 0
    results = sample(image)
    results['downscales'] = (4, 2)
    results['ignore_regions'] = [
        {'id': 1, 'segmentation': None, 'bbox': [20.0, 10.0, 50.0, 40.0]}
    ]
    results = fixed_affine(1.5, (0.15, 0.1), 20).transform(results)
    results = BottomupInputMasks().transform(RandomFlip(prob=flip).transform(results))

    supervised = results['input_masks']['supervised'][1][0]
    np.testing.assert_array_equal(supervised, results['img'][..., 0] >= 127.5)
    valid, quarter_valid = results['input_masks']['valid'][::-1]
    assert (valid | ~supervised[None]).all()
    assert 0 < supervised.sum() < valid.sum() < valid.size
    shapes = [mask.shape for mask in results['heatmap_mask']]
    assert shapes == [(1, 32, 32), (1, 64, 64)]
    assert quarter_valid.shape == (1, 32, 32)
    assert all(mask.dtype == np.float32 for mask in results['heatmap_mask'])
    # Resolutions agree but for the pixels along borders.
    coarse = supervised.reshape(32, 4, 32, 4).mean(axis=(1, 3))
    difference = abs(coarse - results['heatmap_mask'][0][0])
    assert not difference[np.isin(coarse, (0, 1))].any()
    np.testing.assert_array_equal(
        results['heatmap_mask'][0], results['input_masks']['supervised'][0]
    )


def test_mask_error_names_image_and_annotation():
    results = sample(np.zeros((60, 80, 3), dtype=np.uint8))
    bad = {
        'id': 42,
        'segmentation': {'size': [80, 60], 'counts': [4800]},
        'bbox': [0] * 4,
    }
    results['ignore_regions'] = [bad]
    results['downscales'] = (4, 2)
    with pytest.raises(ValueError, match=r'Annotation 42 of image x\.png.*80 x 60'):
        BottomupInputMasks().transform(fixed_affine().transform(results))


def test_refuses_vertical_flips():
    results = fixed_affine().transform(sample(np.zeros((60, 80, 3), dtype=np.uint8)))
    results = RandomFlip(prob=1.0, direction='vertical').transform(results)
    with pytest.raises(ValueError, match='vertical'):
        BottomupInputMasks().transform(results)


def test_masks_without_targets_are_refused():
    results = fixed_affine().transform(sample(np.zeros((60, 80, 3), dtype=np.uint8)))
    with pytest.raises(ValueError, match='GenerateTarget'):
        BottomupInputMasks().transform(results)


def test_masks_have_the_resolutions_of_the_codec():
    results = fixed_affine().transform(sample(np.zeros((60, 80, 3), dtype=np.uint8)))
    results.update(ignore_regions=[], downscales=(8, 4))
    results = BottomupInputMasks().transform(results)
    assert [m.shape[-1] for m in results['heatmap_mask']] == [16, 32]
    assert [m.shape[-1] for m in results['input_masks']['valid']] == [16, 128]
