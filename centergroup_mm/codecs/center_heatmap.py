# SPDX-License-Identifier: Apache-2.0
"""Heatmaps of keypoints and person centers at several resolutions."""

from collections.abc import Sequence

import numpy as np
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ..ops.candidates import select_candidates
from ..ops.poses import refine_by_newton, refine_locations
from ..structures import Candidates
from .gaussian import draw_gaussians


@KEYPOINT_CODECS.register_module()
class CenterHeatmap(BaseKeypointCodec):
    """Gaussian targets for K keypoint types and the person center.

    A person's center is the mean of its visible keypoints, taken at each resolution
    from that resolution's coordinates. Visible means labeled (occluded included) and
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
            suppression window in input pixels, odd. Defaults to 5.
        center_kernel (int): Decoding: the same for centers. Defaults to 17.
        score_floor (float): Decoding: a candidate scoring at least this is valid.
            Defaults to 0.01.
        min_candidates (int): Decoding: so many best candidates of each type are valid
            whatever they score. Defaults to 5.
        fine_centers (bool): Decoding: whether centers are sought on the finest level
            alone, where a smaller ``center_kernel`` fits; otherwise, the paper, on the
            mean of all levels. Defaults to False.
        unbiased (bool): Encoding: whether a Gaussian stands at the very place of its
            keypoint; otherwise, the paper, at the pixel that holds it. Then a mirrored
            image has the mirrored targets. Defaults to False.
        newton_sigma (float, optional): Decoding: keypoints move to the top of the peak
            on the heatmap blurred by this standard deviation in input pixels, see
            :func:`refine_by_newton`; by a quarter of a pixel, the paper, if None.
            Defaults to None.

    Raises:
        ValueError: If ``input_size`` is not a multiple of every downscale, a kernel is
            not odd, or ``newton_sigma`` is not positive.
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
        fine_centers: bool = False,
        unbiased: bool = False,
        newton_sigma: float | None = None,
    ) -> None:
        super().__init__()
        if newton_sigma is not None and newton_sigma <= 0:
            raise ValueError(
                f'CenterHeatmap: newton_sigma is {newton_sigma}; expected a standard '
                'deviation in input pixels above 0, or None for the quarter pixel.'
            )
        for name, kernel in (
            ('keypoint_kernel', keypoint_kernel),
            ('center_kernel', center_kernel),
        ):
            if kernel < 1 or kernel % 2 == 0:
                raise ValueError(
                    f'CenterHeatmap: {name} is {kernel}; expected an odd side of a '
                    'window in input pixels, with a peak in its middle.'
                )
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
        self.fine_centers = fine_centers
        self.unbiased = unbiased
        self.newton_sigma = newton_sigma

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
            keypoints_visible (np.ndarray, optional): (N, K), > 0 where labeled.
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

        levels = [
            self._draw_level(keypoints, visible, downscale, bool(flip))
            for downscale in self.downscales
        ]
        encoded['heatmaps'] = [heatmaps for heatmaps, _ in levels]
        encoded['tag_indices'] = levels[0][1]
        return encoded

    def _draw_level(
        self, keypoints: np.ndarray, visible: np.ndarray, downscale: int, flip: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Heatmaps (C, h', w') of a level, and [y * w' + x, visible] of their peaks."""
        width, _ = size = [side // downscale for side in self.input_size]
        points, shown = _points_at_level(
            keypoints, visible, downscale, flip, self.unbiased
        )
        # Towards zero: what lies up to a pixel left of a mirrored level's frame belongs
        # to the first column.
        peaks, offsets = np.trunc(points).astype(np.int64), None
        if self.unbiased:
            peaks = np.clip(np.rint(points).astype(np.int64), 0, np.array(size) - 1)
            offsets = points - peaks
        heatmaps = draw_gaussians(peaks, shown, size, self.sigma, offsets)
        index = peaks[..., 1] * width + peaks[..., 0]
        return heatmaps, np.stack((index, shown), -1).astype(np.int64)

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

    def refine(self, heatmaps: Tensor, coords: Tensor) -> Tensor:
        """Sub-pixel locations.

        Args:
            heatmaps (Tensor): (B, K, h, w) at input resolution, before any masking.
            coords (Tensor): int64 (B, P, K, 2), (x, y) in input pixels.

        Returns:
            Tensor: float32 (B, P, K, 2), see :func:`refine_locations` and, with
            ``newton_sigma``, :func:`refine_by_newton`.
        """
        if self.newton_sigma is None:
            return refine_locations(heatmaps, coords)
        return refine_by_newton(heatmaps, coords, self.newton_sigma)

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


def _points_at_level(
    keypoints: np.ndarray,
    visible: np.ndarray,
    downscale: int,
    flip: bool,
    unbiased: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints and centers (T, C, 2) on a level's map, and which exist.

    Unbiased, pixel ``i`` of the input covers ``i`` to ``i + 1``, its value stands at
    its center, and so on the map. A mirrored ``x`` comes as ``side - 1 - x``, where the
    image has ``side - x``.

    What does not exist, bool (T, C), is at 0.
    """
    if unbiased:
        scaled = (keypoints + [int(flip), 0]) / downscale - 0.5
    else:
        scaled = (keypoints - [downscale - 1 if flip else 0, 0]) / downscale
    centers = _visible_means(scaled, visible)
    points = np.concatenate((scaled, centers[:, None]), axis=1)
    shown = np.concatenate((visible, visible.any(axis=1, keepdims=True)), axis=1)
    return np.where(shown[..., None], points, 0), shown


def _visible_means(keypoints: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Mean (T, 2) of each person's visible keypoints, 0 where there is none."""
    weights = visible[..., None]
    total = (keypoints * weights).sum(axis=1)
    return (total / np.maximum(weights.sum(axis=1), 1)).astype(np.float32)
