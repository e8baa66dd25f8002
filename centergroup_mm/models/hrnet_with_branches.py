# SPDX-License-Identifier: Apache-2.0
"""The host's HRNet with all of its resolutions."""

from mmpose.models.backbones import HRNet
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class HRNetWithBranches(HRNet):
    """HRNet that gives its coarser branches behind the finest map.

    The first map is that of the host's HRNet; the others, at 1/8, 1/16 and 1/32, are
    the branches of the last module before it fuses them into the first. They are
    computed anyway: weights, their names and the work are those of HRNet, so that a
    detector on an HRNet is a start for this one. The host's ``multiscale_output`` fuses
    every resolution once more, by layers that such a detector has not.

    Args:
        *args, **kwargs: As in the host's ``HRNet``.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.stage4[-1].register_forward_hook(_add_branches)


def _add_branches(
    module: nn.Module, args: tuple[list[Tensor]], output: list[Tensor]
) -> list[Tensor]:
    """The host's module leaves in its input list what each branch made of it."""
    (branches,) = args
    return [output[0], *branches[1:]]
