# SPDX-License-Identifier: Apache-2.0
"""Random square crops for training."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import bbox_corner2xyxy, bbox_xyxy2corner, get_warp_matrix


class CropParams(NamedTuple):
    """A random crop: side relative to the image's short side, offset (x, y) relative
    to the crop's side, rotation in degrees."""

    scale: float
    offset: np.ndarray
    rotation: float


@TRANSFORMS.register_module()
class BottomupSquareAffine(BaseTransform):
    """Crop a random, rotated square out of the image and resize it to the input size.

    The crop's side is the image's short side times U(scale_factor): larger means
    smaller persons. Its center is the image center plus, per axis, U(-shift_factor,
    shift_factor) times the crop's side; its rotation U(-rotate_factor, rotate_factor)
    degrees (supplementary 3.1). What lies outside the image is zero. Unlike
    :class:`mmpose.datasets.transforms.BottomupRandomAffine` all draws are uniform and
    the offsets relative to the crop.

    Images without persons pass; persons may leave the crop.

    Args:
        input_size (tuple[int, int]): Side of the crop in input pixels, twice.
        shift_factor (float): Defaults to 0.2.
        scale_factor (tuple[float, float]): Defaults to (0.75, 1.5).
        rotate_factor (float): Defaults to 30.

    Raises:
        ValueError: If ``input_size`` is not square.
    """

    def __init__(
        self,
        input_size: Sequence[int],
        shift_factor: float = 0.2,
        scale_factor: Sequence[float] = (0.75, 1.5),
        rotate_factor: float = 30.0,
    ) -> None:
        super().__init__()
        if input_size[0] != input_size[1]:
            raise ValueError(
                f'{type(self).__name__} crops squares: expected an input_size with '
                f'two equal sides, got {tuple(input_size)}.'
            )
        self.input_size = tuple(input_size)
        self.shift_factor = shift_factor
        self.scale_factor = tuple(scale_factor)
        self.rotate_factor = rotate_factor

    @cache_randomness
    def draw_params(self) -> CropParams:
        """Draw a crop from numpy's global generator, which the host seeds."""
        return CropParams(
            scale=np.random.uniform(*self.scale_factor),
            offset=np.random.uniform(-self.shift_factor, self.shift_factor, size=2),
            rotation=np.random.uniform(-self.rotate_factor, self.rotate_factor),
        )

    def transform(self, results: dict) -> dict:
        """Warp image, keypoints and boxes.

        Args:
            results (dict): ``img`` (H, W, 3); ``keypoints`` (N, K, 2) and ``bbox``
                (N, 4) x1, y1, x2, y2, both in image pixels.

        Returns:
            dict: The same in input pixels (a box becomes the box around the warped
            one), with ``input_size`` [w, h], ``img_shape`` (h, w), ``input_center``
            and ``input_scale`` of the crop in image pixels, ``warp_mat`` (2, 3) from
            image to input pixels, and ``box_areas`` (N,): the area of the annotated
            box clipped to the image (at least one pixel), times the squared scale.
        """
        height, width = results['img'].shape[:2]
        params = self.draw_params()
        side = min(width, height) * params.scale
        center = np.array([width, height]) / 2 + params.offset * side
        scale = np.array([side, side])
        warp_mat = get_warp_matrix(center, scale, params.rotation, self.input_size)

        boxes = results['bbox'].reshape(-1, 4)
        magnification = (self.input_size[0] / side) ** 2
        corners = warp_points(bbox_xyxy2corner(boxes), warp_mat)
        results.update(
            img=cv2.warpAffine(
                results['img'], warp_mat, self.input_size, flags=cv2.INTER_LINEAR
            ),
            img_shape=self.input_size[::-1],
            keypoints=warp_points(results['keypoints'], warp_mat),
            bbox=bbox_corner2xyxy(corners),
            box_areas=clipped_areas(boxes, (width, height)) * np.float32(magnification),
            input_size=self.input_size,
            input_center=center,
            input_scale=scale,
            warp_mat=warp_mat,
        )
        return results


def warp_points(points: np.ndarray, warp_mat: np.ndarray) -> np.ndarray:
    """Warp points (..., 2) by a (2, 3) matrix; any number of them, none included."""
    return (points @ warp_mat[:, :2].T + warp_mat[:, 2]).astype(np.float32)


def clipped_areas(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Areas of boxes clipped to the image.

    Args:
        boxes (np.ndarray): (N, 4) x1, y1, x2, y2.
        size (tuple[int, int]): Image size [w, h].

    Returns:
        np.ndarray: float32 (N,), at least 1 so that a box outside of the image cannot
        make a similarity undefined.
    """
    clipped = np.clip(boxes, 0, np.tile(size, 2))
    sides = clipped[:, 2:] - clipped[:, :2]
    return np.maximum(sides.prod(axis=1), 1).astype(np.float32)
