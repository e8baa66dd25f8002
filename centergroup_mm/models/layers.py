# SPDX-License-Identifier: Apache-2.0
"""Small layers the other modules are made of."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmpose.models.backbones.resnet import BasicBlock
from torch import Tensor, nn


class MLP(nn.Sequential):
    """Linear layers with ReLU between them.

    Args:
        channels (Sequence[int]): Widths from input to output.
        final_relu (bool): Whether ReLU follows the last layer too.
    """

    def __init__(self, channels: Sequence[int], final_relu: bool = False) -> None:
        layers = []
        for width_in, width_out in zip(channels[:-1], channels[1:], strict=True):
            layers += [nn.Linear(width_in, width_out), nn.ReLU(inplace=True)]
        super().__init__(*(layers if final_relu else layers[:-1]))


class ResidualCNN(BaseModule):
    """Turns backbone features into token features (supplementary Table 2).

    Args:
        in_channels (int): C of the backbone's finest map.
        out_channels (int): D.
        num_blocks (int): BasicBlocks behind the first convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, num_blocks: int = 2):
        super().__init__(
            init_cfg=[
                dict(type='Kaiming', layer='Conv2d'),
                dict(type='Constant', val=1, layer='BatchNorm2d'),
            ]
        )
        self.project = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(
            *(BasicBlock(out_channels, out_channels) for _ in range(num_blocks))
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, D, h, w)."""
        return self.blocks(self.project(feature))
