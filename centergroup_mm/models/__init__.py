# SPDX-License-Identifier: Apache-2.0
from .centergroup import CenterGroup
from .centergroup_head import CenterGroupHead
from .data_preprocessor import MultiScaleDataPreprocessor
from .nearest_head import NearestKeypointHead

__all__ = [
    'CenterGroup',
    'CenterGroupHead',
    'MultiScaleDataPreprocessor',
    'NearestKeypointHead',
]
