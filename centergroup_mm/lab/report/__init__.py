# SPDX-License-Identifier: Apache-2.0
"""Pages that say how good a model is and what it gets wrong."""

from .error_sections import error_sections, points
from .html import Section, page
from .numbers import ErrorReport, report_errors
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
