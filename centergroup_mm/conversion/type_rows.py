# SPDX-License-Identifier: Apache-2.0
"""Which rows of which weights belong to which keypoint type."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

# The name of the person center among the types of heatmaps.
CENTER = 'the person center'
FINEST_HEATMAPS = 'head.detector.final_layers.1.weight'


class Row(NamedTuple):
    """What a row of a weight belongs to.

    Attributes:
        type (str | None): A keypoint type or ``CENTER``; None where it is of no type.
        slot (Hashable): Which of the rows of that type.
    """

    type: str | None
    slot: Hashable


# From the number of rows and the types of heatmaps, the center last if there is one.
Rule = Callable[[int, Sequence[str]], list[Row]]


def heatmap_types(weights: Mapping[str, Tensor], types: Sequence[str]) -> list[str]:
    """The types of a model's heatmaps: its keypoint types and perhaps the center.

    Args:
        weights (Mapping[str, Tensor]): State dict of the model.
        types (Sequence[str]): Its keypoint types.

    Raises:
        ValueError: If there are neither as many heatmaps nor one more.
    """
    count = len(weights[FINEST_HEATMAPS]) if FINEST_HEATMAPS in weights else None
    if count not in (len(types), len(types) + 1):
        found = 'missing' if count is None else f'of {count} types'
        raise ValueError(
            f'Expected a HigherHRNet, CenterNet or CenterGroup of the {len(types)} '
            f'keypoint types {", ".join(types)}; its heatmaps ({FINEST_HEATMAPS}) are '
            f'{found}. Check that num_keypoints, metainfo and checkpoint belong '
            'together, and convert a released checkpoint first.'
        )
    return [*types, CENTER][:count]


def find_rule(key: str) -> Rule | None:
    """How the rows of a weight belong to types; None if they do not."""
    return next((rule for name, rule in _RULES.items() if name.fullmatch(key)), None)


def _heatmaps(count: int, types: Sequence[str]) -> list[Row]:
    return [Row(name, 'heatmap') for name in types]


def _heatmaps_and_tags(count: int, types: Sequence[str]) -> list[Row]:
    return [Row(name, kind) for kind in ('heatmap', 'tag') for name in types]


def _features_and_maps(count: int, types: Sequence[str]) -> list[Row]:
    maps = _heatmaps_and_tags(count, types)
    return [*(Row(None, index) for index in range(count - len(maps))), *maps]


def _heads(count: int, types: Sequence[str]) -> list[Row]:
    keypoints = [name for name in types if name != CENTER]
    width = count // len(keypoints)
    return [Row(name, index) for name in keypoints for index in range(width)]


_RULES = {
    re.compile(name): rule
    for name, rule in {
        r'head\.detector\.final_layers\.0\.(weight|bias)': _heatmaps_and_tags,
        r'head\.detector\.final_layers\.1\.(weight|bias)': _heatmaps,
        # The rows of a transposed convolution are its input.
        r'head\.detector\.deconv\.0\.weight': _features_and_maps,
        r'head\.grouping\.type_embedding\.weight': _heatmaps,
        r'head\.grouping\.grouping_modules\.\d+\.attention\.(query|key|value)\.'
        r'(weight|bias)': _heads,
        r'head\.offset_branch\.2\.(weight|bias)': _heads,
    }.items()
}
