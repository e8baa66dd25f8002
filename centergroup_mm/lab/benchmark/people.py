# SPDX-License-Identifier: Apache-2.0
"""People placed into the maps of a network, so that what follows has its real load.

Random weights see nobody, and decoding an empty map costs less than decoding a crowd.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ...codecs import CenterHeatmap

# Share of keypoints that are not seen, as in photographs of crowds.
HIDDEN_SHARE = 0.2
# Weaker than any detection: what of it is a candidate is one by its rank alone.
NOISE = 0.004
# Distance of the tags of two people; they are told apart from 1 on.
TAG_STEP = 2.0


class PlacedPeople(NamedTuple):
    """People of B images.

    Attributes:
        keypoints (list[np.ndarray]): Per image float32 (G, K, 2), input pixels.
        visible (list[np.ndarray]): Per image float32 (G, K), 1 where seen.
    """

    keypoints: list[np.ndarray]
    visible: list[np.ndarray]


class PlacedMaps(NamedTuple):
    """What a perfect HigherHRNet would say of them, with some noise.

    Attributes:
        heatmaps (list[Tensor]): (B, K + 1, h, w) at 1/4 and at 1/2 of the input.
        tags (Tensor): (B, K + 1, h/4, w/4), another number for every person.
    """

    heatmaps: list[Tensor]
    tags: Tensor


def place_people(
    count: int, num_keypoints: int, size: tuple[int, int], batch: int, seed: int = 0
) -> PlacedPeople:
    """Spread people over images.

    Args:
        count (int): G, people per image.
        num_keypoints (int): K.
        size (tuple[int, int]): Input [w, h].
        batch (int): B.
        seed (int): The same people for the same arguments.
    """
    rng = np.random.default_rng((seed, count))
    extent = np.array(size, dtype=float)
    columns = int(np.ceil(np.sqrt(count * extent[0] / extent[1])))
    rows = int(np.ceil(count / columns))
    people = PlacedPeople([], [])
    for _ in range(batch):
        cells = rng.permutation(columns * rows)[:count]
        cells = np.stack((cells % columns, cells // columns), -1)
        jitter = rng.uniform(0.2, 0.8, (count, 2))
        centers = (cells + jitter) / (columns, rows) * extent
        height = rng.uniform(0.2, 0.5, (count, 1)) * min(size)
        body = np.concatenate((0.5 * height, height), 1)[:, None]
        places = rng.uniform(-0.5, 0.5, (count, num_keypoints, 2))
        keypoints = np.clip(centers[:, None] + places * body, 0, extent - 1)
        visible = rng.random((count, num_keypoints)) >= HIDDEN_SHARE
        visible[:, 0] = True
        people.keypoints.append(keypoints.astype(np.float32))
        people.visible.append(visible.astype(np.float32))
    return people


def draw_maps(people: PlacedPeople, size: tuple[int, int], seed: int = 0) -> PlacedMaps:
    """Draw the maps of placed people.

    Args:
        people (PlacedPeople): B images.
        size (tuple[int, int]): Input [w, h].
        seed (int): Of the noise.
    """
    codec = CenterHeatmap(size)
    generator = torch.Generator().manual_seed(seed)
    heatmaps, tags = [], []
    for keypoints, visible in zip(*people, strict=True):
        encoded = codec.encode(keypoints, visible)
        stages = [torch.from_numpy(maps) for maps in encoded['heatmaps']]
        heatmaps.append(
            [s + NOISE * torch.rand(s.shape, generator=generator) for s in stages]
        )
        noise = torch.randn(stages[0].shape, generator=generator)
        tags.append(_write_tags(noise, encoded['tag_indices']))
    return PlacedMaps(
        [torch.stack(level) for level in zip(*heatmaps, strict=True)], torch.stack(tags)
    )


def _write_tags(tags: Tensor, indices: np.ndarray) -> Tensor:
    """Give the 3 x 3 pixels around each keypoint the tag of its person."""
    _, height, width = tags.shape
    for person, places in enumerate(indices):
        for channel, (index, shown) in enumerate(places):
            if shown:
                y, x = divmod(int(index), width)
                rows, columns = slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)
                tags[channel, rows, columns] = TAG_STEP * person
    return tags


class PlacedDetector(nn.Module):
    """Takes the place of a head's detector: runs it, and shows placed people instead.

    In training the gradients are those of the detector's own maps.

    Args:
        detector (nn.Module): The head's own, a :class:`HigherHRNetMaps`.
        flip_types (Sequence[int]): Mirror image of each of the K + 1 types.
    """

    def __init__(self, detector: nn.Module, flip_types: Sequence[int]) -> None:
        super().__init__()
        self.detector = detector
        self.num_types = detector.num_types
        self.flip_types = list(flip_types)
        self.run_network = True
        self._views: dict[int, PlacedMaps] = {}

    def show(self, maps: PlacedMaps) -> None:
        """Set the people of the next images; both views are made beforehand."""
        weight = next(self.detector.parameters())
        stages = [
            level[:, : self.num_types].to(weight.device) for level in maps.heatmaps
        ]
        tags = maps.tags[:, : self.num_types].to(weight.device)
        types = self.flip_types[: self.num_types]
        batch = len(tags)
        both = [torch.cat((m, m.flip(-1)[:, types])) for m in (*stages, tags)]
        self._views = {
            batch: PlacedMaps(stages, tags),
            2 * batch: PlacedMaps(both[:-1], both[-1]),
        }

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """As of :meth:`HigherHRNetMaps.forward`, with the placed people."""
        heatmaps, tags = self._views[len(feats[0])]
        if not self.run_network:
            return list(heatmaps), tags
        predicted, own_tags = self.detector(feats)
        if not self.training:
            return list(heatmaps), tags
        return [
            own + (placed - own).detach()
            for own, placed in zip(predicted, heatmaps, strict=True)
        ], own_tags
