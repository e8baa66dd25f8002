# SPDX-License-Identifier: Apache-2.0
"""Poses from an exported model, with numpy, OpenCV and ONNX Runtime alone."""

from pathlib import Path

from .description import Description, ModelFileError
from .drawing import draw_poses
from .images import ImageError, read_image
from .pose_model import PoseModel
from .poses import Poses

# A small model that comes with the package. It knows drawn people only; its card is
# beside it.
DEMO_MODEL = Path(__file__).parent / 'drawn_people' / 'model.onnx'

__all__ = [
    'DEMO_MODEL',
    'Description',
    'ImageError',
    'ModelFileError',
    'PoseModel',
    'Poses',
    'draw_poses',
    'read_image',
]
