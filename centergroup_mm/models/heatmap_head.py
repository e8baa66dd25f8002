# SPDX-License-Identifier: Apache-2.0
"""What all methods on HigherHRNet's heatmaps share; each adds how it groups."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from mmpose.models.heads import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.utils.typing import (
    ConfigType,
    InstanceList,
    OptConfigType,
    Predictions,
    SampleList,
)
from torch import Tensor

from ..ops.fine_centers import fuse_with_fine_centers
from ..ops.fusion import fuse_heatmaps
from ..structures import Extent, Found, Maps, Poses
from .samples import (
    check_types,
    flip_types,
    image_extent,
    stack_views,
    staged_heatmap_loss,
    to_instances,
    to_predictions,
)


class HeatmapHead(BaseHead):
    """Detects keypoints by heatmaps; a method says how it groups them.

    A method implements :meth:`group` for inference and :meth:`group_losses` for what
    training its grouping costs. Test views and scales, masks, the heatmaps' loss and
    the host's interface are here.

    Args:
        in_channels (int): C of the backbone's finest map.
        num_keypoints (int): K.
        num_types (int): T, heatmaps: K, or K + 1 with the center.
        decoder (dict): Codec that finds candidates or groups.
        heatmap_loss (dict): Loss of each stage's heatmaps.
        detector (dict, optional): Module that predicts maps, of type
            :class:`HigherHRNetMaps` if not said otherwise; ``in_channels`` and
            ``num_types`` are added.
        init_cfg (dict, optional): As in mmengine.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        num_types: int,
        decoder: ConfigType,
        heatmap_loss: ConfigType,
        detector: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_keypoints = num_keypoints
        self.num_types = num_types
        self.decoder = KEYPOINT_CODECS.build(decoder)
        self.heatmap_loss = MODELS.build(heatmap_loss)
        self.detector = build_part(
            'HigherHRNetMaps', detector, in_channels=in_channels, num_types=num_types
        )

    @property
    def stride(self) -> int:
        """Input pixels per pixel of the backbone's finest map, as the codec says.

        Raises:
            ValueError: If the codec is one of the host's, which do not say it.
        """
        downscales = getattr(self.decoder, 'downscales', None)
        if downscales is None:
            raise ValueError(
                f'{type(self.decoder).__name__} says nothing of the stride of the '
                'features: give find_poses the mask of the image, "inside".'
            )
        return downscales[0]

    @abstractmethod
    def group(
        self,
        features: Sequence[Tensor],
        maps: Maps,
        extent: Extent,
        flip_indices: Sequence[int] | None,
    ) -> Found:
        """Group keypoints into poses.

        Args:
            features (Sequence[Tensor]): As for :meth:`find_poses`.
            maps (Maps): What the detector sees.
            extent (Extent): Where the images lie in the input.
            flip_indices (Sequence[int], optional): Mirror image of each of the T
                types; given if and only if ``features`` hold mirrored views.
        """

    @abstractmethod
    def group_losses(
        self,
        feats: Sequence[Tensor],
        stages: Sequence[Tensor],
        tags: Tensor,
        samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of what groups.

        Args:
            feats (Sequence[Tensor]): Backbone output.
            stages (Sequence[Tensor]): Predicted heatmaps (B, T, h_i, w_i), coarse to
                fine.
            tags (Tensor): Predicted tags (B, T, h_1, w_1).
            samples (list[PoseDataSample]): B samples with targets.
        """

    def forward(self, feats: Sequence[Tensor]) -> Poses:
        """Image features to poses, one view, one scale, no padding.

        Args:
            feats (Sequence[Tensor]): Backbone output, its first map (B, C, h/4, w/4).

        Returns:
            Poses: In input pixels.
        """
        return self.find_poses([feats[0]]).poses

    def find_poses(
        self,
        features: Sequence[Tensor],
        inside: Tensor | None = None,
        inside_quarter: Tensor | None = None,
        flip_indices: Sequence[int] | None = None,
    ) -> Found:
        """The whole of inference as one function of tensors.

        Features stand at the codec's first downscale, 1/4 of the input by default.

        Args:
            features (Sequence[Tensor]): Backbone maps at 1/4 of each test scale, scale
                1 first, (B, C, h_s, w_s); (2B, ...) with the mirrored views behind the
                originals in a flip test.
            inside (Tensor, optional): bool (B, 1, h, w), True inside the image. If
                None, there is no padding.
            inside_quarter (Tensor, optional): bool (B, h/4, w/4), the same at the
                features of scale 1; given together with ``inside``.
            flip_indices (Sequence[int], optional): Mirror image of each of the T
                types; given if and only if ``features`` hold mirrored views.

        Returns:
            Found: Poses in input pixels, and what they were found by.
        """
        height, width = features[0].shape[-2:]
        if inside is None:
            size = (width * self.stride, height * self.stride)
            batch = features[0].shape[0] // (1 if flip_indices is None else 2)
            inside = features[0].new_ones((batch, 1, *size[::-1]), dtype=torch.bool)
            inside_quarter = inside[:, 0, :: self.stride, :: self.stride]
        extent = Extent(inside, inside_quarter, (inside.shape[-1], inside.shape[-2]))
        maps = self.read_maps(features, extent.size, flip_indices)
        return self.group(features, maps, extent, flip_indices)

    def read_maps(
        self,
        features: Sequence[Tensor],
        size: tuple[int, int],
        flip_indices: Sequence[int] | None = None,
    ) -> Maps:
        """Run the detector on all views and scales.

        Args:
            features (Sequence[Tensor]): As for :meth:`find_poses`.
            size (tuple[int, int]): Input [w, h] at scale 1.
            flip_indices (Sequence[int], optional): As for :meth:`find_poses`.
        """
        predicted = [self.detector([feature]) for feature in features]
        scales = [[stage.float() for stage in stages] for stages, _ in predicted]
        return Maps(self.fuse(scales, size, flip_indices), predicted[0][1])

    def fuse(
        self,
        scales: Sequence[Sequence[Tensor]],
        size: tuple[int, int],
        flip_indices: Sequence[int] | None = None,
    ) -> Tensor:
        """One map per type, (B, T, h, w); arguments as of :func:`fuse_heatmaps`.

        A codec with ``fine_centers`` leaves out the center's coarser stages.
        """
        if getattr(self.decoder, 'fine_centers', False):
            return fuse_with_fine_centers(scales, size, flip_indices)
        return fuse_heatmaps(scales, size, flip_indices)

    def predict(
        self,
        feats: Sequence,
        batch_data_samples: SampleList,
        test_cfg: OptConfigType = None,
    ) -> Predictions:
        """Predict poses.

        Args:
            feats (Sequence): Backbone output; ``[original, mirrored]`` outputs with
                ``flip_test``; a list of either with ``multiscale_test``.
            batch_data_samples (list[PoseDataSample]): B samples of one input size.
            test_cfg (dict, optional): ``flip_test``, ``multiscale_test``,
                ``score_thr`` (poses scoring less are dropped; 0 keeps all) and
                ``output_heatmaps``.

        Returns:
            list[InstanceData]: Per image ``keypoints`` (n, K, 2) in input pixels,
            ``keypoint_scores`` (n, K) and ``bbox_scores`` (n,); and with
            ``output_heatmaps`` also a list of PixelData with ``heatmaps``
            (K, h', w') at input resolution, without padding.
        """
        test_cfg = test_cfg or {}
        flip = test_cfg.get('flip_test', False)
        features = stack_views(feats, flip, test_cfg.get('multiscale_test', False))
        types = flip_types(batch_data_samples, self.num_keypoints)
        flip_indices = types[: self.num_types] if flip else None
        extent = image_extent(batch_data_samples, features[0])
        found = self.find_poses(
            features, extent.inside, extent.inside_quarter, flip_indices
        )
        return to_predictions(
            self.make_instances(found, test_cfg),
            found.heatmaps[:, : self.num_keypoints],
            batch_data_samples,
            test_cfg.get('output_heatmaps', False),
        )

    def make_instances(self, found: Found, test_cfg: ConfigType) -> InstanceList:
        """The host's structures of what was found.

        Args:
            found (Found): Of B images.
            test_cfg (dict): As for :meth:`predict`.
        """
        return to_instances(found.poses, test_cfg.get('score_thr', 0.0))

    def loss(
        self,
        feats: Sequence[Tensor],
        batch_data_samples: SampleList,
        train_cfg: OptConfigType = None,
    ) -> dict[str, Tensor]:
        """Losses of the heatmaps and of the method's grouping.

        Args:
            feats (Sequence[Tensor]): Backbone output.
            batch_data_samples (list[PoseDataSample]): B samples with targets.
            train_cfg (dict, optional): Not used.

        Returns:
            dict[str, Tensor]: ``loss_heatmap``, summed over the stages, those of
            :meth:`group_losses`, and values for the log.
        """
        check_types(batch_data_samples, self.num_keypoints)
        stages, tags = self.detector(feats)
        return dict(
            **staged_heatmap_loss(self.heatmap_loss, stages, batch_data_samples),
            **self.group_losses(feats, stages, tags, batch_data_samples),
        )


def build_part(default: str, config: OptConfigType, **arguments) -> torch.nn.Module:
    """Build a part of a head from the host's registry.

    Args:
        default (str): Its type, where the config does not say it.
        config (dict, optional): The type and further arguments.
        **arguments: What the head knows; the config comes before.
    """
    return MODELS.build({'type': default, **arguments, **(config or {})})
