# SPDX-License-Identifier: Apache-2.0
"""Input, predicted poses and ground truth of images next to each other."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from .grid import draw_people, make_grid, match_people
from .people import AnnotatedImage, predicted_people

TITLES = ('input', 'poses', 'ground truth (grey: not annotated)')


def draw_comparison(
    folder: str | Path,
    images: Sequence[AnnotatedImage],
    predictions: Sequence[Sequence[dict]],
) -> np.ndarray:
    """Draw a grid with one row per image.

    A found person has the color of the annotated person that fits best. Rings are
    occluded keypoints.

    Args:
        folder (str | Path): Where the images lie, all of one size.
        images (Sequence[AnnotatedImage]): R images.
        predictions (Sequence[Sequence[dict]]): Per image one dict per pose, as MMPose's
            inferencers give them.

    Returns:
        np.ndarray: (H, W, 3) uint8, BGR.

    Raises:
        FileNotFoundError: If an image cannot be read.
        ValueError: If there are no images, or of several sizes.
    """
    parts = comparison_tiles(folder, images, predictions)
    rows, captions = ([part[index] for part in parts] for index in (0, 1))
    return make_grid(rows, TITLES, captions)


def comparison_tiles(
    folder: str | Path,
    images: Sequence[AnnotatedImage],
    predictions: Sequence[Sequence[dict]],
) -> list[tuple[tuple[np.ndarray, ...], str]]:
    """The parts of :func:`draw_comparison`, for other layouts.

    Args:
        folder (str | Path): Where the images lie.
        images (Sequence[AnnotatedImage]): R images.
        predictions (Sequence[Sequence[dict]]): As of :func:`draw_comparison`.

    Returns:
        list[tuple[tuple[np.ndarray, ...], str]]: Per image its tiles, each (H, W, 3)
        uint8, BGR, as ``TITLES`` says, and a caption.

    Raises:
        FileNotFoundError: If an image cannot be read.
    """
    parts = []
    for image, poses in zip(images, predictions, strict=True):
        path = Path(folder, image.file_name)
        picture = cv2.imread(str(path))
        if picture is None:
            raise FileNotFoundError(f'{path} is missing or no image')
        truth = image.people
        num_keypoints = truth.shown.shape[1]
        nobody = predicted_people([], num_keypoints)
        found = predicted_people(poses, num_keypoints)
        numbers = match_people(found, truth)
        tiles = (
            draw_people(picture, nobody, image.skeleton),
            draw_people(picture, found, image.skeleton, numbers),
            draw_people(picture, truth, image.skeleton, regions=image.regions),
        )
        caption = (
            f'{image.file_name}, crowdIndex {image.crowd_index:.2f}: '
            f'{len(truth)} people annotated, {len(found)} found'
        )
        parts.append((tiles, caption))
    return parts
