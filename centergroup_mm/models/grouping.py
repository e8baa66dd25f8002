# SPDX-License-Identifier: Apache-2.0
"""The transformer that turns candidates into groups (paper 4; supplementary 3.3)."""

from collections.abc import Callable

import torch
from mmengine.model import BaseModule
from mmpose.models.utils.transformer import DetrTransformerEncoderLayer
from mmpose.registry import MODELS
from torch import Tensor, nn

from ..ops.recording import is_recorded
from ..structures import GroupingOutput, Tokens
from .attention import CenterKeypointAttention, padding_mask
from .layers import MLP


class GroupingModule(nn.Module):
    """Reads the grouping off encoded tokens.

    Args:
        num_keypoints (int): K.
        embed_dims (int): D.
        head_dims (int): d.
    """

    def __init__(self, num_keypoints: int, embed_dims: int, head_dims: int) -> None:
        super().__init__()
        width = embed_dims
        self.attention = CenterKeypointAttention(num_keypoints, embed_dims, head_dims)
        self.visibility_mlp = MLP((embed_dims + head_dims, width, width, 1))
        self.center_mlp = MLP((embed_dims, width, width, 1))

    def forward(
        self,
        centers: Tensor,
        keypoints: Tensor,
        center_embedding: Tensor,
        keypoint_embedding: Tensor,
        key_padding_mask: Tensor,
    ) -> GroupingOutput:
        """Group; arguments as in :class:`CenterKeypointAttention`."""
        attention, attended = self.attention(
            centers, keypoints, center_embedding, keypoint_embedding, key_padding_mask
        )
        own = centers[:, :, None].expand(-1, -1, attended.shape[2], -1)
        visibility = self.visibility_mlp(torch.cat((own, attended), -1))
        center = self.center_mlp(centers)
        return GroupingOutput(attention, visibility.squeeze(-1), center.squeeze(-1))


def _without_weights(attention: nn.Module, args: tuple, kwargs: dict) -> tuple:
    """The host's layer asks torch for attention weights and throws them away; without
    them torch takes its fused attention."""
    return args, {**kwargs, 'need_weights': False}


@MODELS.register_module()
class GroupingTransformer(BaseModule):
    """Initial MLP, encoder over all tokens, grouping modules between its layers.

    Args:
        num_keypoints (int): K.
        embed_dims (int): D. Defaults to 128.
        head_dims (int): d of the grouping attention. Defaults to 64.
        num_layers (int): Encoder layers, each followed by a grouping module.
            Defaults to 3.
        num_heads (int): Heads of the encoder's self-attention. Defaults to 4.
        feedforward_channels (int): Defaults to 512.
        dropout (float): In the encoder only. Defaults to 0.1.
        encoder_skip (bool): Add its input to each encoder layer's output, as the
            released models do. Defaults to False, the paper.
        group_before_encoder (bool): One more grouping module in front of the encoder,
            as in the released models. Defaults to False, the paper.
        compile_options (dict, optional): Arguments of ``torch.compile``, by which
            inference is compiled; an empty dict for its defaults. Shapes are those of
            the first call, others compile anew. Defaults to None, not compiled.
    """

    def __init__(
        self,
        num_keypoints: int,
        embed_dims: int = 128,
        head_dims: int = 64,
        num_layers: int = 3,
        num_heads: int = 4,
        feedforward_channels: int = 512,
        dropout: float = 0.1,
        encoder_skip: bool = False,
        group_before_encoder: bool = False,
        compile_options: dict | None = None,
    ) -> None:
        super().__init__(
            init_cfg=dict(type='Xavier', layer='Linear', distribution='uniform')
        )
        self.embed_dims = embed_dims
        self.encoder_skip = encoder_skip
        self.group_before_encoder = group_before_encoder
        self.initial_mlp = MLP((embed_dims,) * 3, final_relu=True)
        self.position_linear = nn.Linear(embed_dims, embed_dims)
        self.type_embedding = nn.Embedding(num_keypoints + 1, embed_dims)
        self.encoder = nn.ModuleList(
            DetrTransformerEncoderLayer(
                self_attn_cfg=dict(
                    embed_dims=embed_dims,
                    num_heads=num_heads,
                    attn_drop=dropout,
                    dropout_layer=dict(type='Dropout', drop_prob=dropout),
                ),
                ffn_cfg=dict(
                    embed_dims=embed_dims,
                    feedforward_channels=feedforward_channels,
                    ffn_drop=dropout,
                ),
            )
            for _ in range(num_layers)
        )
        for layer in self.encoder:
            layer.self_attn.attn.register_forward_pre_hook(
                _without_weights, with_kwargs=True
            )
        self.grouping_modules = nn.ModuleList(
            GroupingModule(num_keypoints, embed_dims, head_dims)
            for _ in range(num_layers + group_before_encoder)
        )
        self.compile_options = compile_options
        self._compiled: Callable | None = None

    def __getstate__(self) -> dict:
        """Leave out what is compiled, which no pickle takes: a copy compiles anew."""
        return {**self.__dict__, '_compiled': None}

    @property
    def is_pruned(self) -> bool:
        """Whether only the last grouping module is left."""
        return any(isinstance(module, nn.Identity) for module in self.grouping_modules)

    def prune(self) -> None:
        """Give up all grouping modules but the last, the one used at inference."""
        for index in range(len(self.grouping_modules) - 1):
            self.grouping_modules[index] = nn.Identity()

    def forward(
        self, keypoints: Tokens, centers: Tokens, last_only: bool = False
    ) -> list[GroupingOutput]:
        """Group keypoints around centers.

        Args:
            keypoints (Tokens): N tokens per image.
            centers (Tokens): P tokens per image.
            last_only (bool): Compute the last grouping module only (inference).

        Returns:
            list[GroupingOutput]: One per stage, first to last.

        Raises:
            RuntimeError: If all stages are wanted of a pruned model.
        """
        if self.is_pruned and not last_only:
            raise RuntimeError(
                'This model was loaded from a checkpoint pruned for inference: of its '
                'grouping modules only the last is left. Train from an unpruned one.'
            )
        if last_only and self.compile_options is not None and not is_recorded():
            if self._compiled is None:
                self._compiled = torch.compile(
                    GroupingTransformer._group, dynamic=False, **self.compile_options
                )
            return self._compiled(self, keypoints, centers, True)
        return self._group(keypoints, centers, last_only)

    def _group(
        self, keypoints: Tokens, centers: Tokens, last_only: bool
    ) -> list[GroupingOutput]:
        """The arithmetic of :meth:`forward`."""
        num_keypoints = keypoints.features.shape[1]
        x = self.initial_mlp(torch.cat((keypoints.features, centers.features), 1))
        embedding = torch.cat((self._embed(keypoints), self._embed(centers)), 1)
        token_mask = padding_mask(torch.cat((keypoints.valid, centers.valid), 1))
        keypoint_mask = padding_mask(keypoints.valid)
        split = (num_keypoints, x.shape[1] - num_keypoints)
        keypoint_embedding, center_embedding = embedding.split(split, 1)

        def group(index: int) -> GroupingOutput:
            keypoint_features, center_features = x.split(split, 1)
            return self.grouping_modules[index](
                center_features,
                keypoint_features,
                center_embedding,
                keypoint_embedding,
                keypoint_mask,
            )

        outputs = []
        if self.group_before_encoder and not last_only:
            outputs.append(group(0))
        for layer in self.encoder:
            encoded = layer(x, query_pos=embedding, key_padding_mask=token_mask)
            x = encoded + x if self.encoder_skip else encoded
            if not last_only:
                outputs.append(group(len(outputs)))
        return outputs or [group(-1)]

    def _embed(self, tokens: Tokens) -> Tensor:
        """Position and type of tokens, (B, N, D)."""
        return self.position_linear(tokens.positions) + self.type_embedding(
            tokens.types
        )
