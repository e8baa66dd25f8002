# SPDX-License-Identifier: Apache-2.0
"""HigherHRNet: scale-aware heatmaps, people by associative embedding."""

from collections.abc import Sequence

import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.models.heads import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, Predictions, SampleList
from torch import Tensor

from ..ops.flip import stack_flipped_tags
from ..ops.fusion import fuse_heatmaps, resize_maps
from .detector import HigherHRNetMaps, input_size_of
from .samples import (
    flip_types,
    image_masks,
    keep_instances,
    stack_views,
    staged_heatmap_loss,
    to_predictions,
)


@MODELS.register_module()
class HigherHRNetHead(BaseHead):
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
        detector (dict, optional): Further arguments of :class:`HigherHRNetMaps`.
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
        super().__init__(init_cfg)
        self.num_keypoints = num_keypoints
        self.with_center = with_center
        self.detector = HigherHRNetMaps(
            in_channels, num_keypoints + with_center, **(detector or {})
        )
        self.heatmap_loss = MODELS.build(heatmap_loss)
        self.tag_loss = MODELS.build(tag_loss)
        self.decoder = KEYPOINT_CODECS.build(decoder)
        _check_decoder(self.decoder, num_keypoints)

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Heatmaps and tags, see :meth:`HigherHRNetMaps.forward`."""
        return self.detector(feats)

    def predict(
        self,
        feats: Sequence,
        batch_data_samples: SampleList,
        test_cfg: OptConfigType = None,
    ) -> Predictions:
        """Predict poses.

        Args:
            feats (Sequence): As for :meth:`CenterGroupHead.predict`.
            batch_data_samples (list[PoseDataSample]): B samples of one input size.
            test_cfg (dict, optional): ``flip_test`` (each view has its tags),
                ``multiscale_test`` (tags at scale 1), ``score_thr``,
                ``output_heatmaps``.

        Returns:
            list[InstanceData]: As of :meth:`CenterGroupHead.predict`, a keypoint's
            score being its heatmap's value and a pose's the mean over its keypoints.
        """
        test_cfg = test_cfg or {}
        flip = test_cfg.get('flip_test', False)
        features = stack_views(feats, flip, test_cfg.get('multiscale_test', False))
        flip_indices = None
        mirrored_types = flip_types(batch_data_samples, self.num_keypoints)
        if flip:
            flip_indices = mirrored_types[: self.detector.num_types]
        heatmaps, tags = self._fuse(features, flip_indices)
        _, inside = image_masks(batch_data_samples, features[0].device)
        # Nobody is in the padding.
        heatmaps = heatmaps.masked_fill(~inside, 0)
        poses = self.decoder.batch_decode(heatmaps, tags)
        instances = [
            keep_instances(*image, test_cfg.get('score_thr', 0.0))
            for image in zip(*poses, strict=True)
        ]
        return to_predictions(
            instances,
            heatmaps,
            batch_data_samples,
            test_cfg.get('output_heatmaps', False),
        )

    def _fuse(
        self, features: Sequence[Tensor], flip_indices: Sequence[int] | None
    ) -> tuple[Tensor, Tensor]:
        """Keypoint heatmaps (B, K, h, w) and tags (B, L * K, h, w), one per view."""
        size = input_size_of(features[0])
        maps = [self.detector([feature]) for feature in features]
        scales = [[heatmap.float() for heatmap in stages] for stages, _ in maps]
        heatmaps = fuse_heatmaps(scales, size, flip_indices)[:, : self.num_keypoints]
        views = stack_flipped_tags(maps[0][1].float(), flip_indices)
        tags = views[:, :, : self.num_keypoints].flatten(1, 2)
        return heatmaps, resize_maps(tags, size)

    def loss(
        self,
        feats: Sequence[Tensor],
        batch_data_samples: SampleList,
        train_cfg: OptConfigType = None,
    ) -> dict[str, Tensor]:
        """Losses of heatmaps and tags.

        Args:
            feats (Sequence[Tensor]): Backbone output.
            batch_data_samples (list[PoseDataSample]): B samples with targets.
            train_cfg (dict, optional): Not used.

        Returns:
            dict[str, Tensor]: ``loss_heatmap``, summed over the stages, ``loss_pull``
            and ``loss_push``, means over the images.
        """
        flip_types(batch_data_samples, self.num_keypoints)
        stages, tags = self.detector(feats)
        # The host's loss reads the indices one by one: from a GPU each would wait.
        indices = [s.gt_instance_labels.tag_indices for s in batch_data_samples]
        together = torch.cat(indices)[:, : self.detector.num_types].cpu()
        pull, push = self.tag_loss(
            tags.float(), together.split([len(own) for own in indices])
        )
        count = len(batch_data_samples)
        return dict(
            **staged_heatmap_loss(self.heatmap_loss, stages, batch_data_samples),
            loss_pull=pull / count,
            loss_push=push / count,
        )


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
