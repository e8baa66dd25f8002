# SPDX-License-Identifier: Apache-2.0
"""The estimator: prediction of batches, mirrored views, several scales."""

import numpy as np
import pytest
import torch

from .predictions import predict

K = 5
FLIP_INDICES = [0, 2, 1, 4, 3]


def assert_same(prediction, expected, atol=1e-4):
    for name in ('keypoints', 'keypoint_scores', 'bbox_scores'):
        np.testing.assert_allclose(
            prediction[name], expected[name], rtol=0, atol=atol, err_msg=name
        )


def check_form(prediction):
    count = len(prediction)
    assert prediction.keypoints.shape == (count, K, 2)
    assert prediction.keypoint_scores.shape == (count, K)
    assert prediction.bbox_scores.shape == (count,)
    assert np.isfinite(prediction.keypoints).all()


@pytest.mark.parametrize('flip', [False, True])
def test_padded_batch_equals_single_images(build, make_images, make_sample, flip):
    model = build({'test_cfg.flip_test': flip})
    sizes = [(64, 64), (128, 64), (64, 64), (64, 128)]
    image_sizes = [None, (100, 64), (50, 60), None]
    images = make_images(*sizes)
    samples = [
        make_sample(size=size, image_size=image_size)
        for size, image_size in zip(sizes, image_sizes, strict=True)
    ]
    together = predict(model, images, samples)
    assert [len(prediction) > 0 for prediction in together] == [True] * 4
    for image, sample, prediction in zip(images, samples, together, strict=True):
        check_form(prediction)
        (alone,) = predict(model, [image], [sample])
        assert_same(prediction, alone)


@pytest.mark.parametrize('flip', [False, True])
def test_padding_has_no_keypoints(build, make_images, make_sample, flip):
    model = build({'test_cfg.flip_test': flip})
    images = make_images((64, 64), (64, 64), (128, 64), seed=1)
    image_sizes = [(40, 64), (64, 30), (70, 50)]
    samples = [
        make_sample(size=tuple(image.shape[:0:-1]), image_size=size)
        for image, size in zip(images, image_sizes, strict=True)
    ]
    for size, prediction in zip(
        image_sizes, predict(model, images, samples), strict=True
    ):
        assert len(prediction) > 0
        # A pixel inside, half a pixel for the truncation, a quarter of refinement.
        assert (prediction.keypoints >= 0.25).all()
        assert (prediction.keypoints <= np.array(size) - 0.25).all()


@pytest.mark.parametrize('seed', range(3))
def test_flip_test_of_the_mirrored_image_gives_mirrored_poses(
    build, make_images, make_sample, seed
):
    model = build({'test_cfg.flip_test': True}, seed)
    images = make_images((128, 64), (64, 64), seed=seed)
    for image in images:
        width = image.shape[-1]
        form = dict(size=(width, 64), image_size=(width - 24, 64))
        (poses,) = predict(model, [image], [make_sample(**form)])
        # The padding of 24 pixels lies to the left of the mirrored image.
        sample = make_sample(**form)
        sample.set_metainfo(dict(input_center=np.array([width / 2 - 24, 32])))
        (mirrored,) = predict(model, [image.flip(-1)], [sample])
        assert len(poses) > 0
        keypoints = mirrored.keypoints[:, FLIP_INDICES] * [-1, 1] + [width - 24, 0]
        np.testing.assert_allclose(keypoints, poses.keypoints, atol=1e-3)
        np.testing.assert_allclose(
            mirrored.keypoint_scores[:, FLIP_INDICES], poses.keypoint_scores, atol=1e-4
        )
        np.testing.assert_allclose(mirrored.bbox_scores, poses.bbox_scores, atol=1e-4)


def test_views_in_one_batch_equal_views_one_by_one(build, make_images, make_sample):
    """The host runs the backbone once per view; the head takes both forms."""
    model = build({'test_cfg.flip_test': True})
    images, samples = make_images((64, 64), (64, 64)), [make_sample(), make_sample()]
    expected = predict(model, images, samples)
    data = model.data_preprocessor({'inputs': images, 'data_samples': samples})
    with torch.no_grad():
        views = [
            model.extract_feat(data['inputs']),
            model.extract_feat(data['inputs'].flip(-1)),
        ]
        predictions = model.head.predict(views, samples, test_cfg=model.test_cfg)
    for prediction, other in zip(predictions, expected, strict=True):
        assert_same(prediction, other)


@pytest.mark.parametrize('flip', [False, True])
def test_several_scales(build, make_images, make_sample, flip):
    """Another scale changes the poses; batched equals single with padding too."""
    settings = {'test_cfg.flip_test': flip}
    several = build({**settings, 'test_cfg.multiscale_test': True})
    single = build(settings)
    sizes = [(128, 128), (256, 128)]
    scales = [make_images(*sizes, seed=2)]
    for factor in (0.5, 2.0):
        scales.append(
            [
                torch.nn.functional.interpolate(
                    image[None].float(), scale_factor=factor, mode='bilinear'
                )[0].byte()
                for image in scales[0]
            ]
        )
    samples = [make_sample(size=size) for size in sizes]
    for sample in samples:
        sample.set_metainfo(dict(aug_scales=[0.5, 2]))
    together = predict(several, scales, samples)
    only = predict(single, scales[0], [make_sample(size=size) for size in sizes])
    for index, prediction in enumerate(together):
        check_form(prediction)
        assert len(prediction) > 0
        alone = [[images[index]] for images in scales]
        (expected,) = predict(several, alone, [samples[index]])
        assert_same(prediction, expected)
        assert not np.array_equal(prediction.keypoints, only[index].keypoints)


@pytest.mark.parametrize('flip', [False, True])
def test_further_padding_changes_nothing(build, make_images, make_sample, flip):
    """Every scale is cut to its own size, whatever size the batch was padded to."""
    settings = {'test_cfg.flip_test': flip, 'test_cfg.multiscale_test': True}
    size, factors = (192, 128), (1, 0.5, 2)
    scales = [
        make_images((int(size[0] * factor), int(size[1] * factor)))
        for factor in factors
    ]
    found = []
    for divisor in (1, 128):
        model = build({**settings, 'data_preprocessor.pad_size_divisor': divisor})
        sample = make_sample(size=size)
        sample.set_metainfo(dict(aug_scales=list(factors[1:])))
        found += predict(model, scales, [sample])
    plain, padded = found
    assert len(plain) > 0
    assert_same(padded, plain)


def test_inputs_must_be_of_the_size_in_the_metainfo(build, make_images, make_sample):
    model = build({'test_cfg.multiscale_test': True})
    sample = make_sample(size=(128, 64))
    sample.set_metainfo(dict(aug_scales=[0.5]))
    images = [make_images((128, 64)), make_images((32, 32))]
    with pytest.raises(ValueError, match='32 x 32 .* for 64 x 32 .*aug_scales'):
        predict(model, images, [sample])
    sample.set_metainfo(dict(aug_scales=[0.5, 2]))
    with pytest.raises(ValueError, match=r'scales \(1, 0.5, 2\) .* 2 input'):
        predict(model, images, [sample])


def test_scales_and_switch_must_agree(build, make_images, make_sample):
    image, sample = make_images((64, 64)), make_sample()
    with pytest.raises(ValueError, match='multiscale_test'):
        predict(build(), [image, image], [sample])
    with pytest.raises(ValueError, match='multiscale_test'):
        predict(build({'test_cfg.multiscale_test': True}), image, [sample])


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('bias', [0.0, -1.0])
def test_heatmaps_without_a_peak_give_an_empty_result(
    build, make_images, make_sample, flip, bias
):
    model = build({'test_cfg.flip_test': flip})
    for layer in model.head.detector.final_layers:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.constant_(layer.bias, bias)
    (prediction,) = predict(model, make_images((64, 64)), [make_sample()])
    assert len(prediction.keypoints) == 0
    check_form(prediction)


def test_image_that_is_all_padding_gives_an_empty_result(
    build, make_images, make_sample
):
    sample = make_sample()
    sample.set_metainfo(dict(input_center=np.array([-100.0, 32.0])))
    whole = make_sample()
    empty, full = predict(build(), make_images((64, 64), (64, 64)), [sample, whole])
    assert len(empty.keypoints) == 0
    assert len(full.keypoints) > 0
    check_form(empty)


def test_score_threshold_drops_poses_and_nothing_else(build, make_images, make_sample):
    images, samples = make_images((128, 64)), [make_sample(size=(128, 64))]
    (everything,) = predict(build(), images, samples)
    scores = everything.bbox_scores
    # In the middle of the widest gap, which no rounding closes.
    ordered = np.sort(scores)
    gap = np.diff(ordered).argmax()
    threshold = float(ordered[gap : gap + 2].mean())
    (kept,) = predict(build({'test_cfg.score_thr': threshold}), images, samples)
    assert 0 < len(kept) < len(everything)
    assert_same(kept, everything[scores >= threshold])


def test_poses_are_given_in_image_pixels(build, make_images, make_sample):
    """The input shows a part of the image, at half its resolution."""
    model, images, sample = build(), make_images((64, 64)), make_sample()
    (expected,) = predict(model, images, [sample])
    other = sample.clone()
    other.set_metainfo(
        dict(
            input_center=np.array([200.0, 300.0]),
            input_scale=np.array([128.0] * 2),
            ori_shape=(400, 400),
        )
    )
    (prediction,) = predict(model, images, [other])
    np.testing.assert_allclose(
        prediction.keypoints, expected.keypoints * 2 + [136, 236], atol=1e-3
    )


def test_tensor_mode_runs_without_samples(build, make_images):
    """As complexity tools call it."""
    images = torch.stack(make_images((64, 64))).float()
    with torch.no_grad():
        poses = build()(images, None, mode='tensor')
    assert poses.keypoints.shape == (1, 7, K, 2)


def test_gradients_need_not_be_switched_off(build, make_images, make_sample):
    """A caller may be in the middle of a training, or know nothing of gradients."""
    settings = {'test_cfg.output_heatmaps': True, 'test_cfg.output_attention': True}
    model = build(settings)
    data = {'inputs': make_images((64, 64)), 'data_samples': [make_sample()]}
    assert torch.is_grad_enabled()
    (result,) = model.test_step(data)
    check_form(result.pred_instances)
    assert not result.pred_fields.heatmaps.requires_grad


def test_wrong_number_of_types_names_both_numbers(build, make_images, make_sample):
    model, sample = build(), make_sample(num_keypoints=3)
    message = r'5 keypoint types, the dataset 3 \(sample by_hand\.png\).*num_keypoints'
    with pytest.raises(ValueError, match=message):
        predict(model, make_images((64, 64)), [sample])
    with pytest.raises(ValueError, match=message):
        model.loss(torch.zeros(1, 3, 64, 64), [sample])


def maps_are_by_pixel(model, images):
    feature, *_ = model.extract_feat(torch.stack(images).float())
    return feature.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('channels_last', [None, True])
def test_channels_last_gives_the_same_poses(
    build, make_images, make_sample, channels_last, tmp_path
):
    """Weights saved in one memory format are loaded into the other."""
    images, sample = make_images((128, 64)), make_sample(size=(128, 64))
    settings = {'test_cfg.flip_test': True}
    by_channel = build({**settings, 'channels_last': False})
    by_pixel = build({**settings, 'channels_last': channels_last})
    for source, target in ((by_channel, by_pixel), (by_pixel, by_channel)):
        torch.save(source.state_dict(), tmp_path / 'weights.pth')
        for weight in target.state_dict().values():
            weight.zero_()
        target.load_state_dict(torch.load(tmp_path / 'weights.pth', weights_only=True))
    assert maps_are_by_pixel(by_pixel, images)
    assert not maps_are_by_pixel(by_channel, images)
    (expected,) = predict(by_channel, images, [sample])
    (found,) = predict(by_pixel, images, [sample])
    assert len(found) > 0
    assert_same(found, expected)


@pytest.mark.parametrize(
    ('channels_last', 'in_training'), [(None, False), (True, True), (False, False)]
)
def test_training_is_by_channel_unless_it_is_told(
    build, make_images, channels_last, in_training
):
    model, images = build({'channels_last': channels_last}), make_images((64, 64))
    for _ in range(2):
        assert maps_are_by_pixel(model.train(), images) == in_training
        assert maps_are_by_pixel(model.eval(), images) == (channels_last is not False)


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_mixed_precision_is_that_of_the_network(build, make_images, make_sample, dtype):
    """What comes of it is in single precision; `test_hand_placed_people.py` has the
    coordinates."""
    images, sample = make_images((128, 64)), make_sample(size=(128, 64))
    model = build({'test_cfg.flip_test': True, 'test_cfg.autocast': dtype})
    seen = []
    model.backbone.register_forward_hook(lambda *args: seen.append(args[2]))
    (mixed,) = predict(model, images, [sample])
    assert seen[0][0].dtype == getattr(torch, dtype)
    check_form(mixed)
    assert mixed.keypoint_scores.dtype == mixed.bbox_scores.dtype == np.float32
    steps = np.abs(mixed.keypoints - 0.5) % 1
    np.testing.assert_allclose(np.minimum(steps, 1 - steps), 0.25, atol=1e-3)


def test_unknown_precision_is_an_error(build, make_images, make_sample):
    model = build({'test_cfg.autocast': 'half'})
    with pytest.raises(ValueError, match="autocast='half'.*bfloat16"):
        predict(model, make_images((64, 64)), [make_sample()])
