# SPDX-License-Identifier: Apache-2.0
"""Sections of a report about a trained model: curves, comparisons, pictures."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...visualization.curves import Points, draw_curves_as_svg
from .page import Picture, Section
from .pictures import encode


def curves_section(series: Mapping[str, Points]) -> Section:
    """Losses by stage and AP over the training.

    Args:
        series (Mapping[str, Points]): Points (step, value) by the host's names.
    """
    drawings = list(draw_curves_as_svg(series).values())
    lead = 'Each loss with its weight, over all stages and of each stage alone.'
    return Section(
        'Training', 'curves.html', dict(drawings=drawings), lead if drawings else ''
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
        dict(
            name=name,
            share=values[names[0]],
            cells=[f'{100 * values[key]:.1f}' for key in names],
        )
        for name, values in results.items()
    ]
    data = dict(names=list(names), rows=rows)
    return Section('Grouping', 'precision.html', data, lead)


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
        (
            [
                Picture(encode(tile), f'{caption}; {name}')
                for tile, name in zip(tiles, names, strict=True)
            ],
            caption,
        )
        for tiles, caption in rows
    ]
    layout = 'figures two compact' if compact else 'figures'
    data = dict(layout=layout, figures=figures, legend=())
    return Section(title, 'pictures.html', data, lead)
