# SPDX-License-Identifier: Apache-2.0
"""A detector that shows the maps of given people in the place of its own.

Placed people give what follows a network of random weights its real load: such a
network sees nobody, and decoding an empty map costs less than decoding a crowd.
Annotated people show what grouping is worth without errors of detection.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ...coco import People
from ...codecs import CenterHeatmap

# Share of keypoints that are not seen, as in photographs of crowds.
HIDDEN_SHARE = 0.2
# Below the codec's score floor: it enters only as one of the best few candidates that
# are valid whatever they score.
NOISE = 0.004
# Distance of the tags of two people; associative embedding separates them from 1 on.
TAG_STEP = 2.0


class DrawnMaps(NamedTuple):
    """What a perfect HigherHRNet would say of people.

    Attributes:
        heatmaps (list[Tensor]): (B, K + 1, h, w) at 1/4 and at 1/2 of the input.
        tags (Tensor, optional): (B, K + 1, h/4, w/4), another number for every person;
            None leaves those of the network.
    """

    heatmaps: list[Tensor]
    tags: Tensor | None


def place_people(
    count: int, num_keypoints: int, size: tuple[int, int], batch: int, seed: int = 0
) -> list[People]:
    """Spread people over B images; each keypoint is seen or not there.

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
    people = []
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
        people.append(People(keypoints.astype(np.float32), np.where(visible, 2, 0)))
    return people


def draw_maps(
    people: Sequence[People], size: tuple[int, int], seed: int = 0
) -> DrawnMaps:
    """Draw the maps of placed people, with a little noise.

    Args:
        people (Sequence[People]): Of B images, in input pixels.
        size (tuple[int, int]): Input [w, h].
        seed (int): Of the noise.
    """
    codec = CenterHeatmap(size)
    generator = torch.Generator().manual_seed(seed)
    heatmaps, tags = [], []
    for image in people:
        encoded = codec.encode(image.keypoints, image.visibility)
        stages = [torch.from_numpy(maps) for maps in encoded['heatmaps']]
        heatmaps.append(
            [s + NOISE * torch.rand(s.shape, generator=generator) for s in stages]
        )
        noise = torch.randn(stages[0].shape, generator=generator)
        tags.append(_write_tags(noise, encoded['tag_indices']))
    return DrawnMaps(
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


def draw_truth(sample: PoseDataSample, people: People, sigma: float = 2.0) -> DrawnMaps:
    """Draw the heatmaps of annotated people; the tags stay the network's.

    Args:
        sample (PoseDataSample): Says how the image lies in the input.
        people (People): In image pixels.
        sigma (float): Of the heatmaps' Gaussians. Defaults to 2.
    """
    meta = sample.metainfo
    size, extent = (np.asarray(meta[f'input_{n}'], float) for n in ('size', 'scale'))
    origin = np.asarray(meta['input_center'], float) - extent / 2
    codec = CenterHeatmap(tuple(int(side) for side in size), sigma)
    keypoints = (people.keypoints - origin) * size / extent
    encoded = codec.encode(keypoints, people.visibility)
    return DrawnMaps([torch.from_numpy(m)[None] for m in encoded['heatmaps']], None)


class ShowingDetector(nn.Module):
    """Takes the place of a head's detector: runs it, and shows drawn maps instead.

    In training the gradients are those of the detector's own maps.

    Args:
        detector (nn.Module): The head's own, a :class:`HigherHRNetMaps`.
        flip_types (Sequence[int]): Mirror image of each of the K + 1 types.
        centers_only (bool): Keep the predicted heatmaps of the keypoints, so that only
            people who have no center of their own are helped. Defaults to False.
    """

    def __init__(
        self,
        detector: nn.Module,
        flip_types: Sequence[int],
        centers_only: bool = False,
    ) -> None:
        super().__init__()
        self.detector = detector
        self.num_types = detector.num_types
        self.flip_types = list(flip_types)[: self.num_types]
        self.first_shown = len(flip_types) - 1 if centers_only else 0
        self.run_network = True
        self._views: dict[int, DrawnMaps] = {}

    def show(self, maps: DrawnMaps) -> None:
        """Set the people of the next images; both views are made beforehand."""
        device = next(self.detector.parameters()).device
        drawn = [*maps.heatmaps, *([] if maps.tags is None else [maps.tags])]
        single = [m[:, : self.num_types].to(device) for m in drawn]
        both = [torch.cat((m, m.flip(-1)[:, self.flip_types])) for m in single]
        levels = len(maps.heatmaps)
        self._views = {
            len(views[0]): DrawnMaps(
                views[:levels], None if maps.tags is None else views[levels]
            )
            for views in (single, both)
        }

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """As :meth:`HigherHRNetMaps.forward`, at scale 1, with the people shown."""
        heatmaps, tags = self._views[len(feats[0])]
        if not self.run_network:
            return list(heatmaps), tags
        predicted, own_tags = self.detector(feats)
        if self.first_shown:
            heatmaps = [
                torch.cat((own[:, : self.first_shown], drawn[:, self.first_shown :]), 1)
                for own, drawn in zip(predicted, heatmaps, strict=True)
            ]
        if not self.training:
            return list(heatmaps), own_tags if tags is None else tags
        return [
            own + (drawn - own).detach()
            for own, drawn in zip(predicted, heatmaps, strict=True)
        ], own_tags
