# SPDX-License-Identifier: Apache-2.0
"""From pixels to poses as one module of tensors, which is what is exported."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..models import CenterGroupHead, CenterNetHead

CONVOLUTIONAL = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)


class PosesFromPixels(nn.Module):
    """A model's whole inference: normalization, network, grouping, flip test.

    Args:
        model (nn.Module): Estimator of this package, in evaluation mode, whose head
            groups by tensors alone: CenterGroup or CenterNet.
        flip_indices (Sequence[int], optional): Mirror image of each of the K types; the
            poses are then averaged with those of the mirrored view.
        half (bool): Whether convolutions and batch norms compute in float16. The model
            is changed in place. Heatmaps, grouping and coordinates stay in float32.

    Raises:
        ValueError: If the head groups in another way.
    """

    def __init__(
        self,
        model: nn.Module,
        flip_indices: Sequence[int] | None = None,
        half: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(model.head, CenterGroupHead | CenterNetHead):
            raise ValueError(
                f'{type(model.head).__name__} groups keypoints outside of the network. '
                'Expected a model of CenterGroup or CenterNet.'
            )
        if isinstance(model.head, CenterGroupHead):
            # A graph computes everywhere; so does the model that it is compared with.
            model.head.tokenizer.patches = False
        self.model = model
        self.half_precision = half
        self.flip_indices = None
        if flip_indices is not None:
            self.flip_indices = [*flip_indices, len(flip_indices)]
        processor = model.data_preprocessor
        # Three channels in the order of the network, whatever that is.
        self.takes_rgb = bool(processor._channel_conversion)
        for name in ('mean', 'std'):
            value = getattr(processor, name).detach().clone().view(1, 3, 1, 1)
            self.register_buffer(f'pixel_{name}', value.float())
        if half:
            for module in model.modules():
                if isinstance(module, CONVOLUTIONAL):
                    module.half()

    def forward(
        self, images: Tensor, inside: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Find the poses of a batch.

        Args:
            images (Tensor): uint8 (B, 3, h, w), RGB, on zeros where they are padded.
            inside (Tensor): bool (B, 1, h, w), True where the image lies.

        Returns:
            tuple: ``keypoints`` (B, P, K, 2) in input pixels, ``keypoint_scores``
            (B, P, K), ``scores`` (B, P), all float32, and ``valid``, bool (B, P), False
            for slots without a pose.
        """
        poses = self._find_poses(self._normalize(images), inside)
        return (
            poses.keypoints.float(),
            poses.keypoint_scores.float(),
            poses.scores.float(),
            poses.valid,
        )

    def _normalize(self, images: Tensor) -> Tensor:
        pixels = images.float()
        if not self.takes_rgb:
            pixels = pixels.flip(1)
        pixels = (pixels - self.pixel_mean) / self.pixel_std
        return pixels.half() if self.half_precision else pixels

    def _find_poses(self, pixels: Tensor, inside: Tensor):
        if self.flip_indices is not None:
            pixels = torch.cat((pixels, pixels.flip(-1)))
        features = [self.model.extract_feat(pixels)[0]]
        head = self.model.head
        # The same as the image warped to the stride, for images that are only resized.
        at_features = inside[:, 0, :: head.stride, :: head.stride]
        return head.find_poses(features, inside, at_features, self.flip_indices).poses
