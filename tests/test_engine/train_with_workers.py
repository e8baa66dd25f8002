# SPDX-License-Identifier: Apache-2.0
"""A training with two data workers, run by test_data_workers.py as a program.

Prints the process ids of the workers once they have begun.
"""

import sys

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

import centergroup_mm  # noqa: F401


class Shrinking(BaseModel):
    """Learns something from large inputs."""

    def __init__(self):
        super().__init__()
        self.number = nn.Parameter(torch.ones(1))

    def forward(self, inputs, extra, mode='tensor'):
        return {'loss': (self.number * sum(batch.mean() for batch in inputs)).sum()}


class TellWorkers(Hook):
    """Prints the workers' ids after the first iteration."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx == 0:
            workers = runner.train_loop.dataloader._iterator._workers
            print('workers', *(worker.pid for worker in workers), flush=True)


Runner(
    model=Shrinking(),
    work_dir=sys.argv[1],
    train_dataloader=dict(
        batch_size=2,
        num_workers=2,
        persistent_workers=True,
        # The tensors go through shared memory, the rest through a pipe. More than it
        # holds: a worker waits until it is read.
        dataset=[dict(inputs=torch.ones(100_000), extra=bytes(1_000_000))] * 8,
        sampler=dict(type='InfiniteSampler'),
    ),
    train_cfg=dict(by_epoch=False, max_iters=10**9),
    optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.0)),
    default_scope='mmpose',
    default_hooks=dict(
        checkpoint=dict(type='AtomicCheckpointHook', interval=10**9, by_epoch=False),
        data_loading=dict(type='DataLoadingHook'),
        logger=dict(type='LoggerHook', interval=10**9),
    ),
    custom_hooks=[TellWorkers()],
).train()
