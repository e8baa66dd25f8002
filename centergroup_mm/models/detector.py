# SPDX-License-Identifier: Apache-2.0
"""HigherHRNet's head, optionally with the person center as one more type."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmpose.models.backbones.resnet import BasicBlock
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class HigherHRNetMaps(BaseModule):
    """Heatmaps at 1/4 and 1/2 of the input and associative-embedding tags at 1/4.

    With T types (the K keypoints, then the center if there is one) a 1x1 convolution
    gives T heatmaps and T tags at 1/4; feature and maps together go through a
    transposed convolution and BasicBlocks to T heatmaps at 1/2.

    Args:
        in_channels (int): C of the backbone's finest map.
        num_types (int): T.
        num_blocks (int): BasicBlocks behind the transposed convolution. Defaults to 4.
    """

    def __init__(self, in_channels: int, num_types: int, num_blocks: int = 4) -> None:
        super().__init__(
            init_cfg=[
                dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.001),
                dict(type='Constant', layer='BatchNorm2d', val=1),
            ]
        )
        self.num_types = num_types
        stage0_channels = 2 * num_types
        self.final_layers = nn.ModuleList(
            (
                nn.Conv2d(in_channels, stage0_channels, 1),
                nn.Conv2d(in_channels, num_types, 1),
            )
        )
        self.deconv = nn.Sequential(
            nn.ConvTranspose2d(
                in_channels + stage0_channels,
                in_channels,
                kernel_size=4,
                stride=2,
                padding=1,
                bias=False,
            ),
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(
            *(BasicBlock(in_channels, in_channels) for _ in range(num_blocks))
        )

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Predict maps.

        Args:
            feats (Sequence[Tensor]): Backbone output, its first map (B, C, h/4, w/4).

        Returns:
            tuple[list[Tensor], Tensor]: heatmaps [(B, T, h/4, w/4), (B, T, h/2, w/2)]
            and tags (B, T, h/4, w/4).
        """
        feature = feats[0]
        stage0 = self.final_layers[0](feature)
        heatmaps, tags = stage0.split(self.num_types, 1)
        finer = self.blocks(self.deconv(torch.cat((feature, stage0), 1)))
        return [heatmaps, self.final_layers[1](finer)], tags
