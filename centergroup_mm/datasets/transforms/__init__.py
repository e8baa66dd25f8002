# SPDX-License-Identifier: Apache-2.0
"""Transforms of the training and test pipelines."""

from .aligned_resize import BottomupAlignedResize
from .formatting import PackCenterGroupInputs
from .input_masks import BottomupInputMasks
from .loading import LoadColorImage
from .square_affine import BottomupSquareAffine

__all__ = [
    'BottomupAlignedResize',
    'BottomupInputMasks',
    'BottomupSquareAffine',
    'LoadColorImage',
    'PackCenterGroupInputs',
]
