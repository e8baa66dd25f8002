# SPDX-License-Identifier: Apache-2.0
"""Configs as they are built: what a training or a test would really use."""

import copy
import json
from collections.abc import Mapping
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from mmpose.registry import MODELS
from torch import nn

import centergroup_mm  # noqa: F401

CONFIG_FOLDER = Path(__file__).resolve().parents[2] / 'configs'


class Built:
    """A config, and on demand what is built of it.

    Args:
        config (Config): Resolved, with all that it inherits.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    @classmethod
    def read(cls, name: str, folder: Path = CONFIG_FOLDER) -> 'Built':
        path = folder / f'{name}.py'
        return cls(Config.fromfile(path, import_custom_modules=False))

    @cached_property
    def model(self) -> nn.Module:
        """Without memory for weights, and without a download."""
        return _build_model(_as_text(self.config.model))

    @cached_property
    def train(self) -> dict[str, Any]:
        """Transforms of the training pipeline by type."""
        return _build_pipeline(self.config.train_dataloader)

    @cached_property
    def test(self) -> dict[str, Any]:
        """Transforms of the test pipeline by type."""
        return _build_pipeline(self.config.test_dataloader)

    @cached_property
    def rates(self) -> dict[str, float]:
        """Learning rate behind the warm-up of every parameter that is trained."""
        return _build_rates(
            _as_text(self.config.model), _as_text(self.config.optim_wrapper)
        )

    def factors(self) -> list[float]:
        """What the schedule multiplies all rates by, at each iteration."""
        length = self.config.train_cfg.max_iters
        return _run_schedulers(_as_text(self.config.param_scheduler), length)

    def look_up(self, path: str) -> list:
        """All values at a dotted path of attributes and keys.

        ``*`` stands for every entry of a sequence, ``len()`` for their number.
        """
        found = [self]
        for name in path.split('.'):
            found = [value for parent in found for value in _step(parent, name)]
        return [_plain(value) for value in found]


def _step(parent: Any, name: str) -> list:
    if name == '*':
        return list(parent)
    if name == 'len()':
        return [len(parent)]
    if isinstance(parent, Mapping):
        return [parent[name]]
    return [getattr(parent, name)]


def _plain(value: Any) -> Any:
    """Sequences as tuples, so that they compare."""
    if isinstance(value, list | tuple):
        return tuple(_plain(entry) for entry in value)
    return value


def _as_text(part: Any) -> str:
    return json.dumps(part)


@lru_cache(maxsize=64)
def _build_model(text: str) -> nn.Module:
    model = json.loads(text)
    # Copies of one, for building it takes longest.
    backbone = _build_backbone(_as_text(model['backbone'] | {'init_cfg': None}))
    model['backbone'] = dict(type=partial(copy.deepcopy, backbone))
    with torch.device('meta'), DefaultScope.overwrite_default_scope('mmpose'):
        return MODELS.build(model)


@lru_cache(maxsize=64)
def _build_backbone(text: str) -> nn.Module:
    with torch.device('meta'), DefaultScope.overwrite_default_scope('mmpose'):
        return MODELS.build(json.loads(text))


def _build_pipeline(loader: dict) -> dict[str, Any]:
    with DefaultScope.overwrite_default_scope('mmpose'):
        transforms = Compose(loader['dataset']['pipeline']).transforms
    return {type(transform).__name__: transform for transform in transforms}


@lru_cache(maxsize=64)
def _build_rates(model_text: str, wrapper_text: str) -> dict[str, float]:
    model = _build_model(model_text)
    # The wrapper for mixed precision wants a GPU.
    wrapper = build_optim_wrapper(
        model, json.loads(wrapper_text) | {'type': 'OptimWrapper'}
    )
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: group['lr']
        for group in wrapper.param_groups
        for parameter in group['params']
        if parameter.requires_grad
    }


@lru_cache(maxsize=64)
def _run_schedulers(text: str, length: int) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedulers = [
        PARAM_SCHEDULERS.build(scheduler, default_args=dict(optimizer=optimizer))
        for scheduler in json.loads(text)
    ]
    # Or the schedulers would warn that they come too early.
    optimizer.step()
    factors = []
    for _ in range(length):
        factors.append(optimizer.param_groups[0]['lr'])
        for scheduler in schedulers:
            # As the host's hook does: by epochs would be once, behind the last.
            if not scheduler.by_epoch:
                scheduler.step()
    return factors
