# SPDX-License-Identifier: Apache-2.0
"""Pages that say how good a model is and what it gets wrong."""

from .analyze import analyze_config, analyze_results
from .data import TestData, data_of_config, data_of_file, write_report
from .error_sections import error_sections, points
from .numbers import ErrorReport, report_errors
from .page import Section, page
from .sections import curves_section, pictures_section, precision_section

__all__ = [
    'ErrorReport',
    'Section',
    'TestData',
    'analyze_config',
    'analyze_results',
    'curves_section',
    'data_of_config',
    'data_of_file',
    'error_sections',
    'page',
    'pictures_section',
    'points',
    'precision_section',
    'report_errors',
    'write_report',
]
