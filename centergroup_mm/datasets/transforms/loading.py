# SPDX-License-Identifier: Apache-2.0
"""Loading of images."""

import cv2
import numpy as np
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadColorImage(LoadImage):
    """Load an image as three channels, from its file or from an array.

    Arrays (in ``results['img']``) are uint8 and may be gray (H, W) or (H, W, 1), color
    (H, W, 3) or color with opacity (H, W, 4), which is dropped. The channel order is
    kept; files are read as BGR in eight bits, whatever their depth.

    Args:
        **kwargs: Arguments of :class:`mmpose.datasets.transforms.LoadImage`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file is no image, or the array has another shape or dtype.
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
    name = f'Image {path}' if path else 'The image'
    if not isinstance(image, np.ndarray):
        raise ValueError(
            f'{name} is of type {type(image).__name__}; expected a NumPy array.'
        )
    shape = image.shape
    is_image = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    if not is_image or min(shape) == 0:
        raise ValueError(
            f'{name} is an array of shape {shape}; expected (H, W), (H, W, 1), '
            '(H, W, 3) or (H, W, 4).'
        )
    if image.dtype != np.uint8:
        raise ValueError(
            f'{name} is an array of dtype {image.dtype} and shape {shape}; expected '
            'uint8 with values of 0 to 255. Convert values of 0 to 1 by '
            "(255 * image).round().astype('uint8') and those of 16 bits by "
            "(image // 256).astype('uint8')."
        )
    if len(shape) == 2 or shape[2] == 1:
        return np.repeat(image.reshape(*shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image[..., :3])
