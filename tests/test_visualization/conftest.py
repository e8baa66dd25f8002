# SPDX-License-Identifier: Apache-2.0
"""Predictions with their attention, made by hand."""

import numpy as np
import pytest
from mmengine.structures import InstanceData


@pytest.fixture
def make_instances():
    """Make ``pred_instances`` as they are with ``output_attention``.

    Args of the returned function:
        keypoints: (n, K, 2) in pixels.
        centers: (n, 2).
        coords: (N, 2), candidates, N a multiple of K, type by type.
        attention: (n, K, N).
    """

    def make(keypoints, centers, coords, attention):
        keypoints = np.asarray(keypoints, float)
        coords = np.asarray(coords, float)
        count, num_types = keypoints.shape[:2]
        instances = InstanceData(
            keypoints=keypoints,
            keypoint_scores=np.full((count, num_types), 0.9),
            bbox_scores=np.linspace(0.9, 0.5, count),
            centers=np.asarray(centers, float),
            center_scores=np.full(count, 0.9),
            attention=np.asarray(attention, float),
        )
        candidates = InstanceData(
            coords=coords,
            types=np.repeat(np.arange(num_types), len(coords) // num_types),
            scores=np.full(len(coords), 0.5),
            valid=np.ones(len(coords), bool),
        )
        instances.set_metainfo(dict(candidates=candidates))
        return instances

    return make


@pytest.fixture
def make_crowd(make_instances):
    """Make n random people of K types with as many candidates of each type.

    Args of the returned function: n, K and the image's size [w, h].
    """

    def make(count, num_types, size):
        generator = np.random.default_rng(0)
        keypoints = generator.uniform((0, 0), size, (count, num_types, 2))
        slots = max(count, 1)
        coords = np.zeros((num_types, slots, 2))
        coords[:, :count] = keypoints.transpose(1, 0, 2)
        attention = generator.dirichlet([0.1] * num_types * slots, (count, num_types))
        own = np.eye(num_types * slots).reshape(num_types, slots, -1)[:, :count]
        instances = make_instances(
            keypoints,
            keypoints.mean(1),
            coords.reshape(-1, 2),
            0.4 * attention + 0.6 * own.transpose(1, 0, 2),
        )
        instances.candidates.valid[:] = count > 0
        return instances

    return make
