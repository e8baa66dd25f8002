# SPDX-License-Identifier: Apache-2.0
"""What is kept of the choice of keypoints explains the poses that are reported."""

import json
import pickle

import numpy as np
import pytest
import torch
from mmengine.evaluator import DumpResults
from mmpose.structures import merge_data_samples, split_instances

K, M = 5, 6
FLIP_INDICES = [0, 2, 1, 4, 3]
BASIC = {'keypoints', 'keypoint_scores', 'keypoints_visible', 'bbox_scores'}


@torch.no_grad()
def predict(model, images, samples):
    return model.test_step({'inputs': images, 'data_samples': samples})


@pytest.fixture
def explaining(build):
    """A model that keeps the attention."""

    def make(settings=None, seed=0):
        return build({'test_cfg.output_attention': True, **(settings or {})}, seed)

    return make


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('seed', range(2))
def test_the_most_attended_candidate_is_the_keypoint(
    explaining, make_images, make_sample, flip, seed
):
    # A floor that nothing reaches: the best two of each type are candidates.
    floor = {'head.decoder.score_floor': 1e3, 'head.decoder.min_candidates': 2}
    model = explaining({'test_cfg.flip_test': flip, **floor}, seed)
    sizes = [(64, 64), (128, 64)]
    samples = [make_sample(size=size, image_size=(50, 60)) for size in sizes]
    for sample in predict(model, make_images(*sizes, seed=seed), samples):
        found = sample.pred_instances
        candidates = found.candidates
        assert len(found) > 0
        assert found.attention.shape == (len(found), K, K * M)
        assert candidates.valid.reshape(K, M).sum(1).tolist() == [2] * K
        np.testing.assert_allclose(
            found.attention[..., candidates.valid].sum(-1), 1, atol=1e-5
        )
        chosen = candidates.coords[found.attention.argmax(-1)]
        # All that refinement adds to a candidate is a quarter of a pixel.
        np.testing.assert_allclose(np.abs(found.keypoints - chosen), 0.25, atol=1e-5)


def test_the_mirrored_image_is_explained_by_mirrored_attention(
    explaining, make_images, make_sample
):
    model = explaining({'test_cfg.flip_test': True})
    (image,) = make_images((64, 64))
    (plain,) = predict(model, [image], [make_sample()])
    (mirrored,) = predict(model, [image.flip(-1)], [make_sample(flip=True)])
    expected, found = plain.pred_instances, mirrored.pred_instances
    rows = found.attention.reshape(-1, K, K, M)[:, FLIP_INDICES][:, :, FLIP_INDICES]
    np.testing.assert_allclose(
        rows.reshape(-1, K, K * M), expected.attention, atol=1e-4
    )
    np.testing.assert_allclose(
        found.centers * [-1, 1] + [64, 0], expected.centers, atol=1e-4
    )
    np.testing.assert_allclose(found.center_scores, expected.center_scores, atol=1e-4)


def test_unlikely_centers_score_their_own_probability(
    explaining, make_images, make_sample
):
    model = explaining({'test_cfg.flip_test': True})
    for module in model.head.grouping.grouping_modules:
        torch.nn.init.constant_(module.center_mlp[-1].bias, -20)
    (sample,) = predict(model, make_images((128, 64)), [make_sample(size=(128, 64))])
    found = sample.pred_instances
    assert len(found) > 0 and (found.center_scores < 0.5).all()
    np.testing.assert_array_equal(found.center_scores, found.bbox_scores)


def test_everything_lies_in_image_pixels(explaining, make_images, make_sample):
    """The input shows a part of the image, at half its resolution."""
    model, images, sample = explaining(), make_images((64, 64)), make_sample()
    other = sample.clone()
    other.set_metainfo(
        dict(
            input_center=np.array([200.0, 300.0]),
            input_scale=np.array([128.0] * 2),
            ori_shape=(400, 400),
        )
    )
    (plain,) = predict(model, images, [sample])
    (moved,) = predict(model, images, [other])
    expected, found = plain.pred_instances, moved.pred_instances
    for points, others in (
        (found.centers, expected.centers),
        (found.candidates.coords, expected.candidates.coords),
    ):
        np.testing.assert_allclose(points, others * 2 + [136, 236], atol=1e-3)


def test_poses_left_out_take_their_attention_with_them(
    explaining, make_images, make_sample
):
    images, size = make_images((128, 64)), (128, 64)
    (everything,) = predict(explaining(), images, [make_sample(size=size)])
    everything = everything.pred_instances
    # In the middle of the widest gap, which no rounding closes.
    ordered = np.sort(everything.bbox_scores)
    gap = np.diff(ordered).argmax()
    threshold = float(ordered[gap : gap + 2].mean())
    model = explaining({'test_cfg.score_thr': threshold})
    (kept,) = predict(model, images, [make_sample(size=size)])
    kept = kept.pred_instances
    assert 0 < len(kept) < len(everything)
    expected = everything[everything.bbox_scores >= threshold]
    for name in ('centers', 'center_scores', 'attention'):
        np.testing.assert_array_equal(kept[name], expected[name])


def test_nothing_is_kept_unless_asked_for(build, make_images, make_sample):
    (sample,) = predict(build(), make_images((64, 64)), [make_sample()])
    assert set(sample.pred_instances.all_keys()) == BASIC
    assert 'pred_fields' not in sample


def test_without_peaks_there_is_an_empty_explanation(
    explaining, make_images, make_sample
):
    model = explaining()
    for layer in model.head.detector.final_layers:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    (sample,) = predict(model, make_images((64, 64)), [make_sample()])
    found = sample.pred_instances
    assert found.attention.shape == (0, K, K * M)
    assert found.centers.shape == (0, 2)
    assert not found.candidates.valid.any()


@pytest.fixture
def dump(tmp_path):
    """The host's dump of a prediction, and its size in bytes."""

    def dump(sample):
        path = tmp_path / 'dump.pkl'
        metric = DumpResults(str(path))
        metric.process({}, [sample.to_dict()])
        metric.evaluate(1)
        (dumped,) = pickle.loads(path.read_bytes())
        return dumped, path.stat().st_size

    return dump


def test_the_host_takes_what_is_added(explaining, make_images, make_sample, dump):
    """Its merging for pictures, its JSON and its dump."""
    sample = make_sample()
    # Targets, which no test has.
    del sample.gt_fields
    (sample,) = predict(explaining(), make_images((64, 64)), [sample])
    merged = merge_data_samples([sample])
    coords = sample.pred_instances.candidates.coords
    assert merged.pred_instances.candidates.coords is coords
    json.dumps(split_instances(sample.pred_instances))
    dumped, _ = dump(sample)
    np.testing.assert_array_equal(
        dumped['pred_instances']['candidates']['coords'], coords
    )


def test_a_result_is_the_poses_and_where_they_belong(build, load_test_image, dump):
    """No map of the input's size is kept, gathered or dumped with them."""
    image = np.random.default_rng(0).integers(0, 256, (120, 200, 3), np.uint8)
    packed = load_test_image(image, side=128)
    (sample,) = predict(build(), [packed['inputs']], [packed['data_samples']])
    poses = sample.pred_instances
    assert len(poses) > 0
    dumped, size = dump(sample)
    filled = {key for key, value in dumped.items() if not hasattr(value, 'keys')}
    assert filled == set(sample.metainfo_keys())
    assert {key for key in dumped if key not in filled} == {
        'gt_instances',
        'gt_instance_labels',
        'pred_instances',
    }
    assert not dumped['gt_instances'] and not dumped['gt_instance_labels']
    assert set(dumped['pred_instances']) == BASIC
    width, height = sample.input_size
    assert size < width * height / 4


def test_grouping_by_distance_has_no_attention_to_show(build, make_images, make_sample):
    model = build(
        {
            'test_cfg.output_attention': True,
            'head.type': 'NearestKeypointHead',
        }
    )
    with pytest.raises(ValueError, match='output_attention'):
        predict(model, make_images((64, 64)), [make_sample()])
