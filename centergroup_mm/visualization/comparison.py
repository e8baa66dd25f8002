# SPDX-License-Identifier: Apache-2.0
"""Input, predicted poses and ground truth of images next to each other."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ..coco import People, Truth
from .grid import draw_people, make_grid, match_people

TITLES = ('input', 'poses', 'ground truth (gray: not annotated)')


def draw_comparison(
    folder: str | Path,
    truth: Truth,
    predictions: Sequence[Sequence[dict]],
) -> np.ndarray:
    """Draw a grid with one row per image.

    A found person has the color of the annotated person that fits best. Rings are
    occluded keypoints.

    Args:
        folder (str | Path): Where the images lie, all of one size.
        truth (Truth): Their annotations, R images.
        predictions (Sequence[Sequence[dict]]): Per image one dict per pose, as MMPose's
            inferencers give them.

    Returns:
        np.ndarray: (H, W, 3) uint8, BGR.

    Raises:
        FileNotFoundError: If an image cannot be read.
        ValueError: If there are no images, or of several sizes.
    """
    parts = comparison_tiles(folder, truth, predictions)
    rows, captions = ([part[index] for part in parts] for index in (0, 1))
    return make_grid(rows, TITLES, captions)


def comparison_tiles(
    folder: str | Path,
    truth: Truth,
    predictions: Sequence[Sequence[dict]],
) -> list[tuple[tuple[np.ndarray, ...], str]]:
    """The parts of :func:`draw_comparison`, for other layouts.

    Args:
        folder (str | Path): Where the images lie.
        truth (Truth): Their annotations, R images.
        predictions (Sequence[Sequence[dict]]): As in :func:`draw_comparison`.

    Returns:
        list[tuple[tuple[np.ndarray, ...], str]]: Per image its tiles, each (H, W, 3)
        uint8, BGR, as ``TITLES`` says, and a caption.

    Raises:
        FileNotFoundError: If an image cannot be read.
    """
    parts = []
    for image, poses in zip(truth.images.values(), predictions, strict=True):
        path = Path(folder, image.file_name)
        picture = cv2.imread(str(path))
        if picture is None:
            raise FileNotFoundError(f'{path} is missing or no image')
        nobody = predicted_people([], truth.num_keypoints)
        found = predicted_people(poses, truth.num_keypoints)
        numbers = match_people(found, image)
        links = truth.skeleton
        tiles = (
            draw_people(picture, nobody, links),
            draw_people(picture, found, links, numbers),
            draw_people(picture, image, links, regions=image.region_boxes),
        )
        caption = (
            f'{image.file_name}, crowdIndex {image.crowd_index:.2f}: '
            f'{len(image)} people annotated, {len(found)} found'
        )
        parts.append((tiles, caption))
    return parts


def predicted_people(
    predictions: Sequence[dict], num_keypoints: int, keypoint_thr: float = 0.5
) -> People:
    """People from the predictions of MMPose's inferencers for one image.

    Args:
        predictions (Sequence[dict]): One dict per person, with ``keypoints`` (K, 2) in
            image pixels and ``keypoint_scores`` (K,).
        num_keypoints (int): K.
        keypoint_thr (float): Keypoints that score less are left out. Defaults to 0.5.

    Returns:
        People: None is occluded, for the model does not say.
    """
    keypoints = np.array([person['keypoints'] for person in predictions], dtype=float)
    scores = np.array([person['keypoint_scores'] for person in predictions])
    shown = scores.reshape(-1, num_keypoints) >= keypoint_thr
    return People(keypoints.reshape(-1, num_keypoints, 2), np.where(shown, 2, 0))
