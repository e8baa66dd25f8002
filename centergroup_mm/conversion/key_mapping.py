# SPDX-License-Identifier: Apache-2.0
"""Names of weights: in the released checkpoints, and in this package."""

import re
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from ..checkpoint_files import CheckpointFileError

# Names that older checkpoints have for parts of the model.
OLDER_NAMES = {'graph_model': 'group_model', 'graph_net': 'tr_encoder'}
DETECTOR_PREFIX = 'bu_model.'


class Layout(Enum):
    """What a checkpoint holds."""

    CENTERGROUP = 'CenterGroup model'
    DETECTOR = 'HigherHRNet of mmpose 0.x'


class Rule(NamedTuple):
    """One prefix and what it becomes.

    Attributes:
        source (str): Prefix in the foreign checkpoint, ``{}`` for each index in it.
        target (str): Prefix in this package, with the same indices.
        shift (int): Subtracted from the last index,
        scale (int): then multiplied with it.
    """

    source: str
    target: str
    shift: int = 0
    scale: int = 1

    def forward(self, key: str) -> str | None:
        """The name in this package, None if the rule does not fit."""
        return _rename(key, self.source, self.target, self._to_target)

    def backward(self, key: str) -> str | None:
        """The name in the foreign checkpoint, None if the rule does not fit."""
        return _rename(key, self.target, self.source, self._to_source)

    def _to_target(self, index: int) -> int | None:
        return None if index < self.shift else (index - self.shift) * self.scale

    def _to_source(self, index: int) -> int | None:
        return None if index % self.scale else index // self.scale + self.shift


def _rename(key, old, new, convert) -> str | None:
    found = re.match(re.escape(old).replace(r'\{\}', r'(\d+)'), key)
    if not found:
        return None
    indices = [int(index) for index in found.groups()]
    if indices:
        indices[-1] = convert(indices[-1])
        if indices[-1] is None:
            return None
    return new.format(*indices) + key[found.end() :]


def _detector_rules(source: str, head: str) -> list[Rule]:
    """HigherHRNet in mmpose 0.x; the transposed convolution is block 0 of its list."""
    maps = source + 'keypoint_head.'
    return [
        Rule(source + 'backbone.', 'backbone.'),
        Rule(maps + 'final_layers.', head + 'final_layers.'),
        Rule(maps + 'deconv_layers.0.0.0.', head + 'deconv.0.'),
        Rule(maps + 'deconv_layers.0.0.1.', head + 'deconv.1.'),
        Rule(maps + 'deconv_layers.0.{}.0.', head + 'blocks.{}.', shift=1),
    ]


def _cnn_rules(source: str, target: str) -> list[Rule]:
    """A residual CNN: convolution, batch norm, ReLU (2), blocks (3 and on)."""
    return [
        Rule(source + '.0.', target + '.project.0.'),
        Rule(source + '.1.', target + '.project.1.'),
        Rule(source + '.{}.', target + '.blocks.{}.', shift=3),
    ]


def _grouping_rules() -> list[Rule]:
    """The transformer. This package's MLPs count their ReLUs, hence the scale."""
    source, target = 'group_model.', 'head.grouping.'
    layer, own_layer = source + 'tr_encoder.layers.{}.', target + 'encoder.{}.'
    module, own_module = source + 'prediction_heads.{}.', target + 'grouping_modules.{}'
    return [
        Rule(source + 'initial_mlp.layers.{}.', target + 'initial_mlp.{}.', scale=2),
        Rule(source + 'kp_encoder.mlp.layers.0.', target + 'position_linear.'),
        Rule(source + 'kp_encoder.type_embed.', target + 'type_embedding.'),
        Rule(layer + 'self_attn.', own_layer + 'self_attn.attn.'),
        Rule(layer + 'linear1.', own_layer + 'ffn.layers.0.0.'),
        Rule(layer + 'linear2.', own_layer + 'ffn.layers.1.'),
        Rule(layer + 'norm1.', own_layer + 'norms.0.'),
        Rule(layer + 'norm2.', own_layer + 'norms.1.'),
        Rule(module + 'loc_attn.q_linear.', own_module + '.attention.query.'),
        Rule(module + 'loc_attn.k_linear.', own_module + '.attention.key.'),
        Rule(module + 'loc_attn.v_linear.', own_module + '.attention.value.'),
        Rule(
            module + 'mlp_vis.layers.{}.', own_module + '.visibility_mlp.{}.', scale=2
        ),
        Rule(
            module + 'mlp_person_tp.layers.{}.', own_module + '.center_mlp.{}.', scale=2
        ),
    ]


RULES = {
    Layout.CENTERGROUP: [
        *_detector_rules(DETECTOR_PREFIX, 'head.detector.'),
        *_cnn_rules('kp_embed_cnn', 'head.tokenizer.keypoint_cnn'),
        *_cnn_rules('person_embed_cnn', 'head.tokenizer.center_cnn'),
        *_grouping_rules(),
    ],
    Layout.DETECTOR: _detector_rules('', 'head.detector.'),
}


def find_layout(keys: Iterable[str], name: str) -> Layout:
    """Tell the layout of a checkpoint by the names of its weights.

    Args:
        keys (Iterable[str]): Names in the checkpoint.
        name (str): The checkpoint, for the message.

    Raises:
        CheckpointFileError: If it is neither.
    """
    keys = list(keys)
    for layout, prefix in (
        (Layout.CENTERGROUP, DETECTOR_PREFIX),
        (Layout.DETECTOR, ''),
    ):
        parts = (f'{prefix}backbone.', f'{prefix}keypoint_head.')
        if all(any(key.startswith(part) for key in keys) for part in parts):
            return layout
    raise CheckpointFileError(
        f'{name} has none of the layouts that can be converted: expected the released '
        "CenterGroup's (bu_model.backbone.*, bu_model.keypoint_head.*, ...) or that of "
        'a HigherHRNet of mmpose 0.x (backbone.*, keypoint_head.*); found '
        f'{", ".join(keys[:5])}, ... A checkpoint of this package needs no conversion.'
    )


def rename_keys(
    keys: Iterable[str], layout: Layout
) -> tuple[dict[str, str], list[str]]:
    """Find the names of weights in this package.

    Args:
        keys (Iterable[str]): Names in the checkpoint, current or older.
        layout (Layout): Its layout.

    Returns:
        tuple[dict[str, str], list[str]]: new names by old ones, and the old names for
        which there is none.
    """
    renamed, unknown, taken = {}, [], set()
    for key in keys:
        current = '.'.join(OLDER_NAMES.get(part, part) for part in key.split('.'))
        found = (rule.forward(current) for rule in RULES[layout])
        new = next((name for name in found if name is not None), None)
        if new is None or new in taken:
            unknown.append(key)
        else:
            renamed[key] = new
            taken.add(new)
    return renamed, unknown


def released_name(key: str, layout: Layout) -> str:
    """The name that a weight of this package has in a foreign checkpoint."""
    found = (rule.backward(key) for rule in RULES[layout])
    return next((name for name in found if name is not None), key)
