# SPDX-License-Identifier: Apache-2.0
"""The demonstration, on a few images and iterations."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from centergroup_mm.visualization import read_training_log


@pytest.fixture(scope='module')
def demo(repo_root, run_cli):
    """Runs the demonstration's quick version in a folder."""

    def run(folder, *arguments, **options):
        tool = repo_root / 'tools' / 'demo.py'
        return run_cli(
            ['python', tool, '--quick', *arguments], cwd=folder, timeout=600, **options
        )

    return run


@pytest.fixture(scope='module')
def finished(demo, tmp_path_factory):
    """A folder where it has run, and what it printed."""
    folder = tmp_path_factory.mktemp('demo')
    return folder, demo(folder).stdout


@pytest.mark.slow
def test_it_leaves_what_it_promises(finished):
    folder, printed = finished
    run = folder / 'work_dirs' / 'demo_quick'
    for place in ('iter_4.pth', 'crowd_grid.png', 'report.html'):
        assert (run / place).is_file()
        assert str((run / place).relative_to(folder)) in printed
    grid = cv2.imread(str(run / 'crowd_grid.png'))
    # Two rows of two images, three tiles each.
    assert grid.shape[0] > 2 * 384 and grid.shape[1] > 6 * 384
    names = sorted(path.name for path in (run / 'pictures').iterdir())
    assert names == [f'{index:06d}.jpg' for index in range(4)]
    for name in ('test', 'test_crowds', 'test_nearest', 'test_nearest_likely'):
        assert (
            0 <= json.loads((run / name / 'metrics.json').read_text())['coco/AP'] <= 1
        )
    metrics = json.loads((run / 'test' / 'metrics.json').read_text())
    numbers = json.loads((run / 'report.json').read_text())
    assert numbers['ap']['ap'] == pytest.approx(metrics['coco/AP'])
    assert numbers['grouping']['CenterGroup']['AP'] == metrics['coco/AP']
    page = (run / 'report.html').read_text()
    # Four images in three pictures each, two with attention, and errors.
    assert page.count('<img') >= 3 * 4 + 3 * 2
    assert page.count('<svg') == 6 and 'stage 3' in page
    assert (run / 'training_curves.png').is_file()
    assert '$ mim train mmpose ' in printed and '$ mim test mmpose ' in printed
    assert 'train 4/4' in printed
    # The first picture and the estimate stand before the training is over.
    first = printed.index('Poses after 1 iterations: ')
    assert first < printed.index('This machine needs 0:') < printed.index('train 4/4')
    watched = cv2.imread(str(run / 'progress' / 'iter_1.jpg'))
    assert watched.shape == grid.shape


@pytest.mark.slow
def test_the_log_has_each_loss_by_stage(finished):
    """Over the same iterations: stages add up to the whole, or their mean is it."""
    series = read_training_log(finished[0] / 'work_dirs' / 'demo_quick')
    logged = {name: [value for _, value in series[name]] for name in series}
    assert len(logged['loss']) == 4

    def stages(name, count):
        return [logged[f'{name}_stage{stage + 1}'] for stage in range(count)]

    heatmap = np.sum(stages('heatmap', 2), axis=0)
    assert heatmap == pytest.approx(logged['loss_heatmap'], rel=1e-4)
    for name in ('center', 'location'):
        mean = np.mean(stages(name, 3), axis=0)
        assert mean == pytest.approx(logged[f'loss_{name}'], rel=1e-4)


@pytest.mark.slow
def test_a_second_run_repeats_nothing(finished, demo):
    folder, _ = finished
    checkpoint = folder / 'work_dirs' / 'demo_quick' / 'iter_4.pth'
    before = checkpoint.stat().st_mtime
    printed = demo(folder).stdout
    assert '$ mim' not in printed
    assert checkpoint.stat().st_mtime == before
    assert '=== Summary ===' in printed


@pytest.mark.slow
def test_another_training_is_not_mixed_in(finished, demo):
    folder, _ = finished
    result = demo(folder, '--data-root', 'data/other', check=False)
    assert result.returncode == 1
    assert 'demo: work_dirs/demo_quick holds a training with another' in result.stdout
    assert '--retrain' in result.stdout


@pytest.mark.slow
@pytest.mark.skipif(not Path('/proc/self').exists(), reason='needs Linux')
def test_nothing_goes_on_when_it_is_ended(repo_root, tmp_path):
    tool = repo_root / 'tools' / 'demo.py'
    process = subprocess.Popen(
        [sys.executable, tool, '--quick'],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith('$ mim train'):
            break
    assert count_processes(tmp_path) > 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=300) == 143
    deadline = time.monotonic() + 60
    while count_processes(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert count_processes(tmp_path) == 0


def count_processes(folder) -> int:
    """Number of processes that run in a folder."""
    count = 0
    for path in Path('/proc').glob('[0-9]*/cwd'):
        with contextlib.suppress(OSError):
            count += path.readlink() == folder
    return count
