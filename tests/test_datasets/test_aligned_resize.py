# SPDX-License-Identifier: Apache-2.0
"""Loading and resizing of images for testing."""

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.structures import InstanceData
from mmpose.models import BottomupPoseEstimator
from mmpose.models.data_preprocessors import PoseDataPreprocessor

from centergroup_mm.datasets import BottomupAlignedResize, LoadColorImage
from centergroup_mm.runtime.images import as_color


@pytest.mark.parametrize(
    ('size', 'scales', 'expected'),
    [
        ((640, 425), None, [(832, 512)]),
        ((425, 640), None, [(512, 832)]),
        ((512, 512), None, [(512, 512)]),
        ((640, 480), None, [(704, 512)]),
        ((640, 425), [0.5, 2], [(896, 512), (448, 256), (1792, 1024)]),
        ((640, 425), [2], [(832, 512), (1664, 1024)]),
    ],
)
def test_input_sizes(size, scales, expected):
    resize = BottomupAlignedResize((512, 512), scales)
    assert resize.input_sizes(size) == expected


def test_exact_multiples_get_no_further_block():
    """Of 1 <= n < 200 times the short side, none may be rounded up past its own."""
    resize = BottomupAlignedResize((64, 64), max_aspect_ratio=1e9)
    for n in range(1, 200):
        assert resize.input_sizes((49 * n, 49)) == [(64 * n, 64)]


@pytest.mark.parametrize('size', [(81, 61), (61, 81), (80, 61), (70, 70)])
def test_keypoints_map_back_to_the_image(size, test_pipeline):
    """By the host's own way from network to image coordinates."""
    width, height = size
    image = np.zeros((height, width, 3), dtype=np.uint8)
    x, y = width // 3, height // 5
    image[y, x] = 255
    packed = Compose(test_pipeline(256))({'img': image})
    light = packed['inputs'].float().mean(dim=0)
    rows, columns = torch.meshgrid(
        torch.arange(light.shape[0]), torch.arange(light.shape[1]), indexing='ij'
    )
    found = torch.stack(((light * columns).sum(), (light * rows).sum())) / light.sum()
    sample = packed['data_samples']
    poses = InstanceData(
        keypoints=found.numpy()[None, None], keypoint_scores=np.ones((1, 1))
    )
    BottomupPoseEstimator.add_pred_to_datasample(None, [poses], None, [sample])
    np.testing.assert_allclose(sample.pred_instances.keypoints[0, 0], (x, y), atol=0.05)


def test_center_is_rounded_half_to_even():
    image = np.zeros((61, 83, 3), dtype=np.uint8)
    for turned, center in ((image, (42, 30)), (image.transpose(1, 0, 2), (30, 42))):
        results = BottomupAlignedResize((64, 64)).transform({'img': turned})
        np.testing.assert_array_equal(results['input_center'], center)


def test_scales_cover_the_same_region(test_pipeline):
    image = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (61, 83, 3), dtype=np.uint8),
        (0, 0),
        6,
    )
    packed = Compose(test_pipeline(256, aug_scales=[0.5, 2]))({'img': image})
    one, half, double = (tensor.float() for tensor in packed['inputs'])
    assert packed['data_samples'].aug_scales == [0.5, 2]
    assert packed['data_samples'].input_size == one.shape[:0:-1]
    for other in (half, double):
        resized = torch.nn.functional.interpolate(
            other[None], one.shape[1:], mode='bilinear', align_corners=False
        )[0]
        inner = (slice(None), slice(40, -40), slice(80, -80))
        # Both are rounded to whole gray levels.
        assert (resized - one)[inner].abs().max() < 2


def test_samples_carry_no_maps(test_pipeline):
    """They become results, which are kept, gathered and dumped."""
    packed = Compose(test_pipeline(128))({'img': np.zeros((60, 100, 3), np.uint8)})
    keys = set(packed['data_samples'].keys())
    assert keys == {'gt_instances', 'gt_instance_labels'}


def test_extreme_aspect_ratio_is_refused(test_pipeline):
    image = np.zeros((1, 640, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=r'strip\.png of 640 x 1 .*ratio of 640.*16'):
        Compose(test_pipeline(512))({'img': image, 'img_path': 'strip.png'})


def test_inputs_too_large_for_opencv_are_refused():
    resize = BottomupAlignedResize((512, 512), max_aspect_ratio=1000)
    with pytest.raises(ValueError, match='51200 x 512'):
        resize.transform({'img': np.zeros((2, 200, 3), dtype=np.uint8)})


def test_refuses_settings_that_would_misalign_scales():
    with pytest.raises(ValueError, match='whole multiples'):
        BottomupAlignedResize((512, 512), [0.75])
    with pytest.raises(ValueError, match='expand'):
        BottomupAlignedResize((512, 512), resize_mode='fit')
    with pytest.raises(ValueError, match=r'\(512, 384\)'):
        BottomupAlignedResize((512, 384))


@pytest.mark.parametrize('shape', [(40, 50), (40, 50, 1), (40, 50, 3), (40, 50, 4)])
def test_arrays_become_three_channels(shape, test_pipeline):
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    before = image.copy()
    results = LoadColorImage().transform({'img': image})
    channels = image.reshape(40, 50, -1)
    np.testing.assert_array_equal(
        results['img'], np.broadcast_to(channels[..., :3], (40, 50, 3))
    )
    np.testing.assert_array_equal(image, before)
    assert results['ori_shape'] == (40, 50)
    assert Compose(test_pipeline(64))({'img': image})['inputs'].shape[0] == 3


def test_arrays_of_16_bits_are_read_as_in_the_runtime():
    image = np.random.default_rng(0).integers(0, 2**16, (4, 5), dtype=np.uint16)
    before = image.copy()
    loaded = LoadColorImage().transform({'img': image})['img']
    assert loaded.dtype == np.uint8
    np.testing.assert_array_equal(loaded, as_color(image))
    np.testing.assert_array_equal(loaded[..., 0], before // 256)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize('shape', [(7,), (4, 5, 2), (2, 4, 5, 3), (0, 4, 3)])
def test_other_arrays_are_refused(shape):
    with pytest.raises(ValueError, match='expected .H, W.'):
        LoadColorImage().transform({'img': np.zeros(shape), 'img_path': 'x'})


@pytest.mark.parametrize('dtype', ['float32', 'float64', 'bool', 'int64'])
def test_arrays_of_another_dtype_are_refused(dtype):
    image = np.ones((4, 5, 3), dtype=dtype)
    message = rf'x\.png .* {dtype} and shape \(4, 5, 3\); expected uint8 .*0 to 255'
    with pytest.raises(ValueError, match=message):
        LoadColorImage().transform({'img': image, 'img_path': 'x.png'})


def test_lists_are_refused():
    with pytest.raises(ValueError, match='type list; expected .* a NumPy array'):
        LoadColorImage().transform({'img': [[0, 1], [2, 3]]})


@pytest.mark.parametrize('shape', [(40, 50), (40, 50, 3), (40, 50, 4)])
def test_files_of_16_bits_are_read_in_eight(tmp_path, shape):
    path = str(tmp_path / 'deep.png')
    deep = np.random.default_rng(0).integers(0, 2**16, shape, dtype=np.uint16)
    cv2.imwrite(path, deep)
    image = LoadColorImage().transform({'img_path': path})['img']
    assert image.dtype == np.uint8
    colors = deep.reshape(40, 50, -1)[..., :3]
    expected = np.broadcast_to(colors, (40, 50, 3)) / 256
    np.testing.assert_allclose(image, expected, atol=1)


def test_missing_image(tmp_path):
    path = tmp_path / 'gone.jpg'
    with pytest.raises(FileNotFoundError, match=r'gone\.jpg does not exist'):
        LoadColorImage().transform({'img_path': str(path)})


@pytest.mark.parametrize('data', [b'', b'no image at all'])
def test_corrupt_image(tmp_path, data):
    path = tmp_path / 'bad.jpg'
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r'bad\.jpg cannot be read as an image'):
        LoadColorImage().transform({'img_path': str(path)})


@pytest.mark.parametrize(
    ('fixture', 'image', 'scales', 'keys'),
    [
        ('coco_flip', '000000196141.jpg', None, ['input']),
        ('coco_noflip', '000000000785.jpg', None, ['input']),
        (
            'coco_ms',
            '000000000785.jpg',
            [2, 0.5],
            ['input_scale1', 'input_scale0', 'input_scale2'],
        ),
    ],
)
def test_equals_the_reference(
    fixture, image, scales, keys, coco_mini, parity_dir, test_pipeline
):
    with np.load(parity_dir / f'{fixture}.npz') as arrays:
        reference = {key: arrays[key] for key in (*keys, 'center', 'scale')}
    packed = Compose(test_pipeline(256, aug_scales=scales))(
        {'img_path': str(coco_mini / image)}
    )
    normalize = PoseDataPreprocessor(
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True
    )
    inputs = packed['inputs'] if scales else [packed['inputs']]
    sample = packed['data_samples']
    for key, tensor in zip(keys, inputs, strict=True):
        batch = normalize({'inputs': [tensor], 'data_samples': [sample]})
        np.testing.assert_allclose(batch['inputs'].numpy(), reference[key], atol=1e-6)
    np.testing.assert_array_equal(sample.input_center, reference['center'])
    np.testing.assert_allclose(sample.input_scale, 200 * reference['scale'])
