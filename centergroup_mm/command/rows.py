# SPDX-License-Identifier: Apache-2.0
"""What came of files, :meth:`ImageFile.as_row`, as lines of JSON and as tables."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow


def as_line(row: dict) -> bytes:
    """A row as a line of JSON."""
    return json.dumps(row, separators=(',', ':')).encode() + b'\n'


def read_lines(path: Path) -> dict[str, dict]:
    """Rows by name; what a killed process left of another line is cut off."""
    rows: dict[str, dict] = {}
    if not path.is_file():
        return rows
    end = 0
    with open(path, 'rb+') as file:
        for line in file:
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b'\n'):
                break
            rows[row['file_name']] = row
            end += len(line)
        file.truncate(end)
    return rows


def table_of_rows(rows: Sequence[dict]) -> 'pyarrow.Table':
    """Rows of :meth:`ImageFile.as_row` as a table.

    Raises:
        ImportError: If pyarrow is not installed or does not go with NumPy.
    """
    import pyarrow

    numbers = pyarrow.list_(pyarrow.float32())
    kinds = dict(
        file_name=pyarrow.string(),
        error=pyarrow.string(),
        width=pyarrow.int32(),
        height=pyarrow.int32(),
        keypoints=pyarrow.list_(numbers),
        scores=numbers,
    )
    return pyarrow.Table.from_pylist(list(rows), schema=pyarrow.schema(kinds))


def as_parquet(rows: Sequence[dict]) -> bytes:
    """The content of a Parquet file; errors are those of :func:`table_of_rows`."""
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(table_of_rows(rows), buffer)
    return buffer.getvalue()
