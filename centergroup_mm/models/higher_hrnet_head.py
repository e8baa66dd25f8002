# SPDX-License-Identifier: Apache-2.0
"""HigherHRNet: scale-aware heatmaps, people by associative embedding."""

from collections.abc import Sequence

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, SampleList
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..ops.flip import stack_flipped_tags
from ..ops.fusion import resize_maps
from ..structures import Extent, Found, Maps, Poses
from .heatmap_head import HeatmapHead


@MODELS.register_module()
class HigherHRNetHead(HeatmapHead):
    """HigherHRNet's head with its losses and the grouping by tags.

    With centers it is the detector that CenterGroup starts from: its weights bear the
    names that they have inside :class:`CenterGroupHead`.

    Args:
        in_channels (int): C of the backbone's finest map.
        num_keypoints (int): K.
        with_center (bool): Whether the person center is one more type with heatmaps
            and a tag of its own. It is trained and takes no part in the grouping.
        heatmap_loss (dict): Loss of each stage's heatmaps.
        tag_loss (dict): Pull and push loss of the tags, as the host's
            ``AssociativeEmbeddingLoss``.
        decoder (dict): Codec that groups, the host's ``AssociativeEmbedding`` with
            ``heatmap_size`` equal to ``input_size``: maps are enlarged to the input.
            ``decode_keypoint_order`` names all K types, from the surest outwards.
        detector (dict, optional): See :class:`HeatmapHead`.
        init_cfg (dict, optional): As in mmengine.

    Raises:
        ValueError: If the decoder is not as described.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        with_center: bool,
        heatmap_loss: ConfigType,
        tag_loss: ConfigType,
        decoder: ConfigType,
        detector: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ) -> None:
        super().__init__(
            in_channels,
            num_keypoints,
            num_keypoints + with_center,
            decoder,
            heatmap_loss,
            detector,
            init_cfg,
        )
        self.with_center = with_center
        self.tag_loss = MODELS.build(tag_loss)
        _check_decoder(self.decoder, num_keypoints)

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Heatmaps and tags, see :meth:`HigherHRNetMaps.forward`."""
        return self.detector(feats)

    def group(
        self,
        features: Sequence[Tensor],
        maps: Maps,
        extent: Extent,
        flip_indices: Sequence[int] | None,
    ) -> Found:
        """Group by the tags of every view, those of scale 1.

        The host's decoder leaves the device: this group is no function of tensors. A
        keypoint's score is its heatmap's value, a pose's the mean over its keypoints.
        See :meth:`HeatmapHead.group`.
        """
        # Nobody is in the padding.
        heatmaps = maps.heatmaps[:, : self.num_keypoints]
        heatmaps = heatmaps.masked_fill(~extent.inside, 0)
        tags = stack_flipped_tags(maps.tags.float(), flip_indices)
        tags = tags[:, :, : self.num_keypoints].flatten(1, 2)
        decoded = self.decoder.batch_decode(heatmaps, resize_maps(tags, extent.size))
        keypoints, keypoint_scores, scores = (_stack_slots(field) for field in decoded)
        valid = _stack_slots([np.ones(len(own), bool) for own in decoded[0]])
        return Found(Poses(keypoints, keypoint_scores, scores, valid), heatmaps)

    def group_losses(
        self,
        feats: Sequence[Tensor],
        stages: Sequence[Tensor],
        tags: Tensor,
        samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of the tags, see :meth:`HeatmapHead.group_losses`.

        Returns:
            dict[str, Tensor]: ``loss_pull`` and ``loss_push``, means over the images.
        """
        # The host's loss reads the indices one by one: from a GPU each would wait.
        indices = [sample.gt_instance_labels.tag_indices for sample in samples]
        together = torch.cat(indices)[:, : self.num_types].cpu()
        pull, push = self.tag_loss(
            tags.float(), together.split([len(own) for own in indices])
        )
        return dict(loss_pull=pull / len(samples), loss_push=push / len(samples))


def _stack_slots(images: Sequence[np.ndarray]) -> Tensor:
    """One field of B images' poses (n_i, ...), filled up to (B, P, ...) with zeros."""
    return pad_sequence([torch.from_numpy(own) for own in images], batch_first=True)


def _check_decoder(decoder: BaseKeypointCodec, num_keypoints: int) -> None:
    """The host finds these out late, or never."""
    order = list(decoder.decode_keypoint_order)
    if sorted(order) != list(range(num_keypoints)):
        raise ValueError(
            f'The model has {num_keypoints} keypoint types, but '
            f'decoder.decode_keypoint_order is {order}. Expected every number from 0 '
            f'to {num_keypoints - 1} once, those that are found best first.'
        )
    if tuple(decoder.heatmap_size) != tuple(decoder.input_size):
        raise ValueError(
            f'decoder.heatmap_size is {tuple(decoder.heatmap_size)}; expected '
            f'{tuple(decoder.input_size)}, the input_size.'
        )
