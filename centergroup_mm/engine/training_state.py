# SPDX-License-Identifier: Apache-2.0
"""What a training is made of beside weights, optimizer and schedules."""

from typing import Any

from mmengine.dist import all_gather_object, all_reduce_params, get_rank
from mmengine.model import is_model_wrapper
from torch import nn

from .random_states import get_random_states, set_random_states


def get_training_state(runner) -> dict[str, Any]:
    """Return what the host does not save. To be called by all ranks.

    Returns:
        dict: Plain data. ``random``: the states of the random generators, of each
        rank. ``gradients``, by name: those gathered since the last step, if gradients
        are accumulated; the mean over the ranks, by which the next step is the same.
    """
    # A step leaves none.
    gradients = {
        name: parameter.grad
        for name, parameter in bare_model(runner).named_parameters()
        if parameter.grad is not None
    }
    if gradients:
        all_reduce_params(gradients.values(), op='mean')
    gradients = {name: gradient.cpu() for name, gradient in gradients.items()}
    return dict(random=all_gather_object(get_random_states()), gradients=gradients)


def set_gradients(runner, state: dict[str, Any]) -> None:
    """Put the gathered gradients back."""
    parameters = dict(bare_model(runner).named_parameters())
    for name, gradient in state['gradients'].items():
        if name in parameters:
            parameter = parameters[name]
            parameter.grad = gradient.to(parameter.device, copy=True)


def set_own_random_states(state: dict[str, Any]) -> bool:
    """Set this rank's random generators.

    Returns:
        bool: False if there were fewer ranks when it was saved.
    """
    rank = get_rank()
    if rank >= len(state['random']):
        return False
    set_random_states(state['random'][rank])
    return True


def bare_model(runner) -> nn.Module:
    """The model of a runner, without the wrapper of distributed training."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
