# SPDX-License-Identifier: Apache-2.0
"""Images from files and arrays, and what is wrong with them."""

from pathlib import Path

import cv2
import numpy as np

_JPEG, _JPEG_SCAN, _JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
_PNG, _PNG_END = b'\x89PNG', b'IEND'


class ImageError(ValueError):
    """Something is no image that poses can be found in."""


def read_image(path: str | Path) -> np.ndarray:
    """Read an image file, turned as its EXIF data say, in eight bits.

    Args:
        path (str | Path): Of any type that OpenCV reads. Gray becomes color, opacity is
            dropped, 16 bits become eight.

    Returns:
        np.ndarray: uint8 (H, W, 3), BGR.

    Raises:
        FileNotFoundError: If there is no such file.
        ImageError: If it is no whole image.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'Image {path} does not exist or is no file.')
    content = path.read_bytes()
    if _is_cut_off(content):
        raise ImageError(
            f'Image {path} is cut off: {len(content):,} bytes without the end of an '
            'image. Get it again or leave it out.'
        )
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # an empty file, or sides beyond what OpenCV takes
        image = None
    if image is None:
        raise ImageError(
            f'Image {path} cannot be read as an image: the file is empty, damaged or '
            'of a type that OpenCV does not know. Replace it or leave it out.'
        )
    return image


def as_color(image: np.ndarray, name: str = 'The image') -> np.ndarray:
    """An image array as uint8 (H, W, 3).

    Args:
        image (np.ndarray): uint8 or uint16 (H, W), (H, W, 1), color (H, W, 3) or color
            with opacity (H, W, 4), which is dropped; the channel order is kept. Of 16
            bits the upper eight are kept, as of files.
        name (str): For messages.

    Raises:
        ImageError: If it is anything else.
    """
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f'{name} is of type {type(image).__name__}; expected a path or a NumPy '
            'array.'
        )
    shape = image.shape
    is_image = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    if not is_image or min(shape) == 0:
        raise ImageError(
            f'{name} is an array of shape {shape}; expected (H, W), (H, W, 1), '
            '(H, W, 3) or (H, W, 4), none of them 0.'
        )
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ImageError(
            f'{name} is an array of dtype {image.dtype} and shape {shape}; expected '
            'uint8 with values of 0 to 255, or uint16 with values of 0 to 65535. '
            "Convert values of 0 to 1 by (255 * image).round().astype('uint8')."
        )
    if len(shape) == 2 or shape[2] == 1:
        return np.repeat(image.reshape(*shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def _is_cut_off(content: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end; decoders fill the rest with gray."""
    if content.startswith(_JPEG):
        # A thumbnail ends too, but before the picture's own data begin.
        return content.rfind(_JPEG_END) < content.rfind(_JPEG_SCAN)
    return content.startswith(_PNG) and _PNG_END not in content
