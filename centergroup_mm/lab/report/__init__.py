# SPDX-License-Identifier: Apache-2.0
"""Pages that say how good a model is and what it gets wrong.

No host is needed here; :mod:`.data` and :mod:`.analyze`, which read configs and run
models, are imported by their own names.
"""

from .error_sections import error_sections, points
from .numbers import ErrorReport, report_errors
from .page import Section, page
from .sections import curves_section, pictures_section, precision_section

__all__ = [
    'ErrorReport',
    'Section',
    'curves_section',
    'error_sections',
    'page',
    'pictures_section',
    'points',
    'precision_section',
    'report_errors',
]
