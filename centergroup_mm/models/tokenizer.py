# SPDX-License-Identifier: Apache-2.0
"""Turns candidates into transformer tokens (paper 4.1)."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor

from ..ops.position import encode_positions
from ..ops.recording import is_recorded
from ..ops.sampling import read_bilinear
from ..structures import Candidates, Tokens
from .layers import ResidualCNN
from .patch_cnn import patches_are_cheaper, read_residual_cnn

# Share of scale 1 in a multi-scale test; the other scales share the rest equally.
MAIN_SCALE_WEIGHT = 0.6


@MODELS.register_module()
class CandidateTokenizer(BaseModule):
    """Reads appearance and position at the candidates.

    Args:
        in_channels (int): C of the backbone's finest map.
        embed_dims (int): D.
        num_blocks (int): BasicBlocks of a residual CNN. Defaults to 2.
        shared_cnn (bool): One CNN for keypoints and centers (the paper), or one for
            each (the released models). Defaults to True.
        patches (bool, optional): Whether inference computes the CNN around valid
            tokens only, with the same result. Defaults to None: on a CPU where that is
            cheaper, never on a GPU, where asking would wait for it.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int,
        num_blocks: int = 2,
        shared_cnn: bool = True,
        patches: bool | None = None,
    ) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        self.patches = patches
        self.keypoint_cnn = ResidualCNN(in_channels, embed_dims, num_blocks)
        self.center_cnn = (
            None if shared_cnn else ResidualCNN(in_channels, embed_dims, num_blocks)
        )

    def forward(
        self,
        features: Sequence[Tensor],
        keypoints: Candidates,
        centers: Candidates,
        mask: Tensor,
        size: tuple[int, int],
    ) -> tuple[Tokens, Tokens]:
        """Make the tokens of all candidates.

        Args:
            features (Sequence[Tensor]): Backbone maps (B, C, h_s, w_s) at 1/4 of each
                test scale, scale 1 first.
            keypoints (Candidates): (B, K, M).
            centers (Candidates): (B, 1, P).
            mask (Tensor): bool (B, h, w), valid pixels at 1/4 of scale 1.
            size (tuple[int, int]): Input [w, h] at scale 1.

        Returns:
            tuple[Tokens, Tokens]: K*M keypoint tokens, type by type, and P center
            tokens.
        """
        num_types, num_candidates = keypoints.coords.shape[1:3]
        num_keypoints = num_types * num_candidates
        coords = torch.cat((keypoints.coords.flatten(1, 2), centers.coords[:, 0]), 1)
        valid = torch.cat((keypoints.valid.flatten(1), centers.valid[:, 0]), 1)
        types = torch.arange(num_types, device=coords.device)
        types = types.repeat_interleave(num_candidates)
        types = torch.cat(
            (types, types.new_full((centers.coords.shape[2],), num_types))
        )
        appearance = self._read_features(features, coords, valid, num_keypoints, size)
        positions = encode_positions(mask, coords, size, self.embed_dims)

        own = slice(None, num_keypoints), slice(num_keypoints, None)
        keypoint_tokens, center_tokens = (
            Tokens(
                appearance[:, part],
                positions[:, part],
                types[part],
                coords[:, part],
                valid[:, part],
            )
            for part in own
        )
        return keypoint_tokens, center_tokens

    def _read_features(
        self,
        features: Sequence[Tensor],
        coords: Tensor,
        valid: Tensor,
        num_keypoints: int,
        size: tuple[int, int],
    ) -> Tensor:
        """Appearance (B, N + P, D), averaged over the test scales."""
        weights = [1.0]
        if len(features) > 1:
            others = len(features) - 1
            weights = [MAIN_SCALE_WEIGHT]
            weights += [(1 - MAIN_SCALE_WEIGHT) / others] * others
        total = 0
        for weight, feature in zip(weights, features, strict=True):
            total = total + weight * self._read_scale(
                feature, coords, valid, num_keypoints, size
            )
        return total

    def _read_scale(
        self,
        feature: Tensor,
        coords: Tensor,
        valid: Tensor,
        num_keypoints: int,
        size: tuple[int, int],
    ) -> Tensor:
        if self.center_cnn is None:
            return self._read_cnn(self.keypoint_cnn, feature, coords, valid, size)
        own = slice(None, num_keypoints), slice(num_keypoints, None)
        cnns = self.keypoint_cnn, self.center_cnn
        return torch.cat(
            [
                self._read_cnn(cnn, feature, coords[:, part], valid[:, part], size)
                for cnn, part in zip(cnns, own, strict=True)
            ],
            1,
        )

    def _read_cnn(
        self,
        cnn: ResidualCNN,
        feature: Tensor,
        coords: Tensor,
        valid: Tensor,
        size: tuple[int, int],
    ) -> Tensor:
        """Output (B, N, D) of a CNN at the tokens; undefined where not valid."""
        if self._takes_patches(cnn, feature, valid):
            return read_residual_cnn(cnn, feature, coords, valid, size)
        return read_bilinear(cnn(feature), coords, size)

    def _takes_patches(self, cnn: ResidualCNN, feature: Tensor, valid: Tensor) -> bool:
        """Whether to compute around tokens only: never where statistics are taken."""
        if self.training or is_recorded():
            return False
        if self.patches is not None or feature.is_cuda:
            return bool(self.patches)
        num_pixels = feature.shape[0] * feature.shape[2] * feature.shape[3]
        return patches_are_cheaper(int(valid.sum()), len(cnn.blocks), num_pixels)
