# SPDX-License-Identifier: Apache-2.0
"""Heatmaps of keypoints and person centers at several resolutions."""

from collections.abc import Sequence

import numpy as np
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ..ops.candidates import select_candidates
from ..ops.poses import refine_locations
from ..structures import Candidates
from .gaussian import draw_gaussians


@KEYPOINT_CODECS.register_module()
class CenterHeatmap(BaseKeypointCodec):
    """Gaussian targets for K keypoint types and the person center.

    A person's center is the mean of its visible keypoints, taken at each resolution
    from that resolution's coordinates. Visible means labelled (occluded included) and
    inside the crop, ``0 <= x < w`` and ``0 <= y < h``, decided once, at full
    resolution: every level shows the same keypoints. A person without a visible
    keypoint has no center and is no target.

    Letters: N persons, T targets among them, K keypoint types, C = K + 1 with the
    center last, [w, h] input size in pixels.

    Args:
        input_size (tuple[int, int]): Input size [w, h] in pixels.
        sigma (float): Standard deviation of the Gaussians in heatmap pixels, the same
            at every resolution. Defaults to 2.
        downscales (Sequence[int]): Input pixels per heatmap pixel of each level, the
            level of the associative-embedding tags first. That is the stride of the
            finest map of the backbone, or of its neck, and the detector's second
            stage doubles it. Defaults to (4, 2).
        num_candidates (int): Decoding: candidates per keypoint type. Defaults to 30.
        num_centers (int): Decoding: center candidates. Defaults to 30.
        keypoint_kernel (int): Decoding: side of the keypoints' non-maximum
            suppression window in input pixels. Defaults to 5.
        center_kernel (int): Decoding: the same for centers. Defaults to 17.
        score_floor (float): Decoding: a candidate scoring at least this is valid.
            Defaults to 0.01.
        min_candidates (int): Decoding: so many best candidates of each type are valid
            whatever they score. Defaults to 5.

    Raises:
        ValueError: If ``input_size`` is not a multiple of every downscale.
    """

    auxiliary_encode_keys = {'flip', 'box_areas'}

    field_mapping_table = {'heatmaps': 'heatmaps', 'heatmap_mask': 'heatmap_mask'}
    label_mapping_table = {
        'keypoint_labels': 'keypoints',
        'visible_labels': 'keypoints_visible',
        'center_labels': 'centers',
        'box_area_labels': 'box_areas',
        'tag_indices': 'tag_indices',
    }

    def __init__(
        self,
        input_size: tuple[int, int],
        sigma: float = 2.0,
        downscales: Sequence[int] = (4, 2),
        num_candidates: int = 30,
        num_centers: int = 30,
        keypoint_kernel: int = 5,
        center_kernel: int = 17,
        score_floor: float = 0.01,
        min_candidates: int = 5,
    ) -> None:
        super().__init__()
        for downscale in downscales:
            if any(side % downscale for side in input_size):
                raise ValueError(
                    f'CenterHeatmap: input_size {tuple(input_size)} is not a multiple '
                    f'of downscale {downscale}; choose one that every entry of '
                    f'downscales={tuple(downscales)} divides.'
                )
        self.input_size = tuple(input_size)
        self.sigma = sigma
        self.downscales = tuple(downscales)
        self.num_candidates = num_candidates
        self.num_centers = num_centers
        self.keypoint_kernel = keypoint_kernel
        self.center_kernel = center_kernel
        self.score_floor = score_floor
        self.min_candidates = min_candidates

    def encode(
        self,
        keypoints: np.ndarray,
        keypoints_visible: np.ndarray | None = None,
        flip: bool | None = None,
        box_areas: np.ndarray | None = None,
    ) -> dict:
        """Targets of one image.

        Args:
            keypoints (np.ndarray): (N, K, 2) x, y in input pixels, after augmentation.
                Only persons that may be targets: no crowds, no unannotated ones.
            keypoints_visible (np.ndarray, optional): (N, K), > 0 where labelled.
                All, if not given.
            flip (bool, optional): Whether the image was mirrored horizontally. A
                mirrored coordinate is side - 1 - x at each resolution, which is not
                the scaled mirrored coordinate of the full resolution.
            box_areas (np.ndarray, optional): (N,) box areas in square input pixels.

        Returns:
            dict:
            - heatmaps (list[np.ndarray]): per level float32 (C, h', w')
            - keypoint_labels (np.ndarray): float32 (T, K, 2), input pixels
            - visible_labels (np.ndarray): float32 (T, K), 1 visible, 0 not
            - center_labels (np.ndarray): float32 (T, 2), input pixels
            - box_area_labels (np.ndarray): float32 (T,), if ``box_areas`` are given
            - downscales (tuple[int]): Those of the codec, for masks and the metainfo
            - tag_indices (np.ndarray): int64 (T, C, 2), [y * w' + x, visible] of the
              peak pixel at the first level, 0 where not visible
        """
        keypoints = np.asarray(keypoints, dtype=np.float32)
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], dtype=np.float32)

        inside = (keypoints >= 0) & (keypoints < self.input_size)
        visible = inside.all(axis=-1) & (np.asarray(keypoints_visible) > 0)
        targets = visible.any(axis=1)
        keypoints, visible = keypoints[targets], visible[targets]
        encoded = {
            'keypoint_labels': keypoints,
            'visible_labels': visible.astype(np.float32),
            'center_labels': _visible_means(keypoints, visible),
            'downscales': self.downscales,
        }
        if box_areas is not None:
            encoded['box_area_labels'] = np.asarray(box_areas, np.float32)[targets]

        heatmaps = []
        for level, downscale in enumerate(self.downscales):
            shift = downscale - 1 if flip else 0
            scaled = (keypoints - [shift, 0]) / downscale
            peaks, shown = _peak_pixels(scaled, visible)
            width, height = (side // downscale for side in self.input_size)
            heatmaps.append(draw_gaussians(peaks, shown, (width, height), self.sigma))
            if level == 0:
                index = peaks[..., 1] * width + peaks[..., 0]
                encoded['tag_indices'] = np.stack((index, shown), -1).astype(np.int64)
        encoded['heatmaps'] = heatmaps
        return encoded

    def find_candidates(
        self, heatmaps: Tensor, inside: Tensor, usable: Tensor
    ) -> tuple[Candidates, Candidates]:
        """Candidates of keypoints and centers, see :func:`select_candidates`.

        Args:
            heatmaps (Tensor): (B, K + 1, h, w) at input resolution.
            inside (Tensor): bool (B, 1, h, w), True inside the image.
            usable (Tensor): bool (B, 1, h, w), where a candidate may be valid.

        Returns:
            tuple[Candidates, Candidates]: (B, K, M) keypoints and (B, 1, P) centers.
        """
        keypoint_maps, center_maps = heatmaps[:, :-1], heatmaps[:, -1:]
        rule = self.score_floor, self.min_candidates
        keypoints = select_candidates(
            keypoint_maps,
            inside,
            usable,
            self.keypoint_kernel,
            self.num_candidates,
            *rule,
        )
        centers = select_candidates(
            center_maps, inside, usable, self.center_kernel, self.num_centers, *rule
        )
        return keypoints, centers

    @staticmethod
    def refine(heatmaps: Tensor, coords: Tensor) -> Tensor:
        """Sub-pixel locations, see :func:`refine_locations`."""
        return refine_locations(heatmaps, coords)

    def decode(self, encoded):
        """Not defined: heatmaps alone do not tell which keypoints belong together.

        :class:`CenterGroupHead` decodes with :meth:`find_candidates` and
        :meth:`refine`, its grouping in between.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            'CenterHeatmap cannot decode poses from heatmaps alone; predict with '
            'CenterGroupHead, which groups the candidates.'
        )


def _peak_pixels(
    keypoints: np.ndarray, visible: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels int (T, C, 2) of keypoints and centers at one level, and which exist.

    A keypoint less than a pixel left of the level's frame, where mirroring may bring
    one that is inside at full resolution, belongs to the first column: truncation is
    towards zero. What does not exist, bool (T, C), is at 0.
    """
    centers = _visible_means(keypoints, visible)
    points = np.concatenate((keypoints, centers[:, None]), axis=1)
    shown = np.concatenate((visible, visible.any(axis=1, keepdims=True)), axis=1)
    return np.where(shown[..., None], points, 0).astype(np.int64), shown


def _visible_means(keypoints: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Mean (T, 2) of each person's visible keypoints, 0 where there is none."""
    weights = visible[..., None]
    total = (keypoints * weights).sum(axis=1)
    return (total / np.maximum(weights.sum(axis=1), 1)).astype(np.float32)
