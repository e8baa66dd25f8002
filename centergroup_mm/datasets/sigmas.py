# SPDX-License-Identifier: Apache-2.0
"""The sigmas of keypoint types, for datasets whose metainfo has none."""

from collections.abc import Mapping, Sequence
from math import inf
from reprlib import repr as short_repr

import numpy as np
from mmengine.logging import MMLogger

# That of COCO's eyes, near the means of COCO-WholeBody's faces and hands (0.017 and
# 0.026); MMPose gives it to all types of Animal Kingdom. It is strict for limbs: rather
# an AP that is too low than one that flatters.
DEFAULT_SIGMA = 0.025


def choose_sigmas(
    metainfo: Mapping, chosen: float | Sequence[float] | None = None
) -> np.ndarray:
    """The sigmas by which poses of a dataset are judged.

    COCO's similarity of a keypoint to its annotation falls with their distance in
    units of ``2 * sigma`` times the size of the person.

    Args:
        metainfo (Mapping): Parsed, with ``dataset_name``, ``num_keypoints`` and
            ``sigmas``, which may be empty.
        chosen (float | Sequence[float], optional): One for all types, or one for each.
            Defaults to those of the metainfo, and with a warning to
            :data:`DEFAULT_SIGMA` where it has none.

    Returns:
        np.ndarray: (K,) float32.

    Raises:
        ValueError: If ``chosen`` are not K positive numbers.
    """
    name, count = metainfo['dataset_name'], metainfo['num_keypoints']
    if chosen is None and len(metainfo['sigmas']):
        return np.asarray(metainfo['sigmas'], dtype=np.float32)
    if chosen is None:
        MMLogger.get_current_instance().warning(
            f'The metainfo of {name} has no sigmas, by which AP judges distances: '
            f'{DEFAULT_SIGMA} is taken for all its {count} keypoints. AP is comparable '
            'only at the same sigmas; to choose others give every dataset of the '
            'config sigmas=NUMBER, or a list of one for each keypoint.'
        )
        chosen = DEFAULT_SIGMA
    values = [chosen] * count if isinstance(chosen, int | float) else list(chosen)
    if len(values) != count or not all(
        isinstance(value, int | float) and 0 < value < inf for value in values
    ):
        raise ValueError(
            f'The dataset {name} was given sigmas={short_repr(chosen)}; expected a '
            f'number above 0, or {count} of them, one for each keypoint of its '
            'metainfo.'
        )
    return np.array(values, dtype=np.float32)
