# SPDX-License-Identifier: Apache-2.0
"""The table and the plot of a comparison of grouping methods."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path

import matplotlib.figure
import mmcv
import mmpose
import numpy as np
import torch

from .markdown import markdown_table

# Kind of heatmaps -> title of its table.
TABLES = {
    'predicted': 'With predicted heatmaps:',
    'centers': 'With predicted keypoints and true centers:',
    'true': 'With true heatmaps:',
}
# Column title -> keys of a result that are added up, factor. The JSON has the rest.
COLUMNS = {
    'AP': (('ap',), 100),
    'AP50': (('ap50',), 100),
    'swapped %': (('swapped_rate',), 100),
    'hallucinated %': (('hallucinated_rate',), 100),
    'ms': (('network_ms', 'grouping_ms'), 1),
}


def write_comparison(
    folder: Path, results: Sequence[dict], settings: dict
) -> list[Path]:
    """Write the results as JSON, as a table and as a plot.

    Args:
        folder (Path): Where to.
        results (Sequence[dict]): One per method, seed, crowding and kind of heatmaps.
        settings (dict): What was run, for the head of the table.

    Returns:
        list[Path]: The files.
    """
    files = [folder / f'comparison.{suffix}' for suffix in ('json', 'md', 'png')]
    files[0].write_text(json.dumps(dict(settings=settings, results=results), indent=1))
    files[1].write_text(markdown(results, settings))
    plot(results, files[2])
    return files


def markdown(results: Sequence[dict], settings: dict) -> str:
    """One table per kind of heatmaps."""
    versions = f'torch {torch.__version__}, mmcv {mmcv.__version__}'
    lines = [
        f'{platform.processor() or platform.machine()}, {torch.get_num_threads()} '
        f'threads, {versions}, mmpose {mmpose.__version__}; '
        + ', '.join(f'{key} {value}' for key, value in settings.items())
        + '. Mean ± standard deviation over the seeds.',
    ]
    for heatmaps, title in TABLES.items():
        cells = [
            (*names, *(summary(rows, *column) for column in COLUMNS.values()))
            for names, rows in grouped(results, heatmaps).items()
        ]
        head = ('crowding', 'method', *COLUMNS)
        lines += ['', title, '', *markdown_table(head, cells, names=2)]
    return '\n'.join(lines) + '\n'


def grouped(results: Sequence[dict], heatmaps: str) -> dict[tuple, list[dict]]:
    """The seeds of every crowding and method, crowding by crowding."""
    groups = {}
    for result in results:
        if result['heatmaps'] == heatmaps:
            key = result['crowding'], result['method']
            groups.setdefault(key, []).append(result)
    return dict(sorted(groups.items(), key=lambda item: item[0][0]))


def summary(rows: Sequence[dict], keys: Sequence[str], factor: float) -> str:
    """Mean and deviation, or a dash where there is nothing to measure."""
    measured = [[row[key] for key in keys] for row in rows]
    values = [sum(parts) * factor for parts in measured if None not in parts]
    if not values:
        return '-'
    mean = f'{np.mean(values):.1f}'
    return mean if len(values) < 2 else f'{mean} ± {np.std(values, ddof=1):.1f}'


def plot(results: Sequence[dict], path: Path) -> None:
    """AP and swap rate against crowding, one line per method."""
    panels = [
        ('AP', 'ap', 'predicted'),
        ('AP, true centers', 'ap', 'centers'),
        ('AP, true heatmaps', 'ap', 'true'),
        ('swapped keypoints, %', 'swapped_rate', 'predicted'),
    ]
    figure = matplotlib.figure.Figure(figsize=(15, 3.6), layout='tight')
    axes = figure.subplots(1, len(panels))
    for axis, (title, key, heatmaps) in zip(axes, panels, strict=True):
        lines = {}
        for (crowding, method), rows in grouped(results, heatmaps).items():
            values = [100 * row[key] for row in rows if row[key] is not None]
            if values:
                deviation = np.std(values, ddof=1) if len(values) > 1 else 0
                lines.setdefault(method, []).append(
                    (crowding, np.mean(values), deviation)
                )
        for method, points in lines.items():
            x, y, deviation = zip(*points, strict=True)
            axis.errorbar(x, y, deviation, label=method, marker='o', capsize=3)
        axis.set(title=title, xlabel='crowding', ylim=(0, None))
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=120)
