# SPDX-License-Identifier: Apache-2.0
"""What poses are found in on the command line: images, videos, cameras."""

import contextlib
import mimetypes
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .images import ImageError

# Frames per second that are played if a file names none that can be.
USUAL_RATE = 25.0
RATES = (0.1, 1000.0)
# No file has more frames; some say so all the same, or a negative number.
MAX_FRAMES = 10**8


@dataclass(frozen=True)
class Video:
    """A file of frames, or a camera.

    Attributes:
        name (str): Of its pictures and in its results.
        source (str | int): The file, or the number of the camera.
    """

    name: str
    source: str | int

    def frames(self) -> Iterator[np.ndarray]:
        """The frames (H, W, 3) uint8, BGR, turned as the camera was held."""
        return read_frames(self._open())

    def facts(self) -> tuple[float, int | None]:
        """Frames per second, and their number if the file says it."""
        return read_facts(self._open())

    def _open(self) -> cv2.VideoCapture:
        video = open_video(self.source)
        if not video.isOpened():
            what = 'Camera' if isinstance(self.source, int) else 'Video'
            raise ImageError(
                f'{what} {self.source} cannot be opened. Check that it is there and '
                'that nothing else uses it.'
            )
        return video


def open_video(source: str | int) -> cv2.VideoCapture:
    """Open a file or camera, whose frames come turned as the camera was held."""
    video = cv2.VideoCapture(source)
    # Phones store frames lying, with a flag. Some builds of OpenCV heed it only then.
    video.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return video


def read_frames(video: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """Yield the frames (H, W, 3) uint8, BGR, and release the video at the end."""
    try:
        while True:
            found, frame = video.read()
            if not found:
                return
            yield frame
    finally:
        video.release()


def read_facts(video: cv2.VideoCapture) -> tuple[float, int | None]:
    """Frames per second, and their number if the file says it; releases the video."""
    rate = video.get(cv2.CAP_PROP_FPS)
    count = video.get(cv2.CAP_PROP_FRAME_COUNT)
    video.release()
    # Not a number fails the comparison too.
    rate = rate if RATES[0] <= rate <= RATES[1] else USUAL_RATE
    return rate, int(count) if 1 <= count <= MAX_FRAMES else None


def is_video(path: Path) -> bool:
    """Whether a file is a video by its name and has a frame that OpenCV can read."""
    kind, _ = mimetypes.guess_type(path.name)
    if not (kind or '').startswith('video') or not path.stat().st_size:
        return False
    video = open_video(str(path))
    readable = video.isOpened() and video.grab()
    video.release()
    return readable


def find_sources(
    inputs: list[str],
) -> tuple[list[Path], list[Video], list[Path]]:
    """Sort what the command line names.

    Args:
        inputs (list[str]): Files, folders (of which the files count, not those of
            folders within) and numbers of cameras.

    Returns:
        tuple: Images, videos and cameras, and files of folders that are neither.

    Raises:
        FileNotFoundError: If a file or folder does not exist.
        ImageError: If a file that is named is neither, or a folder holds none.
    """
    images: list[Path] = []
    videos: list[Video] = []
    others: list[Path] = []
    for text in inputs:
        path = Path(text)
        if text.isdecimal() and not path.exists():
            videos.append(Video(f'camera_{text}', int(text)))
        elif path.is_dir():
            files = sorted(file for file in path.iterdir() if file.is_file())
            before = len(images) + len(videos)
            for file in files:
                if not _sort(file, images, videos):
                    others.append(file)
            if len(images) + len(videos) == before:
                raise ImageError(f'{path} is a folder without images and videos.')
        elif not path.is_file():
            raise FileNotFoundError(f'{path} does not exist.')
        elif not _sort(path, images, videos):
            raise ImageError(
                f'{path} is neither an image nor a video that OpenCV can read: of '
                'another type, empty or damaged.'
            )
    return images, videos, others


def _sort(path: Path, images: list[Path], videos: list[Video]) -> bool:
    # Images by content, for names may lack a suffix or have a wrong one.
    if cv2.haveImageReader(str(path)):
        images.append(path)
        return True
    if not is_video(path):
        return False
    videos.append(Video(path.name, str(path)))
    return True


class VideoWriter:
    """An MP4 file, written frame by frame; browsers play it if there is ffmpeg.

    Args:
        path (Path): Where to.
        rate (float): Frames per second.

    Attributes:
        plays_in_browsers (bool): Whether it is H.264: written by the program ffmpeg
            where there is one, else by OpenCV, whose MPEG-4 browsers do not play.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, rate
        self._size = self._process = self._writer = None
        self._ffmpeg = shutil.which('ffmpeg')
        self.plays_in_browsers = self._ffmpeg is not None

    def write(self, frame: np.ndarray) -> None:
        """Add a frame (H, W, 3) uint8, BGR; the first one sets the size.

        Raises:
            OSError: If the file cannot be written.
        """
        # H.264 takes even sides only.
        frame = frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]
        size = (frame.shape[1], frame.shape[0])
        if self._size is None:
            self._size = size
            self._start(size)
        if size != self._size:
            frame = cv2.resize(frame, self._size)
        if self._process is None:
            self._writer.write(np.ascontiguousarray(frame))
            return
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).tobytes())
        except BrokenPipeError:
            self.close()

    def _start(self, size: tuple[int, int]) -> None:
        if self._ffmpeg:
            shape = f'{size[0]}x{size[1]}'
            raw = ['-f', 'rawvideo', '-pix_fmt', 'bgr24', '-s', shape]
            coded = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p']
            self._process = subprocess.Popen(
                [
                    *(self._ffmpeg, '-y', '-loglevel', 'error', *raw),
                    *('-r', f'{self._rate:g}', '-i', '-', *coded),
                    *('-movflags', '+faststart', str(self._path)),
                ],
                stdin=subprocess.PIPE,
            )
            return
        code = cv2.VideoWriter_fourcc(*'mp4v')
        self._writer = cv2.VideoWriter(str(self._path), code, self._rate, size)
        if not self._writer.isOpened():
            raise OSError(f'{self._path} cannot be written as a video.')

    def close(self) -> None:
        """Finish the file.

        Raises:
            OSError: If ffmpeg could not write it.
        """
        if self._writer is not None:
            self._writer.release()
        if self._process is None:
            return
        process, self._process = self._process, None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        if process.wait():
            raise OSError(f'ffmpeg could not write {self._path}; see above.')
