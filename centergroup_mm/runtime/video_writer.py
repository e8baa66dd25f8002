# SPDX-License-Identifier: Apache-2.0
"""Videos that are written frame by frame."""

import contextlib
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np


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
        self._size: tuple[int, int] | None = None
        self._process: subprocess.Popen | None = None
        self._writer: cv2.VideoWriter | None = None
        self._ffmpeg = shutil.which('ffmpeg')
        self.plays_in_browsers = self._ffmpeg is not None

    def write(self, frame: np.ndarray) -> None:
        """Add a frame (H, W, 3) uint8, BGR; the first one sets the size.

        A frame of another size is brought to it: a film or camera that changes its
        size half-way loses no frame, which OpenCV would leave out without a word.

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
        if self._writer is not None:
            self._writer.write(np.ascontiguousarray(frame))
            return
        # Started with the first frame, with a pipe.
        assert self._process and self._process.stdin
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).tobytes())
        except BrokenPipeError:
            self.close()
            raise OSError(
                f'ffmpeg ended before all frames of {self._path} were written.'
            ) from None

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
                # Ctrl-C ends a camera, and is not for the program that writes it.
                start_new_session=True,
            )
            return
        code = cv2.VideoWriter.fourcc(*'mp4v')
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
        assert process.stdin
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        if process.wait():
            raise OSError(f'ffmpeg could not write {self._path}; see above.')
