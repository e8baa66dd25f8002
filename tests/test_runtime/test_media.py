# SPDX-License-Identifier: Apache-2.0
"""Videos as phones and tools write them: what their container says is heeded."""

import struct

import cv2
import numpy as np
import pytest

from centergroup_mm.runtime import ImageError
from centergroup_mm.runtime.media import USUAL_RATE, Source, find_sources

WIDTH, HEIGHT = 96, 64
# Where the fields of two MPEG-4 boxes stand, counted from the box's name.
MATRIX, TIME_SCALE = 44, 16


@pytest.fixture
def write_video(tmp_path):
    """Write an MP4 of three frames, bright above and dark below; its path."""

    def make(name='film.mp4', size=(WIDTH, HEIGHT), rate=10):
        path = tmp_path / name
        frame = np.zeros((size[1], size[0], 3), np.uint8)
        frame[: size[1] // 2] = 255
        code = cv2.VideoWriter_fourcc(*'mp4v')
        video = cv2.VideoWriter(str(path), code, rate, size)
        for _ in range(3):
            video.write(frame)
        video.release()
        return path

    return make


def patch(path, box, offset, values):
    """Overwrite integers of 32 bits in the first box of that name."""
    content = bytearray(path.read_bytes())
    start = content.index(box) + offset
    struct.pack_into(f'>{len(values)}i', content, start, *values)
    path.write_bytes(content)


def turn(path, cosine, sine):
    """Flag the frames as turned, as a phone does that is held upright."""
    one = 1 << 16
    matrix = (cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 1 << 30)
    patch(path, b'tkhd', MATRIX, matrix)


# Clockwise by: cosine and sine, and where the bright half is then.
TURNS = {
    0: ((1, 0), 'top'),
    90: ((0, 1), 'right'),
    180: ((-1, 0), 'bottom'),
    270: ((0, -1), 'left'),
}
BRIGHT = {
    'top': np.s_[:24],
    'bottom': np.s_[-24:],
    'left': np.s_[:, :24],
    'right': np.s_[:, -24:],
}


@pytest.mark.parametrize('angle', TURNS)
def test_frames_are_turned_by_the_flag(write_video, angle):
    path = write_video()
    direction, bright = TURNS[angle]
    turn(path, *direction)
    (source,), _ = find_sources([path])
    frames = list(source.frames())
    size = (WIDTH, HEIGHT) if angle in (90, 270) else (HEIGHT, WIDTH)
    assert [frame.shape for frame in frames] == [(*size, 3)] * 3
    for side, region in BRIGHT.items():
        # The halves that are neither are half bright.
        assert (frames[0][region].mean() > 200) == (side == bright)


def test_a_video_of_a_phone(test_data):
    path = test_data / 'cases' / 'turned_by_90.mp4'
    if not path.is_file():
        pytest.skip('the test data have no cases/turned_by_90.mp4')
    (source,), _ = find_sources([path])
    assert [frame.shape for frame in source.frames()] == [(160, 128, 3)] * 3


@pytest.mark.parametrize('rate', [0.5, 29.97, 240])
def test_rates_are_kept(write_video, rate):
    (source,), _ = find_sources([write_video(rate=rate)])
    found, count = source.facts()
    assert found == pytest.approx(rate)
    assert count == 3


def test_a_rate_that_nobody_can_play(write_video):
    path = write_video()
    # Three frames within some microseconds.
    patch(path, b'mdhd', TIME_SCALE, [10240 * 100_000])
    (source,), _ = find_sources([path])
    assert source.facts()[0] == USUAL_RATE


def test_half_a_video_is_none(write_video):
    path = write_video()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r'film\.mp4 is neither an image nor a video'):
        find_sources([path])


@pytest.fixture
def write_image(tmp_path):
    def make(name):
        path = tmp_path / name
        path.write_bytes(cv2.imencode('.png', np.zeros((20, 30, 3), np.uint8))[1])
        return path

    return make


def test_an_image_is_known_by_its_content(write_image):
    path = write_image('without_suffix')
    (source,), others = find_sources([path])
    assert (source, others) == (Source(path), [])
    (frame,) = source.frames()
    assert frame.shape == (20, 30, 3)


def test_sources_keep_their_order(write_video, write_image, tmp_path):
    # In a folder by name, whatever they are.
    inside = [write_image('a'), write_video('b.mp4'), write_image('c')]
    (tmp_path / 'd').write_text('hello')
    sources, others = find_sources([tmp_path, inside[1], inside[0]])
    assert [s.path for s in sources] == [*inside, inside[1], inside[0]]
    assert [s.is_video for s in sources] == [False, True, False, True, False]
    assert others == [tmp_path / 'd']


def test_a_folder_without_any_is_told(tmp_path):
    (tmp_path / 'd').write_text('hello')
    with pytest.raises(ImageError, match='folder without images'):
        find_sources([tmp_path])


def test_a_camera_that_is_not_there_is_told():
    camera = Source.of_camera(97)
    with pytest.raises(ImageError, match='Camera 97 cannot be opened'):
        camera.facts()
    with pytest.raises(ImageError, match='Camera 97 cannot be opened'):
        next(camera.frames())
