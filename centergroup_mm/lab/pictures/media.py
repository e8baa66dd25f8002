# SPDX-License-Identifier: Apache-2.0
"""Images and videos on the command line: what they are, reading, writing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ...runtime.media import is_video, open_video, read_facts, read_frames


@dataclass(frozen=True)
class Source:
    """An image or a video.

    Attributes:
        path (Path): The file.
        is_video (bool): Whether it has many frames.
        num_frames (int): 1 for an image; what the file says for a video.
    """

    path: Path
    is_video: bool = False
    num_frames: int = 1

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames (H, W, 3) uint8, BGR, turned as the camera was held.

        Raises:
            ValueError: If the file is damaged.
        """
        if not self.is_video:
            image = cv2.imread(str(self.path), cv2.IMREAD_COLOR)
            if image is None:
                raise ValueError(f'{self.path} cannot be read as an image: damaged?')
            yield image
            return
        yield from read_frames(open_video(str(self.path)))

    def frames_per_second(self) -> float:
        """Of a video, on average if it changes; 25 if the file says nothing usable."""
        rate, _ = read_facts(open_video(str(self.path)))
        return rate


def find_sources(inputs: Sequence[Path]) -> tuple[list[Source], list[Path]]:
    """Images and videos among files and in folders (not below them).

    Args:
        inputs (Sequence[Path]): Files and folders.

    Returns:
        tuple: The sources, and files of the folders that are neither.

    Raises:
        FileNotFoundError: If a file or folder does not exist.
        ValueError: If a file that is named is neither, or there is none in a folder.
    """
    sources, others = [], []
    for path in inputs:
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.is_file())
            found = [_source(file) for file in files]
            others += [f for f, source in zip(files, found, strict=True) if not source]
            if not any(found):
                raise ValueError(f'{path} is a folder without images and videos.')
            sources += [source for source in found if source]
        elif not path.exists():
            raise FileNotFoundError(f'{path} does not exist.')
        elif source := _source(path):
            sources.append(source)
        else:
            raise ValueError(
                f'{path} is neither an image nor a video that OpenCV can read.'
            )
    return sources, others


def _source(path: Path) -> Source | None:
    # By content: names may lack a suffix or have a wrong one.
    if cv2.haveImageReader(str(path)):
        return Source(path)
    if not is_video(path):
        return None
    _, count = read_facts(open_video(str(path)))
    return Source(path, True, count or 1)


class VideoFile:
    """An MP4 file, written frame by frame; the first one sets the size.

    Args:
        path (Path): Where to.
        rate (float): Frames per second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, rate
        self._writer = self._size = None

    def write(self, frame: np.ndarray) -> None:
        """Add a frame (H, W, 3) uint8, BGR, of even sides.

        Raises:
            OSError: If the file cannot be written.
            ValueError: If the frame has another size than the first.
        """
        size = frame.shape[1::-1]
        if self._writer is None:
            code = cv2.VideoWriter_fourcc(*'mp4v')
            self._writer = cv2.VideoWriter(str(self._path), code, self._rate, size)
            self._size = size
            if not self._writer.isOpened():
                raise OSError(f'{self._path} cannot be written as a video.')
        if size != self._size:
            # OpenCV would leave it out without a word.
            raise ValueError(
                f'{self._path}: a frame of {size[0]} x {size[1]} pixels after frames '
                f'of {self._size[0]} x {self._size[1]}; a video has one size.'
            )
        self._writer.write(frame)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()
