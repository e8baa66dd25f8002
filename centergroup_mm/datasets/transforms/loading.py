# SPDX-License-Identifier: Apache-2.0
"""Loading of images."""

import cv2
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from ...runtime.images import as_color


@TRANSFORMS.register_module()
class LoadColorImage(LoadImage):
    """Load an image as three channels, from its file or from an array.

    Arrays (in ``results['img']``) are those of :func:`as_color`, uint8 or uint16. Their
    channel order is kept; files are read as BGR in eight bits, whatever their depth.

    Args:
        **kwargs: Arguments of :class:`mmpose.datasets.transforms.LoadImage`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file is no image, or the array has another shape or dtype
            (:class:`ImageError`).
    """

    def transform(self, results: dict) -> dict:
        """Add ``img`` (H, W, 3), ``img_shape`` and ``ori_shape`` (H, W)."""
        path = results.get('img_path')
        if results.get('img') is not None:
            name = f'Image {path}' if path else 'The image'
            results = {**results, 'img': as_color(results['img'], name)}
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
