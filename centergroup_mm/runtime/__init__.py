# SPDX-License-Identifier: Apache-2.0
"""Poses from an exported model, with numpy, OpenCV and ONNX Runtime alone."""

from .description import Description, ModelFileError
from .drawing import draw_poses
from .images import ImageError, read_image
from .pose_model import PoseModel
from .poses import Poses

__all__ = [
    'Description',
    'ImageError',
    'ModelFileError',
    'PoseModel',
    'Poses',
    'draw_poses',
    'read_image',
]
