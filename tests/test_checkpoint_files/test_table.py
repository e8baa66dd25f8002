# SPDX-License-Identifier: Apache-2.0
"""Every kind of file on every route: what comes of it, in which words."""

import json
import re
from pathlib import Path

import pytest

TABLE = Path(__file__).with_name('table.py')
TOOLS = {'convert': 'convert_checkpoint', 'publish': 'publish_model'}
# What docs/reliability.md says of memory, in bytes.
PER_BYTE_OF_FILE, FLOOR = 6, 128 * 2**20
# Routes that build or fill a model beside reading a file.
MODEL_MEMORY = 128 * 2**20


@pytest.fixture(scope='module')
def cells(run_cli, repo_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp('table')
    run_cli(['python', TABLE, folder], cwd=repo_root, timeout=1800)
    return json.loads((folder / 'table.json').read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    'route',
    ['reader', 'load_from', 'resume', 'checkpoint', 'inferencer', *TOOLS, 'train_once'],
)
def test_kinds_of_files(cells, route):
    own = [cell for cell in cells if cell['route'] == route]
    assert len(own) >= 34
    assert {bool(cell['expected']) for cell in own} == {True, False}
    wrong = {cell['kind']: problem for cell in own if (problem := _problem(cell))}
    assert wrong == {}


def _problem(cell: dict) -> str | None:
    """What is not as it must be, if anything."""
    if cell['code_ran']:
        return 'code ran'
    bound = FLOOR + PER_BYTE_OF_FILE * cell['size']
    bound += MODEL_MEMORY * (cell['route'] not in ('reader', 'train_once'))
    if cell['extra_bytes'] > bound:
        return f'{cell["extra_bytes"]} bytes for {cell["size"]}'
    tool = TOOLS.get(cell['route'])
    good, bad = ('exit 0', 'exit 1') if tool else ('ok', 'error')
    said = f'{cell["ended"]}: {cell["message"]}'
    if not cell['expected']:
        done = cell['ended'] == good and bool(cell['written']) == bool(tool)
        return None if done else said
    one_line = len(cell['message'].strip().splitlines()) == 1
    # Weights that do not fit a model are listed, a line for each way in which.
    one_line |= 'does not fit the model' in cell['message']
    one_line &= not tool or cell['message'].startswith(f'{tool}: ')
    named = f'{cell["kind"]}.pth' in cell['message'] or _is_about_something_else(cell)
    refused = cell['ended'] == bad and not cell['written']
    if refused and one_line and named and re.search(cell['expected'], cell['message']):
        return None
    return said


def _is_about_something_else(cell: dict) -> bool:
    """Whether the error is about a model or a folder, which do not know the file."""
    by_model = 'of the checkpoint are not finite' in cell['message']
    by_model |= 'does not fit the model' in cell['message']
    return by_model or 'holds a training with another' in cell['message']
