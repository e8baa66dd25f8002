# SPDX-License-Identifier: Apache-2.0
"""Batches of one scale and of several."""

import pytest
import torch
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.structures import PoseDataSample

from centergroup_mm.models import MultiScaleDataPreprocessor

SETTINGS = dict(mean=[10.0, 20.0, 30.0], std=[1.0, 2.0, 4.0], bgr_to_rgb=True)


@pytest.fixture
def samples():
    return [PoseDataSample(), PoseDataSample()]


def images(scale):
    """A wide and a tall image."""
    torch.manual_seed(scale)
    sizes = ((4 * scale, 6 * scale), (6 * scale, 4 * scale))
    return [torch.randint(0, 255, (3, *size), dtype=torch.uint8) for size in sizes]


def test_one_scale_is_the_hosts(samples):
    ours, host = (
        preprocessor(**SETTINGS)({'inputs': images(2), 'data_samples': samples})
        for preprocessor in (MultiScaleDataPreprocessor, PoseDataPreprocessor)
    )
    assert torch.equal(ours['inputs'], host['inputs'])
    assert ours['data_samples'][0].batch_input_shape == (12, 12)


def test_scales_are_treated_one_by_one(samples):
    scales = [images(2), images(1), images(4)]
    preprocessor = MultiScaleDataPreprocessor(**SETTINGS)
    batch = preprocessor({'inputs': scales, 'data_samples': samples})
    # A list would be stacked by the host.
    assert isinstance(batch['inputs'], tuple)
    assert len(batch['data_samples']) == 2
    for scale, ours in zip(scales, batch['inputs'], strict=True):
        host = PoseDataPreprocessor(**SETTINGS)
        alone = host({'inputs': scale, 'data_samples': [PoseDataSample()] * 2})
        assert torch.equal(ours, alone['inputs'])
    assert batch['data_samples'][0].batch_input_shape == (12, 12)
