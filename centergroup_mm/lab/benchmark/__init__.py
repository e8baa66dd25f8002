# SPDX-License-Identifier: Apache-2.0
"""Measuring: time of parts, memory, training steps, loading."""

from .loading import measure_loading
from .memory import dense_features, peak_bytes
from .methods import Method
from .run import Benchmark, Plan, check_device, run_benchmark
from .settings import DTYPES, Settings
from .timing import Spread, time_methods
from .training import measure_training

__all__ = [
    'DTYPES',
    'Benchmark',
    'Method',
    'Plan',
    'Settings',
    'Spread',
    'check_device',
    'dense_features',
    'measure_loading',
    'measure_training',
    'peak_bytes',
    'run_benchmark',
    'time_methods',
]
