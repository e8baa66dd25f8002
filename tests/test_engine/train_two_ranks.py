# SPDX-License-Identifier: Apache-2.0
"""Two processes train together, die and resume; run by test_resume_ranks.py.

Dropout, a drawn seed and another one for each rank, and gradients that wait for the
next step when the checkpoint of iteration 4 is saved. Each rank writes its weights and
its next random number into a file of its own at the end: what two processes print can
share a line.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.runner import Runner
from torch import nn

import centergroup_mm  # noqa: F401

FOLDER = sys.argv[1]


class DroppingOut(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear, self.dropout = nn.Linear(4, 3), nn.Dropout(0.5)

    def forward(self, *inputs, mode='tensor'):
        return {'loss': self.dropout(self.linear(torch.stack(inputs))).square().mean()}


class DistributedRunner(Runner):
    """The host wraps a model only if its launcher has made the process group."""

    def wrap_model(self, config, model):
        return MMDistributedDataParallel(model, device_ids=None)


class Die(Hook):
    priority = 100

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx == 4:
            os._exit(0)


def train(name: str, rank: int, resume: bool, die: bool) -> None:
    meeting = f'file://{FOLDER}/{name}_{resume}'
    torch.distributed.init_process_group(
        'gloo', init_method=meeting, rank=rank, world_size=2
    )
    # Decides the seed that is drawn.
    np.random.seed(int(resume))
    runner = DistributedRunner(
        model=DroppingOut(),
        work_dir=f'{FOLDER}/{name}',
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            dataset=list(torch.arange(80.0).reshape(20, 4) / 80),
            sampler=dict(type='InfiniteSampler'),
        ),
        train_cfg=dict(by_epoch=False, max_iters=8),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.01), accumulative_counts=3),
        default_scope='mmpose',
        randomness=dict(seed=None, diff_rank_seed=True),
        default_hooks=dict(
            checkpoint=dict(type='AtomicCheckpointHook', interval=4, by_epoch=False),
            exact_resume=dict(type='ExactResumeHook'),
            data_loading=dict(type='DataLoadingHook'),
        ),
        custom_hooks=[Die()] * die,
        resume=resume,
    )
    runner.train()
    weights = runner.model.module.linear.weight.flatten().tolist()
    result = Path(FOLDER, f'{name}_{rank}.json')
    result.write_text(json.dumps([weights, torch.rand(1).item()]))


def train_both(name: str, resume: bool = False, die: bool = False) -> None:
    processes = [os.fork(), 0]
    if processes[0]:
        processes[1] = os.fork()
    if 0 in processes:
        try:
            train(name, processes.index(0), resume, die)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if any(os.waitpid(process, 0)[1] for process in processes):
        sys.exit(1)


train_both('straight')
train_both('killed', die=True)
train_both('killed', resume=True)
