# SPDX-License-Identifier: Apache-2.0
"""Takes every kind of file along every route, and writes down what came of it.

python -m tests.test_checkpoint_files.table FOLDER
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import sandbox
from kinds import KINDS, ROUTES
from routes import Routes

from centergroup_mm.checkpoint_files import read_checkpoint


def main(folder: Path) -> None:
    routes = Routes(folder)
    content = read_checkpoint(routes.good)
    files, canaries = folder / 'files', folder / 'canaries'
    for path in (files, canaries, folder / 'out'):
        path.mkdir()
    cells = []
    for kind, (write, expected) in KINDS.items():
        write(content, files / f'{kind}.pth', canaries / kind)
        # What running code looks like is known from here on.
        for canary in canaries.iterdir():
            canary.unlink()
        for route in ROUTES:
            cells.append(_cell(routes, route, kind, files, canaries, folder))
        size = (files / f'{kind}.pth').lstat().st_size if kind != 'missing' else 0
        for cell in cells[-len(ROUTES) :]:
            cell.update(size=size, expected=expected[cell['route']])
    (folder / 'table.json').write_text(json.dumps(cells, indent=1))


def _cell(routes, route, kind, files, canaries, folder) -> dict:
    go = routes.all()[route]
    for path in (folder / 'out').iterdir():
        path.unlink()
    outcome = sandbox.run(
        lambda: go(files / f'{kind}.pth'),
        routes.expected_errors,
        folder / 'printed.txt',
    )
    return dict(
        kind=kind,
        route=route,
        code_ran=any(canaries.iterdir()),
        written=sorted(path.name for path in (folder / 'out').iterdir()),
        **asdict(outcome),
    )


if __name__ == '__main__':
    main(Path(sys.argv[1]))
