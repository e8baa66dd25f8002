# SPDX-License-Identifier: Apache-2.0
"""Placed people for heads of the host whose decoders take maps."""

from itertools import cycle

import numpy as np
import torch
from torch import Tensor, nn

from ...coco import People
from .people import draw_maps
from .settings import Settings

# Network pixels per pixel of the host's maps.
DOWNSCALE = 4
Maps = tuple[Tensor, Tensor]


def draw_for_associative_embedding(
    head: nn.Module, people: list[People], metainfo: dict, settings: Settings
) -> list[Maps]:
    """Heatmaps and tags of both views, (1, K, h/4, w/4).

    Args:
        head (nn.Module): The host's ``AssociativeEmbeddingHead``.
        people (list[People]): Of one image.
        metainfo (dict): Of the dataset.
        settings (Settings): Size and device.
    """
    maps = draw_maps(people, settings.size)
    flip = metainfo['flip_indices']
    original = [m[:, : len(flip)] for m in (maps.heatmaps[0], maps.tags)]
    mirrored = [m.flip(-1)[:, flip] for m in original]
    return [tuple(m.to(settings.device) for m in view) for view in (original, mirrored)]


def draw_for_dekr(
    head: nn.Module, people: list[People], metainfo: dict, settings: Settings
) -> list[Maps]:
    """Heatmaps (1, K + 1, h/4, w/4) and displacements (1, 2K, h/4, w/4); see above."""
    codec = type(head.decoder)(
        input_size=settings.size,
        heatmap_size=tuple(side // DOWNSCALE for side in settings.size),
        sigma=head.decoder.sigma,
        generate_keypoint_heatmaps=head.decoder.generate_keypoint_heatmaps,
    )
    flip = metainfo['flip_indices']
    (image,) = people
    visible = image.labeled.astype(np.float32)
    mirrored = (settings.size[0] - 1, 0) + image.keypoints * np.float32((-1, 1))
    return [
        tuple(
            torch.from_numpy(encoded[name])[None].float().to(settings.device)
            for name in ('heatmaps', 'displacements')
        )
        for encoded in (
            codec.encode(image.keypoints, visible),
            codec.encode(mirrored[:, flip].astype(np.float32), visible[:, flip]),
        )
    ]


HOST_MAPS = {
    'AssociativeEmbeddingHead': draw_for_associative_embedding,
    'DEKRHead': draw_for_dekr,
}


class HostHead:
    """Lets a head run its layers and give out the maps of placed people.

    Args:
        head (nn.Module): Its ``forward`` is replaced, once.
    """

    def __init__(self, head: nn.Module) -> None:
        self._own = head.forward
        self._views = cycle(())
        head.forward = self._forward

    def show(self, views: list[Maps]) -> None:
        """Set the maps of the original and, with a flip test, the mirrored view."""
        self._views = cycle(views)

    def _forward(self, feats) -> Maps:
        self._own(feats)
        # The host writes into the maps of the mirrored view.
        return tuple(maps.clone() for maps in next(self._views))
