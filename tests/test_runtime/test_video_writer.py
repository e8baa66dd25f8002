# SPDX-License-Identifier: Apache-2.0
"""Videos are written whole, by OpenCV or by ffmpeg, or the error is told."""

import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from centergroup_mm.runtime.media import Source
from centergroup_mm.runtime.video_writer import VideoWriter


@pytest.fixture(params=['OpenCV', 'ffmpeg'])
def program(request, tmp_path, monkeypatch):
    """What writes the video: each is tried where it is."""
    if request.param == 'OpenCV':
        monkeypatch.setenv('PATH', str(tmp_path / 'nothing'))
    elif shutil.which('ffmpeg') is None:
        pytest.skip('needs ffmpeg on PATH: apt-get install ffmpeg')
    return request.param


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch):
    """Put a program of this shell script on PATH, by the name of ffmpeg."""

    def make(script):
        folder = tmp_path / 'bin'
        folder.mkdir()
        path = folder / 'ffmpeg'
        path.write_text(f'#!/bin/sh\n{script}\n')
        path.chmod(0o755)
        monkeypatch.setenv('PATH', str(folder), prepend=':')

    return make


def frame(width, height, brightness):
    return np.full((height, width, 3), brightness, np.uint8)


def test_frames_come_back(program, tmp_path):
    path = tmp_path / 'film.mp4'
    writer = VideoWriter(path, 12.5)
    # Odd sides lose a pixel.
    for brightness in (40, 120, 200):
        writer.write(frame(97, 65, brightness))
    writer.close()
    assert writer.plays_in_browsers == (program == 'ffmpeg')
    source = Source(path, True)
    assert source.facts() == (12.5, 3)
    frames = list(source.frames())
    assert [image.shape for image in frames] == [(64, 96, 3)] * 3
    assert [image.mean() for image in frames] == pytest.approx([40, 120, 200], abs=4)
    kind = bytes(path.read_bytes())
    assert (b'avc1' in kind) == (program == 'ffmpeg')


def test_frames_of_another_size_are_not_lost(program, tmp_path):
    path = tmp_path / 'film.mp4'
    writer = VideoWriter(path, 10)
    for width, brightness in ((96, 40), (64, 120), (128, 200)):
        writer.write(frame(width, 64, brightness))
    writer.close()
    frames = list(Source(path, True).frames())
    assert [image.shape for image in frames] == [(64, 96, 3)] * 3
    assert [image.mean() for image in frames] == pytest.approx([40, 120, 200], abs=4)


def test_a_video_of_no_frame_is_no_file(program, tmp_path):
    writer = VideoWriter(tmp_path / 'film.mp4', 10)
    writer.close()
    assert not (tmp_path / 'film.mp4').exists()


def write_many(path):
    """More than a pipe holds, so that its end is noticed."""
    writer = VideoWriter(path, 10)
    try:
        for _ in range(100):
            writer.write(frame(640, 480, 0))
    finally:
        writer.close()


def test_an_early_end_of_ffmpeg_is_told(fake_ffmpeg, tmp_path):
    fake_ffmpeg('exit 0')
    with pytest.raises(OSError, match=r'ended before all frames of .*film\.mp4'):
        write_many(tmp_path / 'film.mp4')


def test_a_failure_of_ffmpeg_is_told(fake_ffmpeg, tmp_path):
    fake_ffmpeg('cat >/dev/null; exit 1')
    with pytest.raises(OSError, match=r'could not write .*film\.mp4'):
        write_many(tmp_path / 'film.mp4')


def test_a_file_that_cannot_be_written_is_told(program, tmp_path):
    with pytest.raises(OSError, match=r'film\.mp4'):
        write_many(tmp_path / 'nowhere' / 'film.mp4')


# Stops itself as Ctrl-C in a terminal does: the signal goes to all of its group.
INTERRUPTED = """
import os, signal, sys
sys.modules['mmengine'] = None  # without the host this starts at once
import numpy as np
from pathlib import Path
from centergroup_mm.runtime.video_writer import VideoWriter

writer = VideoWriter(Path(sys.argv[1]), 10)
writer.write(np.zeros((64, 96, 3), np.uint8))
try:
    os.killpg(0, signal.SIGINT)
    signal.pause()
except KeyboardInterrupt:
    writer.write(np.zeros((64, 96, 3), np.uint8))
    writer.close()
    print('whole')
"""


def test_ctrl_c_is_not_for_ffmpeg(fake_ffmpeg, tmp_path):
    fake_ffmpeg('cat >/dev/null; echo done > "$0.log"')
    done = subprocess.run(
        [sys.executable, '-c', INTERRUPTED, str(tmp_path / 'film.mp4')],
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=120,
    )
    assert done.returncode != -signal.SIGINT
    assert done.stdout == 'whole\n', done.stderr
    assert (tmp_path / 'bin' / 'ffmpeg.log').is_file()
