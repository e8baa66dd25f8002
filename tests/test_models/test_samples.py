# SPDX-License-Identifier: Apache-2.0
"""What the models read from samples of a test."""

import numpy as np
import pytest
import torch
from mmpose.structures import PoseDataSample

from centergroup_mm.models.samples import check_types, image_masks


@pytest.mark.parametrize('shape', [(60, 100), (100, 60), (61, 83), (64, 64), (37, 150)])
def test_masks_show_where_the_image_is(load_test_image, shape):
    """A white image on black is at least half as bright there."""
    packed = load_test_image(np.full((*shape, 3), 255, np.uint8), side=128)
    quarter, full = image_masks([packed['data_samples']], torch.device('cpu'), (4, 1))
    height, width = packed['inputs'].shape[1:]
    assert full.shape == (1, 1, height, width)
    assert quarter.shape == (1, 1, height // 4, width // 4)
    assert torch.equal(full[0, 0], packed['inputs'][0] >= 128)
    assert torch.equal(quarter[0, 0], packed['inputs'][0, ::4, ::4] >= 128)


def test_samples_without_keypoint_types_are_named():
    with pytest.raises(ValueError, match='flip_indices.*dataset_meta'):
        check_types([PoseDataSample(metainfo={'img_path': 'a.jpg'})], 17)
