# SPDX-License-Identifier: Apache-2.0
"""True heatmaps in the place of predicted ones: grouping without detection errors."""

from collections.abc import Sequence

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ...codecs import CenterHeatmap


class TrueHeatmaps(nn.Module):
    """A detector whose heatmaps are those of the annotated people.

    Tags, features and whatever else a method reads stay the network's own. It takes the
    place of a head's ``detector``.

    Args:
        detector (nn.Module): The head's own, a :class:`HigherHRNetMaps`.
        sigma (float): Of the heatmaps' Gaussians. Defaults to 2.
        centers_only (bool): Keep the predicted heatmaps of the keypoints, so that only
            people who have no center of their own are helped. Defaults to False.
    """

    def __init__(
        self, detector: nn.Module, sigma: float = 2.0, centers_only: bool = False
    ) -> None:
        super().__init__()
        self.detector = detector
        self.sigma = sigma
        self.num_types = detector.num_types
        self.centers_only = centers_only
        self._stages = []
        self._flip_types = []

    def show(
        self, sample: PoseDataSample, keypoints: np.ndarray, visibility: np.ndarray
    ) -> None:
        """Set the people of the next image.

        Args:
            sample (PoseDataSample): Says how the image lies in the input.
            keypoints (np.ndarray): (G, K, 2) in image pixels.
            visibility (np.ndarray): (G, K), > 0 where labelled.
        """
        meta = sample.metainfo
        size, extent = (
            np.asarray(meta[f'input_{n}'], float) for n in ('size', 'scale')
        )
        origin = np.asarray(meta['input_center'], float) - extent / 2
        codec = CenterHeatmap(tuple(int(side) for side in size), self.sigma)
        encoded = codec.encode((keypoints - origin) * size / extent, visibility)
        self._stages = [torch.from_numpy(maps)[None] for maps in encoded['heatmaps']]
        self._flip_types = [*meta['flip_indices'], keypoints.shape[1]]

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """As of :meth:`HigherHRNetMaps.forward`, at scale 1 with or without flip."""
        predicted, tags = self.detector(feats)
        stages = self._stages
        if len(predicted[0]) == 2:
            # The mirrored view sees left as right.
            stages = [
                torch.cat((maps, maps.flip(-1)[:, self._flip_types])) for maps in stages
            ]
        first = self._flip_types[-1] if self.centers_only else 0
        return [
            torch.cat((own[:, :first], maps[:, first : self.num_types].to(own)), 1)
            for own, maps in zip(predicted, stages, strict=True)
        ], tags
