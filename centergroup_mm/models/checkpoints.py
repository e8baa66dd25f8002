# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint must hold to become a model.

The host loads weights non-strictly and only logs what did not fit, so that a model may
predict, or train on, with random weights unnoticed. Here a checkpoint is the whole
model or an error; for a method that groups on top of HigherHRNet's heatmaps it may also
be a whole detector, and for CenterGroup the model pruned for inference.
"""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from ..checkpoint_files import not_finite

# Stored by the preprocessor and by old batch norms, without influence on the result.
IGNORED = ('data_preprocessor.', 'num_batches_tracked')
GROUPING_MODULE = re.compile(r'head\.grouping\.grouping_modules\.(\d+)\.')
SHOWN = 5
EXPECTED = 'Expected all weights of this model.'
EXPECTED_ON_DETECTOR = (
    'Expected all weights of this model, or all weights of its detector, a '
    'HigherHRNet trained with centers.'
)
ADVICE_ON_TYPES = (
    'A model of other keypoint types can be a start: tools/adapt_checkpoint.py takes '
    'from it what fits.'
)


class CheckpointMismatchError(RuntimeError):
    """The checkpoint does not fit the model of the config, or fits no model."""


def is_pruned(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> bool:
    """Whether ``weights`` hold the last grouping module of a model and no other.

    Args:
        own (Mapping[str, Tensor]): State dict of the model.
        weights (Mapping[str, Tensor]): State dict of the checkpoint.
    """
    modules = sorted(_grouping_modules(own))
    return len(modules) > 1 and _grouping_modules(weights) == {modules[-1]}


def holds_grouping(
    own: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    detector: Collection[str],
) -> bool:
    """Check that ``weights`` are a whole model, or the whole detector of one.

    A model pruned for inference, see :func:`is_pruned`, is whole.

    Args:
        own (Mapping[str, Tensor]): State dict of the model.
        weights (Mapping[str, Tensor]): State dict of the checkpoint.
        detector (Collection[str]): Names of the model's modules that are its detector,
            see :meth:`BatchedPoseEstimator.detector_parts`.

    Returns:
        bool: True for a whole model, False for a detector without what groups.

    Raises:
        CheckpointMismatchError: For anything else, or weights that are not finite; says
            which keys.
    """
    if is_pruned(own, weights):
        own = _without_unused_modules(own)
    own, weights = _that_count(own), _that_count(weights)
    _refuse_other_types(weights)
    missing = [key for key in own if key not in weights]
    prefixes = tuple(f'{name}.' for name in detector)
    on_detector = not all(key.startswith(prefixes) for key in own)
    detector_only = bool(prefixes and on_detector and missing) and not any(
        key in own and not key.startswith(prefixes) for key in weights
    )
    if detector_only:
        missing = [key for key in missing if key.startswith(prefixes)]
    expected = EXPECTED_ON_DETECTOR if prefixes and on_detector else EXPECTED
    _refuse_misfits(own, weights, missing, expected)
    _refuse_infinite(weights)
    return not detector_only


def _refuse_other_types(weights: Mapping[str, object]) -> None:
    odd = [
        f'{key} ({type(weight).__name__})'
        for key, weight in weights.items()
        if not isinstance(weight, Tensor)
    ]
    if odd:
        raise CheckpointMismatchError(
            f'The checkpoint holds {len(odd)} weights that are no tensors: '
            f'{_listed(odd)}. Expected a tensor under every name, as training, '
            'tools/publish_model.py and tools/convert_checkpoint.py write them.'
        )


def _refuse_misfits(
    own: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    missing: list[str],
    expected: str,
) -> None:
    problems = {
        'missing in the checkpoint': missing,
        'unknown to the model': [key for key in weights if key not in own],
        'of another shape': [
            f'{key} {tuple(weights[key].shape)} instead of {tuple(own[key].shape)}'
            for key in weights
            if key in own and weights[key].shape != own[key].shape
        ],
    }
    if any(problems.values()):
        raise CheckpointMismatchError(_describe(problems, expected))


def _refuse_infinite(weights: Mapping[str, Tensor]) -> None:
    """A model with one NaN finds no people, and says nothing of it."""
    wrong = not_finite(weights)
    if wrong:
        raise CheckpointMismatchError(
            f'{len(wrong)} of {len(weights)} weights of the checkpoint are not finite '
            f'(NaN or infinite): {_listed(wrong)}. Its training '
            'failed, or the file is damaged: use an earlier or another checkpoint.'
        )


def _grouping_modules(weights: Mapping[str, Tensor]) -> set[int]:
    found = (GROUPING_MODULE.match(key) for key in weights)
    return {int(match[1]) for match in found if match}


def _without_unused_modules(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is left of a model's weights by pruning."""
    last = max(_grouping_modules(own))
    found = ((key, GROUPING_MODULE.match(key)) for key in own)
    return {key: own[key] for key, match in found if not match or int(match[1]) == last}


def _that_count(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: weight for key, weight in weights.items() if not _ignored(key)}


def _ignored(key: str) -> bool:
    return key.startswith(IGNORED[0]) or key.endswith(IGNORED[1])


def _describe(problems: Mapping[str, list[str]], expected: str) -> str:
    lines = [
        f'The checkpoint does not fit the model. {expected} Check that config and '
        'checkpoint belong together: method, backbone width, number of keypoint '
        'types.'
    ]
    for problem, keys in problems.items():
        if keys:
            lines.append(f'{len(keys)} {problem}: {_listed(keys)}')
    if problems['of another shape']:
        lines.append(ADVICE_ON_TYPES)
    return '\n  '.join(lines)


def _listed(keys: list[str]) -> str:
    more = f', and {len(keys) - SHOWN} more' if len(keys) > SHOWN else ''
    return ', '.join(keys[:SHOWN]) + more
