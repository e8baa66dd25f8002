# SPDX-License-Identifier: Apache-2.0
"""Sections of a report about a trained model: curves, comparisons, pictures."""

from collections.abc import Mapping, Sequence

from ..visualization.curves import Points, draw_curves_as_svg
from .html import Markup, Section, bar, figure, group, picture, table


def curves_section(series: Mapping[str, Points]) -> Section:
    """Losses by stage and AP over the training.

    Args:
        series (Mapping[str, Points]): Points (step, value) by the host's names.
    """
    drawings = [Markup(drawing) for drawing in draw_curves_as_svg(series).values()]
    if not drawings:
        return Section('Training', Markup('<p>The training left no log.</p>'))
    return Section(
        'Training',
        group('curves', drawings),
        'Each loss with its weight, over all stages and of each stage alone.',
    )


def precision_section(
    results: Mapping[str, Mapping[str, float]], names: Sequence[str], lead: str
) -> Section:
    """Average precision of several ways to group, one row each.

    Args:
        results (Mapping[str, Mapping[str, float]]): Values 0 to 1 by name.
        names (Sequence[str]): The columns.
        lead (str): What is compared.
    """
    rows = [
        (
            name,
            bar(values[names[0]], f'{100 * values[names[0]]:.1f}'),
            *(f'{100 * values[key]:.1f}' for key in names[1:]),
        )
        for name, values in results.items()
    ]
    values = table('COCO’s measures, times 100', ('', *names), rows)
    return Section('Grouping', group('narrow', [values]), lead)


def pictures_section(
    title: str, lead: str, pictures: Sequence[tuple[bytes, str]], kind: str = 'jpeg'
) -> Section:
    """Pictures below each other.

    Args:
        title (str): Of the section.
        lead (str): What is seen.
        pictures (Sequence[tuple[bytes, str]]): Files and what each of them shows.
        kind (str): 'jpeg' or 'png'. Defaults to 'jpeg'.
    """
    figures = [
        figure([picture(content, caption, kind)], caption)
        for content, caption in pictures
    ]
    return Section(
        title, Markup(f'<div class="figures">{"".join(figures)}</div>'), lead
    )
