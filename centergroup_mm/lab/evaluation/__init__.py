# SPDX-License-Identifier: Apache-2.0
"""What a results file gets wrong: average precision, and the errors behind it."""

from .analysis import (
    ErrorAnalysis,
    analyze_errors,
    best_pose_threshold,
    keypoint_threshold,
)
from .average_precision import (
    AveragePrecision,
    average_precision,
    average_precision_by_crowd_level,
)
from .counts import ErrorCounts, count_errors
from .errors import ImageErrors, KeypointState, find_errors
from .fixes import FIXES, ScoreScale, average_precision_after_fixes, fix_poses
from .matching import Matches, PoseFate, match_poses

__all__ = [
    'FIXES',
    'AveragePrecision',
    'ErrorAnalysis',
    'ErrorCounts',
    'ImageErrors',
    'KeypointState',
    'Matches',
    'PoseFate',
    'ScoreScale',
    'analyze_errors',
    'average_precision',
    'average_precision_after_fixes',
    'average_precision_by_crowd_level',
    'best_pose_threshold',
    'count_errors',
    'find_errors',
    'fix_poses',
    'keypoint_threshold',
    'match_poses',
]
