# SPDX-License-Identifier: Apache-2.0
"""What training needs and the host lacks: safety, early checks, exact resuming."""

from .checkpoint_hook import AtomicCheckpointHook
from .checkpoint_safety import allow_own_checkpoints
from .curves_hook import TrainingCurvesHook
from .data_hook import DataLoadingHook
from .denormals_hook import FlushDenormalsHook
from .evaluation_check_hook import CheckEvaluationHook
from .finite_hook import StopIfNotFiniteHook
from .progress_hook import ProgressPicturesHook
from .resume_hook import ExactResumeHook
from .training_log import read_training_log

# Reading must be safe from the first checkpoint on, wherever it is read.
allow_own_checkpoints()

__all__ = [
    'AtomicCheckpointHook',
    'CheckEvaluationHook',
    'DataLoadingHook',
    'ExactResumeHook',
    'FlushDenormalsHook',
    'ProgressPicturesHook',
    'StopIfNotFiniteHook',
    'TrainingCurvesHook',
    'allow_own_checkpoints',
    'read_training_log',
]
