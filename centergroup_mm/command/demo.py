# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a drawn crowd and the poses that the packaged model finds."""

from dataclasses import replace
from pathlib import Path

import cv2

from ..files import write_atomically
from ..lab.crowd import CrowdSpec, make_image
from ..runtime import PoseModel, Poses, draw_poses

# Of the crowds that the model was trained on.
SIZE, CROWDING, SEED = 256, 0.5, 0
# Enlarged, so that skeletons do not hide small people.
SCALE = 3


def show_demo(
    model: PoseModel, out: Path, number: int = 1, score_thr: float = 0.3
) -> Poses:
    """Draw a crowd that the model has not seen, and write it with its poses.

    Args:
        model (PoseModel): Of drawn people.
        out (Path): Picture to write, PNG or JPEG.
        number (int): Which of the crowds that ``make demo`` holds out; from 1 on.
        score_thr (float): People scoring less are left out.

    Returns:
        Poses: In pixels of the crowd.

    Raises:
        ValueError: If ``out`` has another suffix.
        OSError: If it cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in ('.png', '.jpg', '.jpeg'):
        raise ValueError(f'--out {out} is no picture; expected NAME.png or NAME.jpg.')
    spec = CrowdSpec(size=SIZE, crowding=CROWDING, seed=SEED)
    image, _, _ = make_image(spec, 'val', number)
    poses = model(image, score_thr)
    large = cv2.resize(image, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    there = replace(poses, keypoints=(poses.keypoints + 0.5) * SCALE - 0.5)
    content = cv2.imencode(suffix, draw_poses(large, there))[1]
    write_atomically(out, content.tobytes())
    return poses
