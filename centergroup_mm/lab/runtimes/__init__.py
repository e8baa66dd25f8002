# SPDX-License-Identifier: Apache-2.0
"""How fast an exported model is, beside torch, and where its time goes.

Needs the extra ``export``, as the export does.
"""

from .compare import Comparison, Plan, compare_runtimes
from .quantize import quantize_convolutions
from .report import to_markdown
from .shares import measure_shares

__all__ = [
    'Comparison',
    'Plan',
    'compare_runtimes',
    'measure_shares',
    'quantize_convolutions',
    'to_markdown',
]
