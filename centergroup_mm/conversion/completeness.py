# SPDX-License-Identifier: Apache-2.0
"""Accounting for every weight of a converted checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from torch import Tensor

from ..checkpoint_files import CheckpointFileError
from ..texts import shown
from .key_mapping import Layout, released_name
from .weights import SHOWN


def check_complete(
    source: str | Path, weights: Mapping[str, Tensor], config: Config, layout: Layout
) -> None:
    """Compare weights with the model of a config, name by name, shape by shape.

    Args:
        source (str | Path): The checkpoint, for the message.
        weights (Mapping[str, Tensor]): Its weights under the names of this package.
        config (Config): A config of this package.
        layout (Layout): How the checkpoint names its weights.

    Raises:
        CheckpointFileError: If they are not exactly the weights of that model; counts
            those that are missing, unknown or of another shape, and lists the first by
            their names in the checkpoint.
    """
    try:
        with DefaultScope.overwrite_default_scope('mmpose'), torch.device('meta'):
            own = MODELS.build(config.model).state_dict()
    except Exception as error:  # whatever a layer says of sizes that do not fit
        reason = shown(str(error).split('\n')[0])
        raise CheckpointFileError(
            f'{source} is not converted: no model can be built of the sizes of its '
            f'weights ({type(error).__name__}: {reason}). Expected a released '
            'checkpoint.'
        ) from error
    expected = {key: tuple(weight.shape) for key, weight in own.items()}
    found = {key: tuple(weight.shape) for key, weight in weights.items()}

    def name(key: str) -> str:
        return released_name(key, layout)

    problems = {
        'missing': [name(key) for key in expected if key not in found],
        'unknown': [name(key) for key in found if key not in expected],
        'of another shape': [
            f'{name(key)} {shape}, expected {expected[key]}'
            for key, shape in found.items()
            if expected.get(key, shape) != shape
        ],
    }
    if any(problems.values()):
        raise CheckpointFileError(describe_problems(source, problems))


def describe_problems(source: str | Path, problems: Mapping[str, Sequence[str]]) -> str:
    """A message that lists weights by what is wrong with them."""
    lines = [f'{source} is not converted: not every weight is accounted for.']
    for problem, keys in problems.items():
        if keys:
            lines.append(f'{len(keys)} {problem}:')
            lines.extend(f'  {key}' for key in keys[:SHOWN])
            lines.extend(['  ...'] * (len(keys) > SHOWN))
    return '\n'.join(lines)
