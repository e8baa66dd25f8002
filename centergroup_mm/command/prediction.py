# SPDX-License-Identifier: Apache-2.0
"""Poses of images, folders, videos and cameras into a folder."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..files import write_atomically
from ..runtime import ImageError, PoseModel, Poses, draw_poses, read_image
from ..runtime.media import Source
from ..runtime.video_writer import VideoWriter

RESULTS, IMAGES = 'poses.json', 'images.json'
# Images that are read at a time; those of one input size run as one batch.
CHUNK = 16


class Predictor:
    """Writes ``poses.json``, ``images.json`` and drawn pictures into a folder.

    ``poses.json`` has COCO's results format; ``images.json`` says which file, or which
    frame of a video, has which ``image_id``.

    Args:
        model (PoseModel): Finds the poses.
        out (Path): The folder; made where it is missing.
        score_thr (float, optional): People scoring less are left out.
        keypoint_thr (float): Keypoints scoring less are not drawn.
        draw (bool): Whether pictures and videos are written.
        progress (Callable): Is told a name and how many images of it are done, of how
            many (None if that is not known).
    """

    def __init__(
        self,
        model: PoseModel,
        out: Path,
        score_thr: float | None = None,
        keypoint_thr: float = 0.3,
        draw: bool = True,
        progress: Callable[[str, int, int | None], None] = lambda *_: None,
    ) -> None:
        self.model, self.out, self.score_thr = model, out, score_thr
        self.keypoint_thr, self.draw, self.progress = keypoint_thr, draw, progress
        self.results: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.bad: list[str] = []
        self.notes: list[str] = []
        self._names: set[str] = {RESULTS, IMAGES}
        out.mkdir(parents=True, exist_ok=True)

    def add_images(self, paths: Sequence[Path]) -> None:
        """Find people in image files; bad ones go into ``bad`` and are passed over."""
        # A file named by its number, as COCO's are, keeps it.
        stems = [path.stem for path in paths]
        numbered = all(s.isdecimal() for s in stems) and len(
            {int(s) for s in stems}
        ) == len(stems)
        for start in range(0, len(paths), CHUNK):
            part = paths[start : start + CHUNK]
            for path, image, poses in self._find(part):
                number = int(path.stem) if numbered else len(self.images)
                self._add(number, str(path), poses)
                if self.draw:
                    self._write_picture(path, image, poses)
            self.progress('images', start + len(part), len(paths))

    def _find(self, paths: Sequence[Path]) -> Iterator[tuple[Path, np.ndarray, Poses]]:
        good: list[tuple[Path, np.ndarray]] = []
        for path in paths:
            try:
                image = read_image(path)
                self.model.check(image, f'Image {path}')
            except (ValueError, OSError) as error:
                self.bad.append(str(error))
            else:
                good.append((path, image))
        found = self.model([image for _, image in good], self.score_thr)
        for (path, image), poses in zip(good, found, strict=True):
            yield path, image, poses

    def add_video(self, video: Source, max_frames: int | None = None) -> None:
        """Find people in every frame, up to so many.

        Raises:
            ImageError: If the video or camera cannot be opened or has no frame.
            OSError: If the drawn video cannot be written.
        """
        rate, count = video.facts()
        name = video.path.name
        target = self.out / self._free_name(video.path.stem, '.mp4')
        writer = VideoWriter(target, rate) if self.draw else None
        first = len(self.images)
        try:
            for index, frame in enumerate(islice(video.frames(), max_frames)):
                poses = self.model(frame, self.score_thr)
                self._add(len(self.images), name, poses, frame=index)
                if writer is not None:
                    writer.write(draw_poses(frame, poses, self.keypoint_thr))
                self.progress(name, index + 1, count)
        finally:
            if writer is not None:
                writer.close()
        if len(self.images) == first:
            raise ImageError(f'{video.path} has no frame that can be read.')
        if writer is not None and not writer.plays_in_browsers:
            self.notes.append(
                f'{target} is MPEG-4, which browsers do not play: there is no ffmpeg '
                'on the PATH, which would write H.264.'
            )

    def close(self) -> None:
        """Write the poses."""
        for name, content in ((RESULTS, self.results), (IMAGES, self.images)):
            write_atomically(self.out / name, json.dumps(content).encode())

    def _add(self, number: int, name: str, poses: Poses, **more: int) -> None:
        width, height = poses.image_size
        self.images.append(
            dict(id=number, file_name=name, width=width, height=height, **more)
        )
        self.results += poses.to_coco(number)

    def _write_picture(self, path: Path, image: np.ndarray, poses: Poses) -> None:
        suffix = path.suffix.lower()
        suffix = suffix if suffix in ('.jpg', '.jpeg', '.png') else '.jpg'
        picture = draw_poses(image, poses, self.keypoint_thr)
        content = cv2.imencode(suffix, picture)[1]
        write_atomically(
            self.out / self._free_name(path.stem, suffix), content.tobytes()
        )

    def _free_name(self, stem: str, suffix: str) -> str:
        """A name that no other picture has: files of two folders may share one."""
        name, number = f'{stem}{suffix}', 1
        while name in self._names:
            number += 1
            name = f'{stem}_{number}{suffix}'
        self._names.add(name)
        return name
