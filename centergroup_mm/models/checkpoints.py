# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint must hold to become a CenterGroup model.

The host loads weights non-strictly and only logs what did not fit, so that a model may
predict, or train on, with random weights unnoticed. Here a checkpoint is the whole
model or an error; for CenterGroup it may also be the model pruned for inference, or a
whole detector.
"""

import re
from collections.abc import Mapping

from torch import Tensor

DETECTOR_PREFIXES = ('backbone.', 'head.detector.')
# Stored by the preprocessor and by old batch norms, without influence on the result.
IGNORED = ('data_preprocessor.', 'num_batches_tracked')
GROUPING_MODULE = re.compile(r'head\.grouping\.grouping_modules\.(\d+)\.')
SHOWN = 5
EXPECTED_OF_CENTERGROUP = (
    'Expected all weights of this CenterGroup, or all weights of its detector, a '
    'HigherHRNet trained with centers.'
)


class CheckpointMismatchError(RuntimeError):
    """The checkpoint does not fit the model of the config."""


def is_pruned(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> bool:
    """Whether ``weights`` hold the last grouping module of a model and no other.

    Args:
        own (Mapping[str, Tensor]): State dict of the model.
        weights (Mapping[str, Tensor]): State dict of the checkpoint.
    """
    *unused, last = sorted(_grouping_modules(own))
    return bool(unused) and _grouping_modules(weights) == {last}


def holds_grouping(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> bool:
    """Check that ``weights`` are a whole model or a whole detector.

    Args:
        own (Mapping[str, Tensor]): State dict of the model.
        weights (Mapping[str, Tensor]): State dict of the checkpoint.

    Returns:
        bool: True for a whole model, False for a detector.

    Raises:
        CheckpointMismatchError: For anything else; says which keys differ.
    """
    own, weights = _that_count(own), _that_count(weights)
    missing = [key for key in own if key not in weights]
    detector_only = missing and not any(
        key in own and not _in_detector(key) for key in weights
    )
    if detector_only:
        missing = [key for key in missing if _in_detector(key)]
    _refuse_misfits(own, weights, missing, EXPECTED_OF_CENTERGROUP)
    return not detector_only


def check_whole(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Check that ``weights`` are a whole model.

    Args:
        own (Mapping[str, Tensor]): State dict of the model.
        weights (Mapping[str, Tensor]): State dict of the checkpoint.

    Raises:
        CheckpointMismatchError: If they are not; says which keys differ.
    """
    own, weights = _that_count(own), _that_count(weights)
    missing = [key for key in own if key not in weights]
    _refuse_misfits(own, weights, missing, 'Expected all weights of this model.')


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


def _grouping_modules(weights: Mapping[str, Tensor]) -> set[int]:
    found = (GROUPING_MODULE.match(key) for key in weights)
    return {int(match[1]) for match in found if match}


def _that_count(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: weight for key, weight in weights.items() if not _ignored(key)}


def _ignored(key: str) -> bool:
    return key.startswith(IGNORED[0]) or key.endswith(IGNORED[1])


def _in_detector(key: str) -> bool:
    return key.startswith(DETECTOR_PREFIXES)


def _describe(problems: Mapping[str, list[str]], expected: str) -> str:
    lines = [
        f'The checkpoint does not fit the model. {expected} Check that config and '
        'checkpoint belong together: method, backbone width, number of keypoint '
        'types.'
    ]
    for problem, keys in problems.items():
        if keys:
            more = f', and {len(keys) - SHOWN} more' if len(keys) > SHOWN else ''
            lines.append(f'{len(keys)} {problem}: {", ".join(keys[:SHOWN])}{more}')
    return '\n  '.join(lines)
