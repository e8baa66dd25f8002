# SPDX-License-Identifier: Apache-2.0
"""What training needs and the host lacks: safety, early checks, exact resuming."""

from .checkpoint_hook import AtomicCheckpointHook
from .data_hook import DataLoadingHook
from .denormals_hook import FlushDenormalsHook
from .evaluation_check_hook import CheckEvaluationHook
from .finite_hook import StopIfNotFiniteHook
from .resume_hook import ExactResumeHook

__all__ = [
    'AtomicCheckpointHook',
    'CheckEvaluationHook',
    'DataLoadingHook',
    'ExactResumeHook',
    'FlushDenormalsHook',
    'StopIfNotFiniteHook',
]
