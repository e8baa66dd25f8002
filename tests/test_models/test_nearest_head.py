# SPDX-License-Identifier: Apache-2.0
"""The ablation differs from CenterGroup in the locations and in nothing else."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from mmpose.utils import register_all_modules

from centergroup_mm.ops.nearest import nearest_candidates


@pytest.fixture(scope='module')
def heads(repo_root):
    register_all_modules()
    config = Config.fromfile(repo_root / 'configs' / 'centergroup_tiny.py')
    torch.manual_seed(0)
    learned = MODELS.build(config.model.head)
    config.model.head.merge(dict(type='NearestKeypointHead', min_candidate_score=0.001))
    nearest = MODELS.build(config.model.head)
    nearest.load_state_dict(learned.state_dict())
    return learned.eval(), nearest.eval()


@pytest.mark.parametrize('flip', [False, True])
def test_only_the_locations_are_replaced(heads, flip):
    torch.manual_seed(1)
    learned, nearest = heads
    features = [torch.randn(4 if flip else 2, 16, 16, 24)]
    flip_indices = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 17]
    arguments = dict(features=features, flip_indices=flip_indices if flip else None)
    with torch.no_grad():
        expected, heatmaps, _, _ = learned.find_poses(**arguments)
        poses = nearest.find_poses(**arguments).poses

    assert poses.valid.any()
    for name in ('keypoint_scores', 'scores', 'valid', 'centers'):
        assert torch.equal(getattr(poses, name), getattr(expected, name)), name

    everywhere = torch.ones_like(heatmaps[:, :1], dtype=torch.bool)
    keypoints, _ = nearest.decoder.find_candidates(heatmaps, everywhere, everywhere)
    allowed = keypoints.valid & (keypoints.scores >= 0.001)
    centers = poses.centers[:, :, None]
    coords, found = nearest_candidates(keypoints, centers, allowed[:, None])
    coords = torch.where(found[..., None], coords, centers)
    # Refinement moves by a quarter pixel, after half a pixel for the truncation.
    assert ((poses.keypoints - coords - 0.5).abs() == 0.25).all()
    assert not torch.equal(poses.keypoints, expected.keypoints)


@pytest.fixture
def predict(build, make_images, make_sample):
    """Poses of the small model, with other options of the test."""

    def run(head_options, **test_cfg):
        model = build({f'head.{name}': value for name, value in head_options.items()})
        model.test_cfg.update(test_cfg)
        data = {'inputs': make_images((64, 64)), 'data_samples': [make_sample()]}
        with torch.no_grad():
            return model.test_step(data)[0].pred_instances

    return run


@pytest.mark.parametrize('flip', [False, True])
def test_the_former_name_gives_the_same_as_the_option(predict, flip):
    learned = predict({}, flip_test=flip, grouping='attention', output_attention=True)
    candidates = learned.candidates
    # Half of all candidates are too weak.
    threshold = float(np.median(candidates.scores[candidates.valid]))
    found = predict(
        {}, flip_test=flip, grouping='nearest', min_candidate_score=threshold
    )
    former = predict(
        dict(type='NearestKeypointHead', min_candidate_score=threshold), flip_test=flip
    )
    weaker = predict({}, flip_test=flip, grouping='nearest')
    assert len(found) > 0
    for name in ('keypoints', 'keypoint_scores', 'bbox_scores'):
        assert (found[name] == former[name]).all(), name
    assert (found.keypoint_scores == learned.keypoint_scores).all()
    assert (found.keypoints != learned.keypoints).any()
    assert (found.keypoints != weaker.keypoints).any(), 'the threshold counts'


def test_an_unknown_grouping_is_named(predict):
    with pytest.raises(ValueError, match=r"'farthest'; expected one of"):
        predict({}, grouping='farthest')


def test_distance_has_no_attention_to_show(predict):
    with pytest.raises(ValueError, match='output_attention'):
        predict({}, grouping='nearest', output_attention=True)


def test_candidates_are_searched_once(build, make_images, make_sample, monkeypatch):
    """Explanation and distance take what the search has found."""
    model = build()
    searched = []
    find = model.head.decoder.find_candidates

    def count(*arguments):
        searched.append(arguments)
        return find(*arguments)

    monkeypatch.setattr(model.head.decoder, 'find_candidates', count)
    for options in ({'output_attention': True}, {'grouping': 'nearest'}):
        searched.clear()
        model.test_cfg = options
        data = {'inputs': make_images((64, 64)), 'data_samples': [make_sample()]}
        with torch.no_grad():
            assert len(model.test_step(data)[0].pred_instances) > 0
        assert len(searched) == 1
