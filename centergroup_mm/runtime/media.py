# SPDX-License-Identifier: Apache-2.0
"""Images, videos and cameras: what a file is, and its frames."""

import mimetypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .images import ImageError, read_image

# Frames per second that are played if a file names none that can be.
USUAL_RATE = 25.0
RATES = (0.1, 1000.0)
# No file has more frames; some say so all the same, or a negative number.
MAX_FRAMES = 10**8


@dataclass(frozen=True)
class Source:
    """An image, a video or a camera.

    Attributes:
        path (Path): The file; of a camera, a name for what is made of it.
        is_video (bool): Whether it has many frames.
        camera (int, optional): Number of the camera.
    """

    path: Path
    is_video: bool = False
    camera: int | None = None

    @classmethod
    def of_camera(cls, number: int) -> 'Source':
        """A camera by the number that the system gives it."""
        return cls(Path(f'camera_{number}'), True, number)

    def frames(self) -> Iterator[np.ndarray]:
        """The frames (H, W, 3) uint8, BGR, turned as the camera was held.

        Raises:
            ImageError: If the file is damaged or the camera cannot be opened.
        """
        if not self.is_video:
            yield read_image(self.path)
            return
        video = self._open()
        try:
            while True:
                found, frame = video.read()
                if not found:
                    return
                yield frame
        finally:
            video.release()

    def facts(self) -> tuple[float, int | None]:
        """Frames per second, the usual if the file says none that can be played; and
        the number of frames if the file says it."""
        video = self._open()
        rate = video.get(cv2.CAP_PROP_FPS)
        count = video.get(cv2.CAP_PROP_FRAME_COUNT)
        video.release()
        # Not a number fails the comparison too.
        rate = rate if RATES[0] <= rate <= RATES[1] else USUAL_RATE
        return rate, int(count) if 1 <= count <= MAX_FRAMES else None

    def _open(self) -> cv2.VideoCapture:
        file, name = str(self.path), f'Video {self.path}'
        if self.camera is not None:
            name = f'Camera {self.camera}'
        video = open_video(file if self.camera is None else self.camera)
        if not video.isOpened():
            raise ImageError(
                f'{name} cannot be opened. Check that it is there and that nothing '
                'else uses it.'
            )
        return video


def open_video(source: str | int) -> cv2.VideoCapture:
    """Open a file or camera, whose frames come turned as the camera was held."""
    video = cv2.VideoCapture(source)
    # Phones store frames lying, with a flag. Some builds of OpenCV heed it only then.
    video.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return video


def is_video(path: Path) -> bool:
    """Whether a file is a video by its name and has a frame that OpenCV can read."""
    kind, _ = mimetypes.guess_type(path.name)
    if not (kind or '').startswith('video') or not path.stat().st_size:
        return False
    video = open_video(str(path))
    readable = video.isOpened() and video.grab()
    video.release()
    return readable


def find_sources(inputs: Sequence[Path]) -> tuple[list[Source], list[Path]]:
    """Images and videos among files and in folders (not below them), in their order.

    Args:
        inputs (Sequence[Path]): Files and folders.

    Returns:
        tuple: The sources, and files of the folders that are neither.

    Raises:
        FileNotFoundError: If a file or folder does not exist.
        ImageError: If a file that is named is neither, or a folder holds none.
    """
    sources: list[Source] = []
    others: list[Path] = []
    for path in inputs:
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.is_file())
            found = [_source(file) for file in files]
            others += [f for f, source in zip(files, found, strict=True) if not source]
            if not any(found):
                raise ImageError(f'{path} is a folder without images and videos.')
            sources += [source for source in found if source]
        elif not path.exists():
            raise FileNotFoundError(f'{path} does not exist.')
        elif source := _source(path):
            sources.append(source)
        else:
            raise ImageError(
                f'{path} is neither an image nor a video that OpenCV can read: of '
                'another type, empty or damaged.'
            )
    return sources, others


def _source(path: Path) -> Source | None:
    # Images by content, for names may lack a suffix or have a wrong one.
    if cv2.haveImageReader(str(path)):
        return Source(path)
    return Source(path, True) if is_video(path) else None
