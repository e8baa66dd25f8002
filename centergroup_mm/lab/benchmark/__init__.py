# SPDX-License-Identifier: Apache-2.0
"""Measuring: time of parts, memory, training steps, loading."""

from .loading import measure_loading
from .memory import dense_features, peak_bytes
from .methods import Method, load_config
from .settings import DTYPES, Settings
from .timing import Spread, time_methods
from .training import measure_training

__all__ = [
    'DTYPES',
    'Method',
    'Settings',
    'Spread',
    'dense_features',
    'load_config',
    'measure_loading',
    'measure_training',
    'peak_bytes',
    'time_methods',
]
