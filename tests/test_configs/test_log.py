# SPDX-License-Identifier: Apache-2.0
"""What the log shows: means, where one iteration says little."""

import json
import os

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from .reading import Built


class Counting(BaseModel):
    """Logs how often it was called."""

    def __init__(self):
        super().__init__()
        self.number = nn.Parameter(torch.ones(1))
        self.calls = 0

    def forward(self, inputs, mode='loss'):
        self.calls += 1
        count = torch.tensor(float(self.calls))
        return dict(
            loss=self.number.sum() * self.calls,
            matched=count,
            center_stage1=count,
            anything_else=count,
        )


def test_the_log_has_means(tmp_path):
    runner = Runner(
        model=Counting(),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            batch_size=1,
            num_workers=0,
            dataset=[torch.ones(1)] * 4,
            sampler=dict(type='DefaultSampler', shuffle=False),
        ),
        train_cfg=dict(by_epoch=False, max_iters=4),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.0)),
        default_scope='mmpose',
        default_hooks=dict(logger=dict(type='LoggerHook', interval=4)),
        log_processor=Built.read('centergroup_w32').config.log_processor,
        experiment_name=f'log_{os.urandom(4).hex()}',
    )
    runner.train()
    (log,) = tmp_path.glob('*/vis_data/scalars.json')
    (line,) = map(json.loads, log.read_text().splitlines())
    means = {'loss': 2.5, 'matched': 2.5, 'center_stage1': 2.5, 'anything_else': 4.0}
    assert {name: line[name] for name in means} == pytest.approx(means)
