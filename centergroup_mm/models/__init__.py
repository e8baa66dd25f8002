# SPDX-License-Identifier: Apache-2.0
from .batched_estimator import BatchedPoseEstimator
from .centergroup import CenterGroup
from .centergroup_head import CenterGroupHead
from .centernet_head import CenterNetHead
from .data_preprocessor import MultiScaleDataPreprocessor
from .higher_hrnet_head import HigherHRNetHead
from .nearest_head import NearestKeypointHead

__all__ = [
    'BatchedPoseEstimator',
    'CenterGroup',
    'CenterGroupHead',
    'CenterNetHead',
    'HigherHRNetHead',
    'MultiScaleDataPreprocessor',
    'NearestKeypointHead',
]
