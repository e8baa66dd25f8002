# SPDX-License-Identifier: Apache-2.0
"""What was measured as a table, as JSON and as a picture."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import matplotlib.figure
import mmcv
import mmengine
import mmpose
import torch

from ...files import write_atomically
from ...version import __version__
from ..markdown import markdown_table

# Columns of the table: title and the parts that it sums.
COLUMNS = {
    'network': ('backbone', 'heads'),
    'residual CNN': ('residual_cnn',),
    'candidates': ('fusion', 'candidates'),
    'features': ('features',),
    'encoder + grouping': ('grouping', 'decoding'),
    'refinement': ('refinement',),
    'transfer': ('transfer', 'other'),
    'total': ('total',),
}
MIB = 2**20


def describe_machine(device: str) -> dict[str, str | int]:
    """Processor, threads and versions."""
    return dict(
        processor=_processor(),
        cores=os.cpu_count() or 0,
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name(device)
        if torch.device(device).type == 'cuda'
        else 'CPU',
        python=platform.python_version(),
        torch=torch.__version__,
        mmcv=mmcv.__version__,
        mmengine=mmengine.__version__,
        mmpose=mmpose.__version__,
        centergroup_mm=__version__,
    )


def to_markdown(result: dict) -> str:
    """The result as text with tables.

    Args:
        result (dict): ``machine``, ``command``, ``settings`` and whichever of
            ``times``, ``times_after_network``, ``memory``, ``training`` and
            ``loading`` were measured.
    """
    machine = ', '.join(f'{name} {value}' for name, value in result['machine'].items())
    settings = ', '.join(f'{k}={v}' for k, v in result['settings'].items())
    lines = [f'- {machine}', f'- `{result["command"]}`', f'- {settings}']
    for key, title in (
        ('times', 'Milliseconds: median (lower to upper quartile)'),
        ('times_after_network', 'The same behind backbone and heatmap head, more runs'),
    ):
        if result.get(key):
            lines += ['', title, '', *_time_table(result[key])]
    if result.get('memory'):
        lines += ['', 'Peak memory above weights and input, MiB', '']
        lines += markdown_table(
            ('method', 'people', 'MiB'),
            [
                (row['method'], row['people'], f'{row["bytes"] / MIB:.0f}')
                for row in result['memory']
            ],
        )
    for row in result.get('training', []):
        lines += ['', *_training_table(row)]
    for row in result.get('loading', []):
        lines += ['', *_loading_table(row)]
    return '\n'.join(lines) + '\n'


def write_json(path: Path, result: dict) -> None:
    """Write the result whole or not at all."""
    write_atomically(path, (json.dumps(result, indent=1) + '\n').encode())


def write_plot(path: Path, rows: Sequence[dict]) -> None:
    """Draw the milliseconds behind the network against the number of people.

    Args:
        path (Path): Picture to write; its suffix says of which kind.
        rows (Sequence[dict]): ``times`` or ``times_after_network`` of a result.
    """
    figure = matplotlib.figure.Figure(figsize=(7, 4.2), layout='constrained')
    axes = figure.subplots()
    for name in dict.fromkeys(_label(row) for row in rows):
        own = [row for row in rows if _label(row) == name and row['people'] is not None]
        if not own:
            continue
        own.sort(key=lambda row: row['people'])
        spreads = [row['times']['after_network'] for row in own]
        people = [row['people'] for row in own]
        axes.plot(people, [s['median'] for s in spreads], marker='o', label=name)
        axes.fill_between(
            people,
            [s['low'] for s in spreads],
            [s['high'] for s in spreads],
            alpha=0.2,
        )
    axes.set(xlabel='people in the image', ylabel='ms behind the network')
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def _time_table(rows: Sequence[dict]) -> list[str]:
    cells = []
    for row in rows:
        people = row['kind'] if row['people'] is None else row['people']
        cells.append((_label(row), people, *_cells(row['times'])))
    return markdown_table(('method', 'people', *COLUMNS), cells)


def _cells(times: dict[str, dict]) -> list[str]:
    cells = []
    for parts in COLUMNS.values():
        median, low, high = (
            sum(times[part][name] for part in parts)
            for name in ('median', 'low', 'high')
        )
        cells.append(f'{median:.1f} ({low:.1f} to {high:.1f})' if median else '–')
    return cells


def _training_table(row: dict) -> list[str]:
    title = (
        f'{row["method"]}, a training step with {row["people"]} people per image: '
        f'grouping without the residual CNN adds {row["overhead"]:.1%} to the '
        f"detector's step, the residual CNN {row['residual_share']:.1%}"
    )
    cells = [
        (
            name,
            f'{times["median"]:.0f} ({times["low"]:.0f} to {times["high"]:.0f})',
            f'{row["bytes"][name] / MIB:.0f}',
        )
        for name, times in row['steps'].items()
    ]
    return [title, '', *markdown_table(('step', 'ms', 'MiB'), cells)]


def _loading_table(row: dict) -> list[str]:
    title = f'{row["method"]}: one worker loads {row["images_per_second"]:.0f} images/s'
    cells = [
        (name, f'{times["median"]:.2f} ({times["low"]:.2f} to {times["high"]:.2f})')
        for name, times in row['transforms'].items()
    ]
    return [title, '', *markdown_table(('transform', 'ms'), cells)]


def _label(row: dict) -> str:
    return row['method'] + (', channels-last' if row['channels_last'] else '')


def _processor() -> str:
    """The model name, which Python does not know on Linux."""
    info = Path('/proc/cpuinfo')
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()
