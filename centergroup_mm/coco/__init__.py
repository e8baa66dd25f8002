# SPDX-License-Identifier: Apache-2.0
"""COCO's formats and measures: annotated people, poses, and their similarity.

Nothing here needs more than numpy.
"""

from .crowding import (
    CROWD_BORDERS,
    CROWD_LEVELS,
    SIZE_BORDERS,
    area_levels,
    crowd_index,
    crowd_level,
    image_ids_by_crowd_level,
    most_crowded,
    with_crowd_indices,
)
from .people import People
from .poses import Poses, load_poses, poses_from_records, poses_to_records
from .rle import decode_rle, encode_rle
from .similarity import (
    BODY_AREA_RATIO,
    keypoint_similarity,
    object_keypoint_similarity,
    region_similarity,
)
from .truth import ImageTruth, Truth, load_truth

__all__ = [
    'BODY_AREA_RATIO',
    'CROWD_BORDERS',
    'CROWD_LEVELS',
    'SIZE_BORDERS',
    'ImageTruth',
    'People',
    'Poses',
    'Truth',
    'area_levels',
    'crowd_index',
    'crowd_level',
    'decode_rle',
    'encode_rle',
    'image_ids_by_crowd_level',
    'keypoint_similarity',
    'load_poses',
    'load_truth',
    'most_crowded',
    'object_keypoint_similarity',
    'poses_from_records',
    'poses_to_records',
    'region_similarity',
    'with_crowd_indices',
]
