# SPDX-License-Identifier: Apache-2.0
"""What the host's logger wrote during a training, as series of numbers."""

import json
from collections.abc import Iterator
from pathlib import Path

# Every start of a training writes into a folder of its own, named by the time.
LOG_FILES = '*/vis_data/scalars.json'


def read_training_log(work_dir: str | Path) -> dict[str, list[tuple[int, float]]]:
    """Join what all starts of a training logged.

    A training that was stopped and resumed has several files. Each one replaces what
    earlier ones logged from its own first step on, for those steps were done again.

    Args:
        work_dir (str | Path): The work folder of the training.

    Returns:
        dict[str, list[tuple[int, float]]]: Points (step, value) of each scalar, rising
        by step. Steps are iterations. Empty if there is no log.

    Raises:
        ValueError: If a file is broken elsewhere than in its last line, which a
            training that is killed may leave unfinished.
    """
    series = {}
    for path in sorted(Path(work_dir).glob(LOG_FILES)):
        records = list(_records(path))
        if not records:
            continue
        first = records[0][0]
        series = {
            name: [point for point in points if point[0] < first]
            for name, points in series.items()
        }
        for step, values in records:
            for name, value in values.items():
                series.setdefault(name, []).append((step, value))
    return {name: points for name, points in series.items() if points}


def _records(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """Step and scalars of each line of a log, one JSON object per line.

    The host gives a validation the number of its epoch, 0 where epochs are not counted;
    it belongs to the last training step before it.
    """
    lines = path.read_text(encoding='utf-8').splitlines()
    last_step = 0
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            step = int(record.pop('step'))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            if number == len(lines):
                return
            raise ValueError(
                f'{path}, line {number}, is no record of a training: {error!r}. '
                'Expected a JSON object with "step".'
            ) from error
        last_step = max(last_step, step)
        yield (
            last_step,
            {
                name: float(value)
                for name, value in record.items()
                if isinstance(value, int | float)
            },
        )
