# SPDX-License-Identifier: Apache-2.0
"""CenterNet ("Objects as Points") on HigherHRNet's heatmaps, the paper's baseline."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, SampleList
from torch import Tensor, nn

from ..losses.means import masked_mean, mean_over_batch
from ..ops.nearest import inside_boxes, nearest_candidates
from ..ops.regression import (
    absolute_boxes,
    average_flipped_regression,
    enlarge_boxes,
    visible_extents,
)
from ..ops.sampling import read_pixels
from ..structures import Candidates, Extent, Found, Maps, Poses
from .heatmap_head import HeatmapHead


@MODELS.register_module()
class CenterNetHead(HeatmapHead):
    """Regresses all keypoints from the center and snaps them to heatmap peaks.

    At the pixel of a center, 1/4 of the input, one branch gives the offsets to the K
    keypoints and one the distances to the sides of the pose's box. Each regressed
    keypoint moves to the nearest peak of its type inside the box; without one it stays.

    Differing from "Objects as Points" as the comparison asks for: heatmaps, center and
    backbone are those of CenterGroup (Gaussians of one size under a squared error,
    at two resolutions, the center the mean of the visible keypoints), whose keypoints
    lie at half the input's pixels and need no local offset; and the box is the extent
    of the visible keypoints, enlarged, as it only bounds the search for peaks.

    Args:
        in_channels (int): C of the backbone's finest map.
        num_keypoints (int): K.
        decoder (dict): Codec that finds peaks, see :class:`CenterHeatmap`.
        heatmap_loss (dict): Loss of each stage's heatmaps.
        offset_weight (float): Of the keypoints' L1 error in pixels at 1/4 of the input.
        box_weight (float): The same for the sides of the box.
        hidden_channels (int): Of each branch's 3x3 convolution.
        min_peak_score (float): Peaks scoring less attract no keypoint.
        box_margin (float): Share of its width and height by which a box is enlarged on
            each side.
        detector (dict, optional): See :class:`HeatmapHead`.
        init_cfg (dict, optional): As in mmengine.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        decoder: ConfigType,
        heatmap_loss: ConfigType,
        offset_weight: float = 1.0,
        box_weight: float = 0.1,
        hidden_channels: int = 256,
        min_peak_score: float = 0.1,
        box_margin: float = 0.1,
        detector: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ) -> None:
        super().__init__(
            in_channels,
            num_keypoints,
            num_keypoints + 1,
            decoder,
            heatmap_loss,
            detector,
            init_cfg,
        )
        self.offset_weight = offset_weight
        self.box_weight = box_weight
        self.min_peak_score = min_peak_score
        self.box_margin = box_margin
        self.offset_branch, self.box_branch = (
            nn.Sequential(
                nn.Conv2d(in_channels, hidden_channels, 3, padding=1),
                nn.ReLU(inplace=True),
                nn.Conv2d(hidden_channels, out_channels, 1),
            )
            for out_channels in (2 * num_keypoints, 4)
        )
        for branch in (self.offset_branch, self.box_branch):
            nn.init.zeros_(branch[-1].bias)

    def grouping_is_initial(self) -> bool:
        """Whether the regression of a type was never trained: its biases are zero."""
        bias = torch.cat((self.offset_branch[-1].bias, self.box_branch[-1].bias))
        return bool((bias.unflatten(0, (-1, 2)) == 0).all(1).any())

    def group(
        self,
        features: Sequence[Tensor],
        maps: Maps,
        extent: Extent,
        flip_indices: Sequence[int] | None,
    ) -> Found:
        """Regress at scale 1 and snap to peaks, see :meth:`HeatmapHead.group`.

        A keypoint's score is its heatmap's value, a pose's that of its center.
        """
        keypoints, centers = self.decoder.find_candidates(
            maps.heatmaps, extent.inside, extent.inside
        )
        regressed, boxes = self._regress(features[0], centers, flip_indices)
        poses = self._snap(keypoints, centers, regressed, boxes, maps.heatmaps)
        return Found(poses, maps.heatmaps, keypoints)

    def _regress(
        self,
        feature: Tensor,
        centers: Candidates,
        flip_indices: Sequence[int] | None,
    ) -> tuple[Tensor, Tensor]:
        """Keypoints (B, P, K, 2) and boxes (B, P, 4) in input pixels."""
        offsets = self.offset_branch(feature).float().unflatten(1, (-1, 2))
        sides = self.box_branch(feature).float()
        if flip_indices is not None:
            offsets, sides = average_flipped_regression(
                offsets, sides, flip_indices[:-1]
            )
        pixels = centers.coords[:, 0] // self.stride
        maps = torch.cat((offsets.flatten(1, 2), sides), 1)
        x, y = pixels[:, None].expand(-1, maps.shape[1], -1, -1).unbind(-1)
        values = read_pixels(maps, x, y).transpose(1, 2)
        offsets, sides = values.split((2 * self.num_keypoints, 4), -1)
        regressed = pixels[:, :, None] + offsets.unflatten(-1, (-1, 2))
        boxes = absolute_boxes(pixels, sides)
        return regressed * self.stride, boxes * self.stride

    def _snap(
        self,
        keypoints: Candidates,
        centers: Candidates,
        regressed: Tensor,
        boxes: Tensor,
        heatmaps: Tensor,
    ) -> Poses:
        """Move regressed keypoints to peaks inside the boxes."""
        keypoint_maps = heatmaps[:, : self.num_keypoints]
        strong = keypoints.valid & (keypoints.scores >= self.min_peak_score)
        allowed = strong[:, None] & inside_boxes(
            keypoints, enlarge_boxes(boxes, self.box_margin)
        )
        peaks, found = nearest_candidates(keypoints, regressed, allowed)
        refined = self.decoder.refine(keypoint_maps, peaks)
        x, y = torch.where(found[..., None], peaks, regressed.long()).unbind(-1)
        scores = read_pixels(keypoint_maps, *(v.transpose(1, 2) for v in (x, y)))
        return Poses(
            torch.where(found[..., None], refined, regressed),
            scores.transpose(1, 2),
            centers.scores[:, 0],
            centers.valid[:, 0],
            centers.coords[:, 0],
        )

    def group_losses(
        self,
        feats: Sequence[Tensor],
        stages: Sequence[Tensor],
        tags: Tensor,
        samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of offsets and boxes, see :meth:`HeatmapHead.group_losses`.

        Returns:
            dict[str, Tensor]: ``loss_offset`` and ``loss_box``, means over the visible
            keypoints and the persons of the whole batch, see :func:`mean_over_batch`.
        """
        keypoints, visible, pixels, images = _gather_persons(samples, self.stride)
        offsets, sides = (
            branch(feats[0]).float()[images, :, pixels[:, 1], pixels[:, 0]]
            for branch in (self.offset_branch, self.box_branch)
        )
        regressed = pixels[:, None] + offsets.unflatten(-1, (-1, 2))
        errors = F.l1_loss(regressed, keypoints, reduction='none').sum(-1)
        box_errors = F.l1_loss(
            absolute_boxes(pixels, sides),
            visible_extents(keypoints, visible),
            reduction='none',
        ).sum(-1)
        return dict(
            loss_offset=self.offset_weight * masked_mean(errors, visible),
            loss_box=self.box_weight
            * mean_over_batch(box_errors.sum(), images.new_full((), len(images))),
        )


def _gather_persons(
    samples: SampleList, stride: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All G persons of a batch, at 1 / ``stride`` of the input, by default 1/4.

    Mirrored as the heatmaps are: a coordinate x becomes width - 1 - x there.

    Returns:
        tuple[Tensor, Tensor, Tensor, Tensor]: keypoints (G, K, 2); bool visible (G, K);
        the centers' pixels int64 (G, 2); indices of the images (G,).
    """
    labels = [sample.gt_instance_labels for sample in samples]
    keypoints, visible, tag_indices = (
        torch.cat([getattr(own, name) for own in labels])
        for name in ('keypoints', 'keypoints_visible', 'tag_indices')
    )
    device = keypoints.device
    shifts = [stride - 1 if s.metainfo.get('flip') else 0 for s in samples]
    counts = torch.tensor([len(own.keypoints) for own in labels], device=device)
    images = torch.arange(len(samples), device=device)
    # Told the length, a GPU need not be asked for it.
    images = images.repeat_interleave(counts, output_size=len(keypoints))
    x_shift = keypoints.new_tensor(shifts)[images, None]
    keypoints = torch.stack((keypoints[..., 0] - x_shift, keypoints[..., 1]), -1)
    width = samples[0].metainfo['input_size'][0] // stride
    place = tag_indices[:, -1, 0]
    pixels = torch.stack((place % width, place // width), -1)
    return keypoints / stride, visible > 0, pixels, images
