# SPDX-License-Identifier: Apache-2.0
"""Pictures for people to look at."""

from .comparison import draw_comparison
from .curves import draw_curves, draw_curves_as_svg
from .grid import DrawnPeople, draw_people, make_grid, match_people
from .people import AnnotatedImage, annotated_people, most_crowded, predicted_people

__all__ = [
    'AnnotatedImage',
    'DrawnPeople',
    'annotated_people',
    'draw_comparison',
    'draw_curves',
    'draw_curves_as_svg',
    'draw_people',
    'make_grid',
    'match_people',
    'most_crowded',
    'predicted_people',
]
