# SPDX-License-Identifier: Apache-2.0
"""The example on Ray Data, with two workers of which one is killed in the middle."""

from importlib.util import find_spec

import cv2
import pytest

from .test_runtime import picture

NUMBER = 120

# Runs the example; the first worker that is in its second batch kills itself, once.
KILLED = """
import os, runpy, signal, sys
from pathlib import Path

example, mark, *arguments = sys.argv[1:]
module = runpy.run_path(example)
Finder = module['Finder']

class Killed(Finder):
    batches = 0

    def __call__(self, batch):
        self.batches += 1
        if self.batches == 2:
            try:
                Path(mark).open('x').close()
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)

module['main'].__globals__['Finder'] = Killed
module['main'](arguments)
"""


@pytest.fixture
def ray():
    """Skips the test where Ray is missing."""
    if find_spec('ray') is None:
        pytest.skip('needs Ray: pip install "centergroup_mm[ray]"')


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(ray, tiny, run_light, repo_root, tmp_path):
    images = tmp_path / 'images'
    images.mkdir()
    content = cv2.imencode('.png', picture((90, 70)))[1].tobytes()
    for number in range(NUMBER):
        (images / f'{number:03d}.png').write_bytes(content)
    (images / 'cut.png').write_bytes(content[: len(content) // 2])
    (tmp_path / 'run.py').write_text(KILLED)
    example = repo_root / 'examples' / 'ray_predict.py'
    arguments = [example, tmp_path / 'mark', tiny.file, images]
    # Workers without the host start at once.
    run_light(['run.py', *arguments, '--out', 'out', '--workers', '2'])
    # It was killed, and nobody else.
    assert (tmp_path / 'mark').is_file()
    parquet = pytest.importorskip('pyarrow.parquet')
    rows = parquet.read_table(tmp_path / 'out').to_pylist()
    names = sorted(row['file_name'] for row in rows)
    assert names == sorted(path.name for path in images.iterdir())
    assert {r['file_name'] for r in rows if r['error']} == {'cut.png'}
    assert all(len(row['scores']) > 0 for row in rows if not row['error'])
