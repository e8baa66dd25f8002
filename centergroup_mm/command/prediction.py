# SPDX-License-Identifier: Apache-2.0
"""Poses of images, folders, videos and cameras into a folder."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..files import write_atomically
from ..runtime import ImageError, PoseModel, Poses, draw_poses
from ..runtime.media import Source
from ..runtime.video_writer import VideoWriter
from .image_files import ImageFile, find_in_files

RESULTS, IMAGES = 'poses.json', 'images.json'


class Predictor:
    """Writes ``poses.json``, ``images.json`` and drawn pictures into a folder.

    ``poses.json`` has COCO's results format; ``images.json`` says which file, or which
    frame of a video, has which ``image_id``. A picture is named as its source, and
    numbered where that would replace a source. What former runs drew is replaced, but
    not where sources lie beside it: nobody knows there what is a picture of a run.

    Args:
        model (PoseModel): Finds the poses.
        sources (Iterable[Path]): All files that will be read: none is written over.
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
        sources: Iterable[Path],
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
        # Above all numbers that images have, so that no two have one.
        self._next_id = 0
        self.bad: list[str] = []
        self.notes: list[str] = []
        self._names: set[str] = {RESULTS, IMAGES}
        out.mkdir(parents=True, exist_ok=True)
        sources = [*sources]
        self._sources = {_identity(path) for path in sources}
        self._beside = _identity(out) in {_identity(path.parent) for path in sources}

    def add_images(self, paths: Sequence[Path]) -> None:
        """Find people in image files; bad ones go into ``bad`` and are passed over."""
        # A file named by its number, as COCO's are, keeps it.
        numbers = self._numbers(paths)
        self._next_id = max([self._next_id, *(number + 1 for number in numbers)])
        found = find_in_files(self.model, paths, self.score_thr)
        for done, file in enumerate(found, 1):
            if file.error:
                self.bad.append(file.error)
            else:
                number = numbers[done - 1] if numbers else self._free_id()
                self._add(number, str(file.path), file.poses)
                if self.draw:
                    self._write_picture(file)
            self.progress('images', done, len(paths))

    def add_video(self, video: Source, max_frames: int | None = None) -> None:
        """Find people in every frame, up to so many.

        A video or camera that cannot be opened or has no frame goes into ``bad`` and is
        passed over, as one does from a frame on in which nobody can be looked for.

        Raises:
            OSError: If the drawn video cannot be written.
        """
        try:
            self._add_frames(video, max_frames)
        except ImageError as error:
            self.bad.append(str(error))

    def _add_frames(self, video: Source, max_frames: int | None) -> None:
        rate, count = video.facts()
        name = video.path.name
        target = self.out / self._free_name(video.path.stem, '.mp4')
        writer = VideoWriter(target, rate) if self.draw else None
        first = len(self.images)
        try:
            for index, frame in enumerate(islice(video.frames(), max_frames)):
                self._check_frame(frame, video)
                poses = self.model(frame, self.score_thr)
                self._add(self._free_id(), name, poses, frame=index)
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

    def _check_frame(self, frame: np.ndarray, video: Source) -> None:
        """Tell a bad frame from a bad model, of which nothing can come."""
        try:
            self.model.check(frame, f'Video {video.path}')
        except ValueError as error:
            raise ImageError(str(error)) from error

    def close(self) -> None:
        """Write the poses."""
        for name, content in ((RESULTS, self.results), (IMAGES, self.images)):
            write_atomically(self.out / name, json.dumps(content).encode())

    def _numbers(self, paths: Sequence[Path]) -> list[int]:
        """The numbers that name all of these files, and no other image; else none."""
        stems = [path.stem for path in paths]
        if not all(map(str.isdecimal, stems)):
            return []
        numbers = [int(stem) for stem in stems]
        is_new = min(numbers, default=0) >= self._next_id
        return numbers if is_new and len({*numbers}) == len(numbers) else []

    def _free_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _add(self, number: int, name: str, poses: Poses, **more: int) -> None:
        width, height = poses.image_size
        self.images.append(
            dict(id=number, file_name=name, width=width, height=height, **more)
        )
        self.results += poses.to_coco(number)

    def _write_picture(self, file: ImageFile) -> None:
        suffix = file.path.suffix.lower()
        suffix = suffix if suffix in ('.jpg', '.jpeg', '.png') else '.jpg'
        picture = draw_poses(file.image, file.poses, self.keypoint_thr)
        content = cv2.imencode(suffix, picture)[1]
        write_atomically(
            self.out / self._free_name(file.path.stem, suffix), content.tobytes()
        )

    def _free_name(self, stem: str, suffix: str) -> str:
        """A name that no other picture has: files of two folders may share one."""
        name, number = f'{stem}{suffix}', 1
        while name in self._names or self._is_kept(self.out / name):
            number += 1
            name = f'{stem}_{number}{suffix}'
        self._names.add(name)
        return name

    def _is_kept(self, path: Path) -> bool:
        there = _identity(path)
        return there is not None and (self._beside or there in self._sources)


def _identity(path: Path) -> tuple[int, int] | None:
    """What two names of one file share, links and upper case included."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
