# SPDX-License-Identifier: Apache-2.0
"""The ablation differs from CenterGroup in the locations and in nothing else."""

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
