# SPDX-License-Identifier: Apache-2.0
"""The named configs at full width, by the commands users type."""

import re
import shutil

import pytest

from .conftest import CPU_OPTIONS, data_options

pytestmark = pytest.mark.slow


@pytest.fixture
def work_dir(tmp_path):
    """Removed at once: three checkpoints of this width are a gigabyte."""
    yield tmp_path / 'work'
    shutil.rmtree(tmp_path / 'work', ignore_errors=True)


def train_resume_test(mim, config, options, work_dir, short_val=()):
    """Two iterations, a third after resuming, and a test; returns its output."""
    train = ['train', 'mmpose', config, '--work-dir', work_dir]
    options = [*CPU_OPTIONS, *options, 'default_hooks.checkpoint.interval=1']
    mim(*train, '--cfg-options', *options, *short_val, 'train_cfg.max_iters=2')
    assert (work_dir / 'iter_2.pth').is_file()
    resumed = mim(
        *train,
        '--resume',
        '--cfg-options',
        *options,
        *short_val,
        'train_cfg.max_iters=3',
    )
    assert re.search(r'resumed .*iter: 2', resumed)
    assert (work_dir / 'iter_3.pth').is_file()
    return mim(
        'test',
        'mmpose',
        config,
        '--checkpoint',
        work_dir / 'iter_3.pth',
        '--cfg-options',
        *options,
    )


@pytest.mark.parametrize('name', ['centergroup_w32', 'centergroup_w48'])
def test_coco(mim, coco_mini, work_dir, name):
    options = data_options(coco_mini, 'test_coco.json')
    short_val = ['val_dataloader.dataset.indices=1']
    config = f'configs/{name}.py'
    output = train_resume_test(mim, config, options, work_dir, short_val)
    assert re.search(r'coco/AP: -?\d', output)


def test_crowdpose(mim, crowdpose_mini, work_dir):
    options = data_options(crowdpose_mini, 'test_crowdpose.json')
    config = 'configs/centergroup_w48_crowdpose.py'
    # All images are validated: the metric of crowds reads the whole file.
    output = train_resume_test(mim, config, options, work_dir)
    for level in 'EMH':
        assert re.search(rf'crowdpose/AP\({level}\): -?\d', output)
