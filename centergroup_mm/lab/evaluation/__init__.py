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
from .levels import (
    CROWD_BORDERS,
    CROWD_LEVELS,
    SIZE_BORDERS,
    area_quantiles,
    crowd_level,
    image_ids_by_crowd_level,
    with_crowd_indices,
)
from .matching import Matches, PoseFate, match_poses
from .results import Poses, load_poses, poses_from_records, poses_to_records
from .similarity import (
    keypoint_similarity,
    object_keypoint_similarity,
    region_similarity,
)
from .truth import ImageTruth, Truth, load_truth

__all__ = [
    'CROWD_BORDERS',
    'CROWD_LEVELS',
    'FIXES',
    'SIZE_BORDERS',
    'AveragePrecision',
    'ErrorAnalysis',
    'ErrorCounts',
    'ImageErrors',
    'ImageTruth',
    'KeypointState',
    'Matches',
    'PoseFate',
    'Poses',
    'ScoreScale',
    'Truth',
    'analyze_errors',
    'area_quantiles',
    'average_precision',
    'average_precision_after_fixes',
    'average_precision_by_crowd_level',
    'best_pose_threshold',
    'count_errors',
    'crowd_level',
    'find_errors',
    'fix_poses',
    'image_ids_by_crowd_level',
    'keypoint_similarity',
    'keypoint_threshold',
    'load_poses',
    'load_truth',
    'match_poses',
    'object_keypoint_similarity',
    'poses_from_records',
    'poses_to_records',
    'region_similarity',
    'with_crowd_indices',
]
