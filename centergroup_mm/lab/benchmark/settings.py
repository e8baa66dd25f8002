# SPDX-License-Identifier: Apache-2.0
"""What all methods of a measurement share."""

from dataclasses import asdict, dataclass

import torch

DTYPES = {
    'float32': torch.float32,
    'bfloat16': torch.bfloat16,
    'float16': torch.float16,
}


@dataclass(frozen=True)
class Settings:
    """How every method is run.

    Attributes:
        size (tuple[int, int]): Input [w, h].
        batch (int): Images at once.
        device (str): As torch names it, e.g. 'cuda:0'.
        dtype (str): A name of ``DTYPES``; others than float32 under autocast.
        flip (bool): Whether there is a mirrored view.
        channels_last (bool): Memory format of the weights and maps.
        compile (bool): Whether the grouping is compiled.
        image (str, optional): A photograph; without one a crowd is drawn.
    """

    size: tuple[int, int] = (768, 512)
    batch: int = 1
    device: str = 'cpu'
    dtype: str = 'float32'
    flip: bool = True
    channels_last: bool = False
    compile: bool = False
    image: str | None = None

    def as_dict(self) -> dict:
        return asdict(self)
