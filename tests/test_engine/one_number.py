# SPDX-License-Identifier: Apache-2.0
"""A real Runner with a model of one number."""

import os
from pathlib import Path

import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn


class OneNumber(BaseModel):
    def __init__(self):
        super().__init__()
        self.number = nn.Parameter(torch.ones(1))

    def forward(self, inputs, mode='tensor'):
        return {'loss': (self.number * inputs).sum()} if mode == 'loss' else [inputs]


class Rising(BaseMetric):
    """Better at every evaluation, so that each one replaces the best checkpoint."""

    calls = 0

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        Rising.calls += 1
        return {'score': Rising.calls}


def make_runner(work_dir, max_iters, resume=False, hooks=(), keep=2, **checkpoint):
    """A training of one number, by SGD and the hooks of the configs."""
    loader = {
        'batch_size': 1,
        'num_workers': 0,
        'dataset': [torch.ones(1)] * 4,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
    }
    return Runner(
        model=OneNumber(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        train_cfg={'by_epoch': False, 'max_iters': max_iters, 'val_interval': 1},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        val_dataloader=loader,
        val_cfg={},
        val_evaluator=[Rising()],
        default_scope='mmpose',
        default_hooks={
            'checkpoint': {
                'type': 'AtomicCheckpointHook',
                'by_epoch': False,
                'interval': 1,
                'max_keep_ckpts': keep,
                **checkpoint,
            },
            'exact_resume': {'type': 'ExactResumeHook'},
            'data_loading': {'type': 'DataLoadingHook'},
            'stop_if_not_finite': {'type': 'StopIfNotFiniteHook'},
        },
        custom_hooks=list(hooks),
        resume=resume,
        experiment_name=f'{Path(work_dir).name}_{os.urandom(4).hex()}',
    )
