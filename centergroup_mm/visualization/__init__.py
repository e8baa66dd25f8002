# SPDX-License-Identifier: Apache-2.0
"""Drawing of poses and of the attention behind them.

Why a keypoint went to a person, from predictions made with
``test_cfg.output_attention=True``::

    style = style_from_meta(model.dataset_meta)
    (sample,) = inference_bottomup(model, image)  # BGR, like the picture
    picture = draw_attention(image, sample, ('attention', 'centers'), style)

:class:`CenterGroupVisualizer` does the same where the host draws. It, the hooks, the
curves and heatmaps are here only where the host is; the rest needs OpenCV and no more.
"""

from ..host import host_is_installed
from .attention import (
    LAYERS,
    NEED_EXPLANATION,
    check_layers,
    draw_attention,
    style_from_meta,
)
from .comparison import comparison_tiles, draw_comparison, predicted_people
from .explained import ExplainedPoses, Explanation
from .grid import draw_people, make_grid, match_people, person_color
from .painter import Style
from .training_log import read_training_log

__all__ = [
    'LAYERS',
    'NEED_EXPLANATION',
    'ExplainedPoses',
    'Explanation',
    'Style',
    'check_layers',
    'comparison_tiles',
    'draw_attention',
    'draw_comparison',
    'draw_people',
    'make_grid',
    'match_people',
    'person_color',
    'predicted_people',
    'read_training_log',
    'style_from_meta',
]

if host_is_installed():
    from .curves import draw_curves, draw_curves_as_svg
    from .curves_hook import TrainingCurvesHook
    from .heatmaps import overlay_heatmaps
    from .progress_hook import ProgressPicturesHook
    from .visualizer import CenterGroupVisualizer

    __all__ += [
        'CenterGroupVisualizer',
        'ProgressPicturesHook',
        'TrainingCurvesHook',
        'draw_curves',
        'draw_curves_as_svg',
        'overlay_heatmaps',
    ]
