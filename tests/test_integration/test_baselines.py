# SPDX-License-Identifier: Apache-2.0
"""HigherHRNet and CenterNet on real photographs."""

import math
import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpose.registry import MODELS

from .conftest import CPU_OPTIONS, data_options

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).with_name('photographs_higherhrnet.py')
# A training gave 0.579.
AP_FLOOR = 0.45
DATASETS = {
    'coco': ('coco_mini', 'test_coco.json'),
    'crowdpose': ('crowdpose_mini', 'test_crowdpose.json'),
}
NAMED = [
    f'{method}_{size}'
    for method in ('higherhrnet', 'centernet')
    for size in ('w32', 'w48', 'w48_crowdpose')
]
NAMED += [f'{name}_center' for name in NAMED if name.startswith('higherhrnet')]


def test_associative_embedding_learns_photographs(mim, coco_mini, tmp_path):
    mim('train', 'mmpose', CONFIG, '--work-dir', tmp_path, timeout=3600)
    (checkpoint,) = tmp_path.glob('iter_*.pth')
    output = mim('test', 'mmpose', CONFIG, '--checkpoint', checkpoint)
    assert float(re.search(r'coco/AP: (\S+)', output)[1]) >= AP_FLOOR


@pytest.mark.parametrize('name', NAMED)
def test_one_iteration_at_full_width(repo_root, request, name):
    config = Config.fromfile(repo_root / 'configs' / f'{name}.py')
    folder, ann_file = DATASETS['crowdpose' if 'crowdpose' in name else 'coco']
    options = data_options(request.getfixturevalue(folder), ann_file)
    options = dict(option.split('=') for option in options + CPU_OPTIONS[:1])
    config.merge_from_dict(options)
    config.merge_from_dict(
        {
            'model.backbone.init_cfg': None,
            'train_dataloader.batch_size': 1,
            'train_dataloader.num_workers': 0,
            'train_dataloader.persistent_workers': False,
        }
    )
    # The width of the network is what counts; small crops are learned as well.
    for step in config.train_dataloader.dataset.pipeline:
        for part in (step, step.get('encoder', {})):
            if 'input_size' in part:
                part.input_size = (256, 256)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model).train()
        model.init_weights()
        data = next(iter(Runner.build_dataloader(config.train_dataloader, seed=0)))
        optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
        losses = model.train_step(data, optim_wrapper)
    assert {'loss', 'loss_heatmap'} < set(losses)
    assert all(math.isfinite(float(value)) for value in losses.values())
