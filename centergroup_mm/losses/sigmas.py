# SPDX-License-Identifier: Apache-2.0
"""What losses need to know of keypoint types."""

from collections.abc import Sequence

from torch import Tensor


def to_deviations(sigmas: Sequence[float] | None, like: Tensor, who: str) -> Tensor:
    """COCO's k of each keypoint type, twice its sigma.

    Args:
        sigmas (Sequence[float], optional): From the metainfo of the samples.
        like (Tensor): Gives device and dtype.
        who (str): What needs them, for the message.

    Returns:
        Tensor: (K,).

    Raises:
        ValueError: If there are no sigmas.
    """
    if sigmas is None:
        raise ValueError(
            f'{who} needs the sigma of every keypoint type: expected `sigmas` in the '
            'metainfo of the data samples, found none. Add them to the dataset '
            'metainfo, or leave it out of the config.'
        )
    return 2 * like.new_tensor(sigmas)
