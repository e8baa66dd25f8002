# SPDX-License-Identifier: Apache-2.0
"""Tables for people who read text."""

from collections.abc import Sequence


def markdown_table(
    head: Sequence[object], rows: Sequence[Sequence[object]], names: int = 1
) -> list[str]:
    """The lines of a table in Markdown.

    Args:
        head (Sequence[object]): Titles of the columns.
        rows (Sequence[Sequence[object]]): Cells.
        names (int): Columns that name the row; the others hold numbers, and are
            aligned to the right. Defaults to 1.
    """
    lines = [head, ['---'] * names + ['---:'] * (len(head) - names), *rows]
    return ['| ' + ' | '.join(str(cell) for cell in line) + ' |' for line in lines]
