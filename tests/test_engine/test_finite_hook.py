# SPDX-License-Identifier: Apache-2.0
"""Losses, gradients and weights that are no numbers end a training."""

import math
from pathlib import Path

import pytest
from mmengine.hooks import Hook

from centergroup_mm.checkpoint_files import read_checkpoint
from centergroup_mm.engine.finite_hook import NotFiniteError

from .one_number import make_runner


class SpoilLoss(Hook):
    """Makes the input of one iteration, and so its loss, NaN or infinite."""

    def __init__(self, iteration, value):
        self.iteration, self.value = iteration, value

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx + 1 == self.iteration:
            data_batch[0] = data_batch[0] * self.value


class SpoilGradient(Hook):
    """Makes the gradient of one iteration NaN; its loss is finite."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx + 1 == self.iteration:
            number = runner.model.number
            handle = number.register_hook(lambda grad: grad * math.nan)
            self.handle = handle

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx + 1 == self.iteration:
            self.handle.remove()


def train(work_dir, hook, interval, clip=None, **settings):
    runner = make_runner(work_dir, 6, hooks=[hook], interval=interval, **settings)
    runner.optim_wrapper['clip_grad'] = clip
    runner.train()


def names(work_dir) -> list[str]:
    return sorted(path.name for path in Path(work_dir).glob('*.pth*'))


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_stops_at_the_first_loss_and_names_the_checkpoint(tmp_path, value):
    with pytest.raises(NotFiniteError) as error:
        train(tmp_path, SpoilLoss(4, value), interval=1, keep=1)
    assert f'stopped at iteration 4: loss is {value}.' in str(error.value)
    assert f'checkpoint is {tmp_path / "iter_3.pth"}.' in str(error.value)
    assert names(tmp_path) == ['iter_3.pth']


def test_stops_between_two_checkpoints(tmp_path):
    with pytest.raises(NotFiniteError, match=r'iteration 2: .* no earlier checkpoint'):
        train(tmp_path, SpoilLoss(2, math.nan), interval=5)
    assert names(tmp_path) == []


def test_stops_at_the_first_gradient(tmp_path):
    with pytest.raises(NotFiniteError, match='iteration 3: the norm of the gradients'):
        train(tmp_path, SpoilGradient(3), interval=2, clip={'max_norm': 1})
    assert names(tmp_path) == ['iter_2.pth']


@pytest.mark.parametrize('best', [None, 'score'])
def test_bad_weights_are_not_saved(tmp_path, best):
    """Without clipping nobody looks at gradients, and the weights are bad at once."""
    interval = 3 if best is None else 100
    hook = SpoilGradient(3)
    with pytest.raises(NotFiniteError, match='state_dict.number is not finite'):
        train(tmp_path, hook, interval=interval, save_best=best, rule='greater')
    for name in names(tmp_path):
        weights = read_checkpoint(tmp_path / name)['state_dict']
        assert weights['number'].isfinite().all()
    assert names(tmp_path) == ([] if best is None else ['best_score_iter_2.pth'])
