# SPDX-License-Identifier: Apache-2.0
"""Stop a training when a loss, gradient or weight is NaN or infinite."""

import math
from pathlib import Path

import torch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from ..checkpoint_files import not_finite
from .checkpoint_folder import is_whole, named_checkpoint

# Mixed precision skips steps whose gradients overflow and halves its scale each time.
# Trainings settle at scales far above this one.
_LEAST_SCALE = 2.0**-20


class NotFiniteError(RuntimeError):
    """A loss, gradient or weight is NaN or infinite."""


@HOOKS.register_module()
class StopIfNotFiniteHook(Hook):
    """Stop at the first loss or gradient that is NaN or infinite, and save none.

    The host's log takes every loss to the CPU in each iteration, so looking at them
    costs nothing. Gradients are judged by the norm that clipping computes. Without
    clipping they show in the weights, which are looked at before they are saved: good
    ones are never replaced by others, whatever the intervals.

    Under mixed precision gradients overflow now and then, and the host skips the step.
    Training stops if that does not end.
    """

    # Behind the EMA's hook, which changes what is saved; before the checkpoint's.
    priority = 'LOW'

    def after_train_iter(
        self, runner, batch_idx: int, data_batch=None, outputs: dict | None = None
    ) -> None:
        """Look at losses and gradients.

        Raises:
            NotFiniteError: If one is not finite.
        """
        for name, value in (outputs or {}).items():
            if 'loss' in name and not math.isfinite(number := _number(value)):
                self._stop(runner, f'{name} is {number}')
        wrapper = runner.optim_wrapper
        scaler = getattr(wrapper, 'loss_scaler', None)
        if scaler is not None and scaler.is_enabled():
            if scaler.get_scale() < _LEAST_SCALE:
                self._stop(runner, 'the gradients overflow at every scale')
        elif not math.isfinite(norm := self._gradient_norm(runner)):
            self._stop(runner, f'the norm of the gradients is {norm}')

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Look at the weights.

        Raises:
            NotFiniteError: If one is not finite.
        """
        for part in ('state_dict', 'ema_state_dict', 'optimizer'):
            for name in not_finite(dict(_tensors(checkpoint.get(part), part))):
                self._stop(runner, f'{name} is not finite and will not be saved')

    def _gradient_norm(self, runner) -> float:
        """Norm at the last step, 0 if gradients are not clipped."""
        name = f'train/{getattr(runner.optim_wrapper, "grad_name", "grad_norm")}'
        scalars = runner.message_hub.log_scalars
        return scalars[name].current() if name in scalars else 0.0

    def _stop(self, runner, what: str) -> None:
        named = named_checkpoint(Path(runner.work_dir))
        if named is not None and is_whole(named):
            last = f'The last good checkpoint is {named}.'
        else:
            last = 'There is no earlier checkpoint.'
        raise NotFiniteError(
            f'Training stopped at iteration {runner.iter + 1}: {what}. {last} Resumed '
            'as it is, it would come to the same: change something first, such as a '
            'lower optim_wrapper.optimizer.lr or optim_wrapper.clip_grad.max_norm.'
        )


def _number(value: torch.Tensor | float) -> float:
    return value.item() if isinstance(value, torch.Tensor) else value


def _tensors(part, name: str):
    """Yield the tensors in nested containers, and names for them."""
    if isinstance(part, torch.Tensor):
        yield name, part
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from _tensors(value, f'{name}.{key}')
