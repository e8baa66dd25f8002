# SPDX-License-Identifier: Apache-2.0
"""Sections of a report about a trained model: curves, comparisons, pictures."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...visualization.curves import Points, draw_curves_as_svg
from .html import Markup, Section, bar, figure, group, picture, table
from .pictures import encode


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
    title: str,
    lead: str,
    rows: Sequence[tuple[Sequence[np.ndarray], str]],
    names: Sequence[str],
    compact: bool = False,
) -> Section:
    """Pictures in rows, with a caption below each row.

    Args:
        title (str): Of the section.
        lead (str): What is seen.
        rows (Sequence[tuple[Sequence[np.ndarray], str]]): T pictures (H, W, 3) uint8,
            BGR, and what is said of them.
        names (Sequence[str]): T, what each picture of a row shows.
        compact (bool): Many rows, two next to each other in a wide window, all their
            pictures in one line in a narrow one too. Defaults to False.
    """
    figures = [
        figure(
            [
                picture(encode(tile), f'{caption}; {name}')
                for tile, name in zip(tiles, names, strict=True)
            ],
            caption,
        )
        for tiles, caption in rows
    ]
    layout = 'figures two compact' if compact else 'figures'
    return Section(title, group(layout, figures), lead)
