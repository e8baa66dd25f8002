# SPDX-License-Identifier: Apache-2.0
"""Training curves: every loss with its stages, and AP."""

import io
import re
from collections.abc import Mapping, Sequence
from html import escape

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

Points = Sequence[tuple[int, float]]

# Far apart for color-blind eyes too, and legible on white and on black.
COLORS = ('#4477dd', '#e07b39', '#2a9d74', '#b65fc7', '#c9a227', '#7f8c9b')
# Text and axes; pages replace it by the color of their own text.
INK = '#404348'
PANEL_SIZE = (4.0, 2.6)
COLUMNS = 3


def curve_panels(series: Mapping[str, Points]) -> dict[str, dict[str, Points]]:
    """Sort the scalars of a training log into panels.

    Args:
        series (Mapping[str, Points]): Points (step, value) by the host's names.

    Returns:
        dict[str, dict[str, Points]]: Lines by title of the panel: the total loss; each
        ``loss_NAME`` with its ``NAME_stageN``; and all average precisions.
    """
    panels = {}
    for name, points in series.items():
        if name == 'loss':
            panels['total loss'] = {'total': points}
        elif name.startswith('loss_'):
            term = name.removeprefix('loss_')
            stages = {
                f'stage {found[1]}': values
                for other, values in series.items()
                if (found := re.fullmatch(f'{re.escape(term)}_stage(\\d+)', other))
            }
            panels[f'{term} loss'] = {'all': points, **stages}
    precision = {
        name.rpartition('/')[2]: points
        for name, points in series.items()
        if re.search(r'(^|/)AP( \.\d+)?$', name)
    }
    return panels | ({'average precision': precision} if precision else {})


def draw_curves(series: Mapping[str, Points]) -> bytes:
    """All panels in one picture.

    Args:
        series (Mapping[str, Points]): Points (step, value) by the host's names.

    Returns:
        bytes: A PNG.

    Raises:
        ValueError: If there is nothing to draw.
    """
    panels = curve_panels(series)
    if not panels:
        raise ValueError('there is neither a loss nor an average precision in the log')
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(
        (PANEL_SIZE[0] * min(COLUMNS, len(panels)), PANEL_SIZE[1] * rows),
        layout='constrained',
    )
    FigureCanvasAgg(figure)
    for number, (title, lines) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, min(COLUMNS, len(panels)), number + 1)
        _draw_panel(axes, title, lines)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=120)
    return buffer.getvalue()


def draw_curves_as_svg(series: Mapping[str, Points]) -> dict[str, str]:
    """One drawing per panel, to be placed within a page.

    Text and axes have the page's ``currentColor`` and the page's font, the background
    is the page's own.

    Args:
        series (Mapping[str, Points]): Points (step, value) by the host's names.

    Returns:
        dict[str, str]: ``<svg>`` elements by the title of the panel.
    """
    drawings = {}
    for number, (title, lines) in enumerate(curve_panels(series).items()):
        figure = Figure(PANEL_SIZE, layout='constrained')
        _draw_panel(figure.add_subplot(), title, lines)
        buffer = io.StringIO()
        settings = {'svg.fonttype': 'none', 'svg.hashsalt': title}
        with matplotlib.rc_context(settings):
            figure.savefig(
                buffer, format='svg', transparent=True, metadata={'Date': None}
            )
        drawings[title] = _for_a_page(buffer.getvalue(), f'curve{number}', title)
    return drawings


def _draw_panel(axes: Axes, title: str, lines: Mapping[str, Points]) -> None:
    steps = [step for points in lines.values() for step, _ in points]
    values = [value for points in lines.values() for _, value in points]
    alone = len(set(steps)) == 1
    has_sum = 'loss' in title and len(lines) > 1
    for number, (label, points) in enumerate(lines.items()):
        is_sum = has_sum and number == 0
        axes.plot(
            *zip(*points, strict=True),
            color=INK if is_sum else COLORS[(number - has_sum) % len(COLORS)],
            linewidth=1.6 if is_sum else 1.1,
            marker='o' if len(points) < 5 else None,
            markersize=4,
            label=label,
        )
    axes.set_title(title, fontsize=10, color=INK)
    axes.set_xlabel('iteration', fontsize=8, color=INK)
    axes.tick_params(which='both', colors=INK, labelsize=8)
    if 'loss' in title:
        positive = [value for value in values if value > 0 and np.isfinite(value)]
        if positive and max(positive) > 5 * min(positive):
            axes.set_yscale('log', subs=(2, 5))
            for axis in (
                axes.yaxis.set_major_formatter,
                axes.yaxis.set_minor_formatter,
            ):
                axis(StrMethodFormatter('{x:g}'))
    else:
        axes.set_ylim(0, 1)
    axes.set_xlim(0, max(steps) * (2 if alone else 1.02) or 1)
    axes.grid(alpha=0.25, color='#888888', linewidth=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ('left', 'bottom'))
        spine.set_color(INK)
    if len(lines) > 1:
        axes.legend(fontsize=8, frameon=False, labelcolor=INK)


def _for_a_page(svg: str, prefix: str, title: str) -> str:
    """Make a drawing of matplotlib's fit to stand beside others in one page."""
    svg = svg[svg.index('<svg') :]
    # Ids must be unique in a page, and the size is the page's business.
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf'\g<1>{prefix}-', svg)
    svg = re.sub(
        r'<svg ([^>]*?)width="[^"]*"',
        # A function, since a title may hold what looks like a group.
        lambda found: f'<svg role="img" aria-label="{escape(title)}" {found[1]}',
        svg,
        count=1,
    )
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"', r'<svg \1', svg, count=1)
    svg = re.sub(r'<metadata>.*?</metadata>', '', svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+px) '[^;]*", r'font-size: \1', svg)
    svg = re.sub(r'font-family: [^;"]*;?', '', svg)
    return svg.replace(INK, 'currentColor')
