# SPDX-License-Identifier: Apache-2.0
"""What training needs and the host lacks: safe reading and writing of checkpoints."""

from .checkpoint_hook import AtomicCheckpointHook
from .checkpoint_safety import allow_own_checkpoints
from .denormals_hook import FlushDenormalsHook

# Reading must be safe from the first checkpoint on, wherever it is read.
allow_own_checkpoints()

__all__ = ['AtomicCheckpointHook', 'FlushDenormalsHook', 'allow_own_checkpoints']
