# SPDX-License-Identifier: Apache-2.0
"""Datasets and transforms of bottom-up training and testing."""

from .metainfo_files import load_metainfo
from .person_datasets import (
    CenterGroupCocoDataset,
    CenterGroupCrowdPoseDataset,
    PersonAnnotationMixin,
)
from .transforms import (
    BottomupAlignedResize,
    BottomupInputMasks,
    BottomupSquareAffine,
    LoadColorImage,
    PackCenterGroupInputs,
)

__all__ = [
    'BottomupAlignedResize',
    'BottomupInputMasks',
    'BottomupSquareAffine',
    'CenterGroupCocoDataset',
    'CenterGroupCrowdPoseDataset',
    'LoadColorImage',
    'PackCenterGroupInputs',
    'PersonAnnotationMixin',
    'load_metainfo',
]
