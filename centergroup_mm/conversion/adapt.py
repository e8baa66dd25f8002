# SPDX-License-Identifier: Apache-2.0
"""A model of some keypoint types as the start for others: what fits is taken."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.registry import MODELS
from torch import Tensor

from ..files import write_together
from .content import checkpoint_bytes
from .type_rows import find_rule, heatmap_types
from .weights import WRAPPER_PREFIX

TOKENIZER_STATISTICS = re.compile(r'head\.tokenizer\..*\.running_(mean|var)')


@dataclass
class Adaptation:
    """What a model got from a checkpoint of other keypoint types.

    Attributes:
        weights (dict[str, Tensor]): All weights of the model.
        types (list[str]): Its keypoint types that the checkpoint has, and the center.
        new_types (list[str]): Those that it has not.
        unused_types (list[str]): Types of the checkpoint that the model has not.
        whole (list[str]): Weights that were taken as they are.
        by_type (list[str]): Weights of which the rows of ``types`` were taken.
        new (dict[str, str]): Weights that were not taken, and why.
        unused (list[str]): Weights of the checkpoint that the model has not.
    """

    weights: dict[str, Tensor]
    types: list[str]
    new_types: list[str]
    unused_types: list[str]
    whole: list[str] = field(default_factory=list)
    by_type: list[str] = field(default_factory=list)
    new: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to be trained."""
        return not self.new_types and not self.new

    def describe(self) -> str:
        """What was taken, in a table, and the rest in lists."""
        parts = dict.fromkeys('.'.join(key.split('.')[:2]) for key in self.weights)
        parts = dict.fromkeys(
            'backbone' if part.startswith('backbone') else part for part in parts
        )
        lines = [f'{"weights of":24}{"whole":>8}{"by type":>9}{"new":>6}']
        for part in parts:
            counts = (
                sum(key.startswith(f'{part}.') for key in keys)
                for keys in (self.whole, self.by_type, self.new)
            )
            lines.append('{:24}{:8}{:9}{:6}'.format(part, *counts))
        for title, names in (
            ('types taken', self.types),
            ('new types', self.new_types),
            ('types left behind', self.unused_types),
            ('by type', self.by_type),
            ('new', [f'{key}: {why}' for key, why in self.new.items()]),
            ('weights left behind', self.unused),
        ):
            if names:
                separator = ', ' if 'types' in title else '\n  '
                lines.append(f'{title} ({len(names)}):\n  {separator.join(names)}')
        if self.is_complete:
            lines.append('Nothing is new: the model predicts without further training.')
        else:
            lines.append('The model must be trained before it predicts.')
        return '\n'.join(lines)


def adapt_checkpoint(
    source: str | Path,
    config: Config,
    target: str | Path,
    same: Mapping[str, str] | None = None,
) -> Adaptation:
    """Write a start for the model of a config, from a checkpoint of other types.

    Args:
        source (str | Path): Path or URL of a checkpoint of this package: a whole
            model or a detector.
        config (Config): The config to be trained.
        target (str | Path): File to write, for ``load_from``.
        same (Mapping[str, str], optional): By keypoint type of the config, the type of
            the checkpoint that it is, where their names differ.

    Returns:
        Adaptation: What was taken.

    Raises:
        FileExistsError: If ``target`` is there.
        ValueError: If the checkpoint does not name its types, or ``same`` unknown ones.
    """
    target = Path(target)
    if target.exists():
        raise FileExistsError(f'{target} is already there. Name another target.')
    checkpoint = CheckpointLoader.load_checkpoint(
        str(source), map_location='cpu', logger='silent'
    )
    types = _types_of(checkpoint, str(source))
    weights = {
        key.removeprefix(WRAPPER_PREFIX): weight
        for key, weight in checkpoint['state_dict'].items()
    }
    dataset_meta = dataset_meta_from_config(config, 'train')
    own_types = _names(dataset_meta)
    same = _check_same(same or {}, own_types, types)
    adapted = adapt_weights(_initial_weights(config), weights, own_types, types, same)
    write_together({target: checkpoint_bytes(adapted.weights, dataset_meta)})
    return adapted


def adapt_weights(
    own: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    own_types: Sequence[str],
    types: Sequence[str],
    same: Mapping[str, str] | None = None,
) -> Adaptation:
    """Take from ``weights`` what fits a model.

    Rows that belong to a keypoint type or to the person center are taken by its name,
    everything else where the shape is the same. Where something is left to be trained,
    the grouping counts as untrained: its batch norms begin their statistics anew, so
    that the model refuses to predict before.

    Args:
        own (Mapping[str, Tensor]): State dict of the model, with initial weights.
        weights (Mapping[str, Tensor]): State dict of the checkpoint.
        own_types (Sequence[str]): Keypoint types of the model.
        types (Sequence[str]): Those of the checkpoint.
        same (Mapping[str, str], optional): As for :func:`adapt_checkpoint`.

    Returns:
        Adaptation: What was taken. ``weights`` and ``own`` are left as they are.
    """
    known = [(same or {}).get(name, name) for name in own_types]
    wanted, found = heatmap_types(own, known), heatmap_types(weights, types)
    named = list(zip(heatmap_types(own, own_types), wanted, strict=True))
    adapted = Adaptation(
        {key: weight.clone() for key, weight in own.items()},
        [name for name, other in named if other in found],
        [name for name, other in named if other not in found],
        [name for name in found if name not in wanted],
        unused=[key for key in weights if key not in own],
    )
    for key, mine in adapted.weights.items():
        _take(adapted, key, mine, weights.get(key), wanted, found)
    if not adapted.is_complete:
        for key, weight in adapted.weights.items():
            if match := TOKENIZER_STATISTICS.fullmatch(key):
                weight.fill_(1.0 if match[1] == 'var' else 0.0)
    return adapted


def _take(
    adapted: Adaptation,
    key: str,
    mine: Tensor,
    theirs: Tensor | None,
    wanted: Sequence[str],
    found: Sequence[str],
) -> None:
    """Fill one weight of the model, and note how."""
    if theirs is None:
        if not key.endswith('num_batches_tracked'):
            adapted.new[key] = 'not in the checkpoint'
        return
    rule = find_rule(key)
    if rule is None or mine.shape[1:] != theirs.shape[1:]:
        rows, places = [], {}
        fits = mine.shape == theirs.shape
    else:
        rows = rule(len(mine), wanted)
        places = {row: index for index, row in enumerate(rule(len(theirs), found))}
        fits = {row.slot for row in rows} == {row.slot for row in places}
    if not fits:
        shapes = (tuple(theirs.shape), tuple(mine.shape))
        adapted.new[key] = '{} instead of {}'.format(*shapes)
    elif rows == list(places):
        mine.copy_(theirs)
        adapted.whole.append(key)
    else:
        taken = [index for index, row in enumerate(rows) if row in places]
        mine[taken] = theirs[[places[rows[index]] for index in taken]].to(mine)
        adapted.by_type.append(key)


def _types_of(checkpoint: Mapping, source: str) -> list[str]:
    """Names of a checkpoint's keypoint types."""
    if 'state_dict' not in checkpoint:
        raise ValueError(
            f'{source} has no "state_dict"; expected a checkpoint of this package.'
        )
    dataset_meta = (checkpoint.get('meta') or {}).get('dataset_meta') or {}
    if 'keypoint_id2name' not in dataset_meta:
        raise ValueError(
            f'{source} does not name its keypoint types (meta, dataset_meta, '
            'keypoint_id2name), so that none can be taken. Expected a checkpoint as '
            'training, publish_model or convert_checkpoint writes it.'
        )
    return _names(dataset_meta)


def _names(dataset_meta: Mapping) -> list[str]:
    names = {int(k): name for k, name in dataset_meta['keypoint_id2name'].items()}
    return [names[index] for index in sorted(names)]


def _check_same(
    same: Mapping[str, str], own_types: Sequence[str], types: Sequence[str]
) -> Mapping[str, str]:
    for name, other in same.items():
        for wanted, known, where in (
            (name, own_types, 'config'),
            (other, types, 'checkpoint'),
        ):
            if wanted not in known:
                raise ValueError(
                    f'{name}={other}: the {where} has no keypoint type {wanted!r}. '
                    f'Expected one of {", ".join(known)}.'
                )
    return same


def _initial_weights(config: Config) -> dict[str, Tensor]:
    """State dict of a new model, without what it would download."""
    settings = config.model.to_dict()
    settings['backbone']['init_cfg'] = None
    with (
        torch.random.fork_rng(devices=[]),
        DefaultScope.overwrite_default_scope('mmpose'),
    ):
        torch.manual_seed(0)
        model = MODELS.build(settings)
        model.init_weights()
    return model.state_dict()
