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


def train_and_test(mim, config, options, work_dir, short_val=(), resume=False):
    """One iteration, another after resuming if wanted, and a test, whose output."""
    options = [*CPU_OPTIONS, *options, 'default_hooks.checkpoint.interval=1']
    train = ['train', 'mmpose', config, '--work-dir', work_dir]
    settings = ['--cfg-options', *options, *short_val]
    mim(*train, *settings, 'train_cfg.max_iters=1')
    checkpoint = work_dir / 'iter_1.pth'
    assert checkpoint.is_file()
    if resume:
        resumed = mim(*train, '--resume', *settings, 'train_cfg.max_iters=2')
        assert re.search(r'resumed .*iter: 1', resumed)
        checkpoint = work_dir / 'iter_2.pth'
        assert checkpoint.is_file()
    test = ['test', 'mmpose', config, '--checkpoint', checkpoint]
    return mim(*test, '--cfg-options', *options)


@pytest.mark.parametrize('name', ['centergroup_w32', 'centergroup_w48'])
def test_coco(mim, coco_mini, work_dir, name):
    options = data_options(coco_mini, 'test_coco.json')
    short_val = ['val_dataloader.dataset.indices=1']
    config = f'configs/{name}.py'
    output = train_and_test(
        mim, config, options, work_dir, short_val, resume=name == 'centergroup_w48'
    )
    assert re.search(r'coco/AP: -?\d', output)


def test_crowdpose(mim, crowdpose_mini, work_dir):
    options = data_options(crowdpose_mini, 'test_crowdpose.json')
    config = 'configs/centergroup_w48_crowdpose.py'
    # All images are validated: the metric of crowds reads the whole file.
    output = train_and_test(mim, config, options, work_dir)
    for level in 'EMH':
        assert re.search(rf'crowdpose/AP\({level}\): -?\d', output)
