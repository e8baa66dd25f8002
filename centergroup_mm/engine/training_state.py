# SPDX-License-Identifier: Apache-2.0
"""What a training is made of beside weights, optimizer and schedules."""

from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce_params, get_rank
from mmengine.model import is_model_wrapper
from torch import nn

from ..checkpoint_files import CheckpointFileError
from .random_states import (
    check_random_states,
    get_random_states,
    set_random_states,
)

_MOST_RANKS = 4096


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


def check_training_state(state: Any, model: nn.Module, name: str) -> None:
    """Check what a file says that :func:`get_training_state` has returned.

    Args:
        state (Any): What the file holds.
        model (nn.Module): The model that is trained, without a wrapper.
        name (str): The file.

    Raises:
        CheckpointFileError: If it cannot be used.
    """

    def refuse(what: str) -> None:
        raise CheckpointFileError(
            f'{name} has a state of training that is none: {what}. Start from its '
            'weights with `--cfg-options load_from=FILE`, without `--resume`.'
        )

    if not isinstance(state, dict):
        refuse(f'type {type(state).__name__} instead of a dictionary')
    ranks, gradients = state.get('random'), state.get('gradients')
    if not isinstance(ranks, list) or len(ranks) > _MOST_RANKS:
        refuse("no list 'random'")
    for states in ranks:
        try:
            check_random_states(states)
        except ValueError as error:
            refuse(f'random generators with {error}')
    if not isinstance(gradients, dict):
        refuse("no dictionary 'gradients'")
    for key, parameter in model.named_parameters():
        gradient = gradients.get(key, parameter)
        # Before it is copied: a file of a few bytes may hold a giant of one number.
        if (
            not isinstance(gradient, torch.Tensor)
            or gradient.shape != parameter.shape
            or gradient.dtype != parameter.dtype
        ):
            refuse(f'the gradient of {key} is unlike the parameter')


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
