# SPDX-License-Identifier: Apache-2.0
"""Attention of centers over keypoints, one head per keypoint type (paper 4.2)."""

import torch
from torch import Tensor, nn


def padding_mask(valid: Tensor) -> Tensor:
    """Invert ``valid``, but mask nothing in rows that would mask everything.

    A softmax over no key at all is NaN. Such an image has no keypoints (and yields no
    poses); its centers still get finite logits to learn from.

    Args:
        valid (Tensor): bool (B, N), True keeps a key.

    Returns:
        Tensor: bool (B, N), True drops a key.
    """
    return ~valid & valid.any(-1, keepdim=True)


class CenterKeypointAttention(nn.Module):
    """Each center looks for its keypoint of type k with the k-th head.

    Every head attends over the candidates of all types.

    Args:
        num_keypoints (int): K.
        embed_dims (int): D.
        head_dims (int): d, width of a head.
    """

    def __init__(self, num_keypoints: int, embed_dims: int, head_dims: int) -> None:
        super().__init__()
        self.num_heads = num_keypoints
        self.scale = head_dims**-0.5
        width = num_keypoints * head_dims
        self.query = nn.Linear(embed_dims, width)
        self.key = nn.Linear(embed_dims, width)
        self.value = nn.Linear(embed_dims, width)

    def forward(
        self,
        centers: Tensor,
        keypoints: Tensor,
        center_embedding: Tensor,
        keypoint_embedding: Tensor,
        key_padding_mask: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Attend from centers to keypoints.

        Args:
            centers (Tensor): (B, P, D).
            keypoints (Tensor): (B, N, D).
            center_embedding (Tensor): (B, P, D), added to the queries.
            keypoint_embedding (Tensor): (B, N, D), added to the keys, not the values.
            key_padding_mask (Tensor): bool (B, N), True drops a keypoint.

        Returns:
            tuple[Tensor, Tensor]: attention (B, P, K, N), attended values (B, P, K, d).
        """
        # Keys and values of N keypoints and K heads are never built: there are far
        # fewer centers, so q (W x + b) is computed as (q W) x + q b, and the values'
        # layer comes after the mean over the keypoints (attention sums to 1).
        shape = (self.num_heads, centers.shape[1])
        query = self.query(centers + center_embedding) * self.scale
        query = query.unflatten(-1, (self.num_heads, -1))
        weight, bias = self._split_heads(self.key)
        reach = torch.einsum('bpkd,kde->bkpe', query, weight).flatten(1, 2)
        logits = reach @ (keypoints + keypoint_embedding).transpose(-1, -2)
        logits = logits.unflatten(1, shape)
        logits = logits + torch.einsum('bpkd,kd->bkp', query, bias)[..., None]
        logits = logits.masked_fill(key_padding_mask[:, None, None], float('-inf'))
        attention = logits.softmax(-1)
        weight, bias = self._split_heads(self.value)
        mean = (attention.flatten(1, 2) @ keypoints).unflatten(1, shape)
        attended = torch.einsum('bkpe,kde->bpkd', mean, weight) + bias
        return attention.transpose(1, 2), attended

    def _split_heads(self, layer: nn.Linear) -> tuple[Tensor, Tensor]:
        """Weight (K, d, D) and bias (K, d) of each head."""
        heads = (self.num_heads, -1)
        return layer.weight.unflatten(0, heads), layer.bias.unflatten(0, heads)
