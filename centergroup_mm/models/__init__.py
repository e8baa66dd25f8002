# SPDX-License-Identifier: Apache-2.0
from .batched_estimator import BatchedPoseEstimator
from .centergroup import CenterGroup
from .centergroup_head import CenterGroupHead
from .centernet_head import CenterNetHead
from .data_preprocessor import MultiScaleDataPreprocessor
from .detector import HigherHRNetMaps
from .grouping import GroupingTransformer
from .heatmap_head import HeatmapHead
from .higher_hrnet_head import HigherHRNetHead
from .nearest_head import NearestKeypointHead
from .pose_score import PoseScore
from .tokenizer import CandidateTokenizer

__all__ = [
    'BatchedPoseEstimator',
    'CandidateTokenizer',
    'CenterGroup',
    'CenterGroupHead',
    'CenterNetHead',
    'GroupingTransformer',
    'HeatmapHead',
    'HigherHRNetHead',
    'HigherHRNetMaps',
    'MultiScaleDataPreprocessor',
    'NearestKeypointHead',
    'PoseScore',
]
