# SPDX-License-Identifier: Apache-2.0
"""Loading of images."""

import cv2
import numpy as np
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadColorImage(LoadImage):
    """Load an image as three channels, from its file or from an array.

    Arrays (in ``results['img']``) may be grey (H, W) or (H, W, 1), colour (H, W, 3) or
    colour with opacity (H, W, 4), which is dropped. The channel order is kept; files
    are read as BGR.

    Args:
        **kwargs: Arguments of :class:`mmpose.datasets.transforms.LoadImage`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file is no image, or the array has another shape.
    """

    def transform(self, results: dict) -> dict:
        """Add ``img`` (H, W, 3), ``img_shape`` and ``ori_shape`` (H, W)."""
        path = results.get('img_path')
        if results.get('img') is not None:
            results = {**results, 'img': _as_color(results['img'], path)}
        try:
            return super().transform(results)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'Image {path} does not exist. Check data_root and data_prefix of the '
                'dataset, and file_name in its annotation file.'
            ) from error
        except (AssertionError, cv2.error) as error:
            raise ValueError(
                f'Image {path} cannot be read as an image: the file is empty, damaged '
                'or of a type that OpenCV does not know. Replace it or leave it out.'
            ) from error


def _as_color(image: np.ndarray, path: str | None) -> np.ndarray:
    """An image array with three channels."""
    shape = getattr(image, 'shape', None)
    if shape is not None and len(shape) in (2, 3) and min(shape) > 0:
        if len(shape) == 2 or shape[2] == 1:
            return np.repeat(image.reshape(*shape[:2], 1), 3, axis=2)
        if shape[2] in (3, 4):
            return np.ascontiguousarray(image[..., :3])
    raise ValueError(
        f'Image {path} is an array of shape {shape}; expected (H, W), (H, W, 1), '
        '(H, W, 3) or (H, W, 4).'
    )
