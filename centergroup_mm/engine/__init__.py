# SPDX-License-Identifier: Apache-2.0
"""What training needs and the host lacks: safe checkpoints, curves, pictures."""

from .checkpoint_hook import AtomicCheckpointHook
from .checkpoint_safety import allow_own_checkpoints
from .curves_hook import TrainingCurvesHook
from .denormals_hook import FlushDenormalsHook
from .progress_hook import ProgressPicturesHook
from .training_log import read_training_log

# Reading must be safe from the first checkpoint on, wherever it is read.
allow_own_checkpoints()

__all__ = [
    'AtomicCheckpointHook',
    'FlushDenormalsHook',
    'ProgressPicturesHook',
    'TrainingCurvesHook',
    'allow_own_checkpoints',
    'read_training_log',
]
