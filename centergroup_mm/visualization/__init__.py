# SPDX-License-Identifier: Apache-2.0
"""Pictures for people to look at.

Why a keypoint went to a person, from predictions made with
``test_cfg.output_attention=True``::

    style = style_from_meta(model.dataset_meta)
    (sample,) = inference_bottomup(model, image)  # BGR, like the picture
    picture = draw_attention(image, sample, ('attention', 'centers'), style)

:class:`CenterGroupVisualizer` does the same where the host draws.
"""

from .attention import check_layers, draw_attention, overlay_heatmaps, style_from_meta
from .comparison import comparison_tiles, draw_comparison
from .curves import draw_curves, draw_curves_as_svg
from .curves_hook import TrainingCurvesHook
from .explained import ExplainedPoses, Explanation
from .grid import DrawnPeople, draw_people, make_grid, match_people, person_colour
from .painter import LAYERS, NEED_EXPLANATION, Style
from .people import AnnotatedImage, annotated_people, most_crowded, predicted_people
from .progress_hook import ProgressPicturesHook
from .training_log import read_training_log
from .visualizer import CenterGroupVisualizer

__all__ = [
    'LAYERS',
    'NEED_EXPLANATION',
    'AnnotatedImage',
    'CenterGroupVisualizer',
    'DrawnPeople',
    'ExplainedPoses',
    'Explanation',
    'ProgressPicturesHook',
    'Style',
    'TrainingCurvesHook',
    'annotated_people',
    'check_layers',
    'comparison_tiles',
    'draw_attention',
    'draw_comparison',
    'draw_curves',
    'draw_curves_as_svg',
    'draw_people',
    'make_grid',
    'match_people',
    'most_crowded',
    'overlay_heatmaps',
    'person_colour',
    'predicted_people',
    'read_training_log',
    'style_from_meta',
]
