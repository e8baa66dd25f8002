# SPDX-License-Identifier: Apache-2.0
"""A comparison of runtimes as text."""

from typing import Any

from ..markdown import markdown_table


def to_markdown(result: dict[str, Any]) -> str:
    """The tables of what :func:`compare_runtimes` returns."""
    settings = ', '.join(f'{k} {v}' for k, v in result['settings'].items())
    machine = ', '.join(f'{k} {v}' for k, v in result['machine'].items())
    views = 'flip test' if result['flip_test'] else 'one view'
    lines = [f'- {result["model"]}, {views}', f'- {settings}', f'- {machine}', '']
    rows = [
        (
            row['runtime'],
            row['images'],
            '{median:.0f} ({low:.0f} to {high:.0f})'.format(**row['times']),
            f'{row["ratio"]:.2f}',
            f'{1000 * row["images"] / row["times"]["median"]:.2f}',
        )
        for row in result['times']
    ]
    head = ('runtime', 'images', 'ms, quartiles', 'of the first', 'images per second')
    lines += markdown_table(head, rows)
    for name in result['left_out']:
        lines += ['', f'{name} is not installed and was left out.']
    if 'shares' in result:
        rows = [(part, f'{share:.1%}') for part, share in result['shares'].items()]
        lines += ['', 'Shares of the graph, by ONNX Runtime, one image:', '']
        lines += markdown_table(('part', 'share'), rows)
    return '\n'.join(lines) + '\n'
