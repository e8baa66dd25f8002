# SPDX-License-Identifier: Apache-2.0
"""The poses of image files, bad ones among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..runtime import PoseModel, Poses, read_image

# Images that are read at a time; those of one input size run as one batch.
CHUNK = 16


@dataclass(frozen=True)
class ImageFile:
    """What came of a file: an image and its poses, or an error.

    Attributes:
        path (Path): The file.
        image (np.ndarray, optional): uint8 (H, W, 3), BGR.
        poses (Poses, optional): Its people.
        error (str): Why there are none, a line; '' where there are.
    """

    path: Path
    image: np.ndarray | None = None
    poses: Poses | None = None
    error: str = ''

    def as_row(self, name: str) -> dict[str, Any]:
        """For a table of one row for each file; what is not known is None.

        Keypoints are x, y, score of all types of a person, in image pixels.
        """
        row: dict[str, Any] = dict(file_name=name, error=self.error or None)
        if self.poses is None:
            return dict(row, width=None, height=None, keypoints=None, scores=None)
        width, height = self.poses.image_size
        people = self.poses.to_coco()
        return dict(
            row,
            width=width,
            height=height,
            keypoints=[person['keypoints'] for person in people],
            scores=[person['score'] for person in people],
        )


def find_in_files(
    model: PoseModel, paths: Sequence[Path], score_thr: float | None = None
) -> Iterator[ImageFile]:
    """Yield what comes of each file, in their order; a bad one stops nothing."""
    for start in range(0, len(paths), CHUNK):
        yield from _find(model, paths[start : start + CHUNK], score_thr)


def _find(
    model: PoseModel, paths: Sequence[Path], score_thr: float | None
) -> list[ImageFile]:
    images, errors = {}, {}
    for path in paths:
        try:
            images[path] = read_image(path)
            model.check(images[path], f'Image {path}')
        except (ValueError, OSError) as error:
            images.pop(path, None)
            errors[path] = str(error)
    found = dict(zip(images, model([*images.values()], score_thr), strict=True))
    return [
        ImageFile(path, images.get(path), found.get(path), errors.get(path, ''))
        for path in paths
    ]
