# SPDX-License-Identifier: Apache-2.0
"""The command ``centergroup``, where there is no torch."""

import json

import cv2
import numpy as np
import onnx
import pytest

from centergroup_mm.coco import object_keypoint_similarity
from centergroup_mm.lab.crowd import CrowdSpec, make_image
from centergroup_mm.runtime import DEMO_MODEL, PoseModel
from centergroup_mm.runtime.video_writer import VideoWriter

from .test_runtime import picture


@pytest.fixture
def command(run_light):
    def run(*arguments, check=True):
        return run_light(['-m', 'centergroup_mm.command', *arguments], check)

    return run


@pytest.fixture
def folder(tmp_path):
    """Three images of other sizes, a damaged one and a text."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    for number, size in enumerate([(200, 160), (90, 240), (200, 160)]):
        cv2.imwrite(str(folder / f'{number}.png'), picture(size, number))
    content = (folder / '0.png').read_bytes()
    (folder / '3.png').write_bytes(content[: len(content) // 2])
    (folder / 'notes.txt').write_text('hello')
    return folder


def test_a_folder_becomes_poses_and_pictures(command, folder, tiny, tmp_path):
    done = command('predict', tiny.file, folder, '--out', 'out', check=False)
    # One image was damaged; the others are done all the same.
    assert done.returncode == 1
    assert '3.png is cut off' in done.stderr
    assert 'notes.txt' in done.stderr
    out = tmp_path / 'out'
    assert {path.name for path in out.iterdir()} == {
        *('poses.json', 'images.json', '0.png', '1.png', '2.png')
    }
    images = json.loads((out / 'images.json').read_text())
    assert [(i['id'], i['width'], i['height']) for i in images] == [
        *((0, 200, 160), (1, 90, 240), (2, 200, 160))
    ]
    poses = json.loads((out / 'poses.json').read_text())
    assert {pose['image_id'] for pose in poses} == {0, 1, 2}
    assert cv2.imread(str(out / '1.png')).shape == (240, 90, 3)


def test_a_video_becomes_a_video(command, tiny, tmp_path, monkeypatch):
    writer = VideoWriter(tmp_path / 'film.mp4', 10)
    for seed in range(4):
        writer.write(picture((160, 120), seed))
    writer.close()
    monkeypatch.setenv('PATH', '')
    done = command('predict', tiny.file, 'film.mp4', '--out', 'out', '--frames', '3')
    assert 'there is no ffmpeg on the PATH' in done.stderr
    images = json.loads((tmp_path / 'out' / 'images.json').read_text())
    assert [image['frame'] for image in images] == [0, 1, 2]
    video = cv2.VideoCapture(str(tmp_path / 'out' / 'film.mp4'))
    frames = [video.read() for _ in range(4)]
    assert [found for found, _ in frames] == [True, True, True, False]
    assert frames[0][1].shape == (120, 160, 3)


def test_info_is_for_people_and_programs(command, tiny):
    assert 'left_eye' in command('info', tiny.file).stdout
    said = json.loads(command('info', tiny.file, '--json').stdout)
    assert said['input_side'] == 192


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['predict', 'MODEL', 'nothing.jpg', '--out', 'out'], 'nothing.jpg'),
        (['predict', 'MODEL', '97', '--out', 'out'], 'Camera 97'),
        (['predict', 'nothing.onnx', 'x.png', '--out', 'out'], 'nothing.onnx'),
        (['info', 'x.png'], 'cannot be read'),
        (['predict', 'MODEL', 'text.txt', '--out', 'out'], 'text.txt'),
    ],
)
def test_what_is_wrong_is_told_in_a_line(arguments, message, command, tiny, tmp_path):
    cv2.imwrite(str(tmp_path / 'x.png'), picture((200, 160)))
    (tmp_path / 'text.txt').write_text('hello')
    arguments = [tiny.file if a == 'MODEL' else a for a in arguments]
    done = command(*arguments, check=False)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['demo', '', '--out', 'out'], 'an empty text names no file'),
        (['demo', 'x.png', '--out', 'text.txt'], 'text.txt is a file, no folder'),
    ],
)
def test_a_wrong_argument_is_told(arguments, message, command, tmp_path):
    (tmp_path / 'text.txt').write_text('hello')
    done = command('predict', *arguments, check=False)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert (tmp_path / 'text.txt').read_text() == 'hello'


def test_what_to_install_is_told(run_without):
    arguments = ['-m', 'centergroup_mm.command', 'demo']
    absent = {'cv2', 'torch', 'mmengine', 'mmcv', 'mmdet', 'mmpose'}
    done = run_without(absent, arguments, check=False)
    assert done.returncode == 1
    assert 'pip install "centergroup_mm[runtime]"' in done.stderr.splitlines()[-1]
    assert 'Traceback' not in done.stderr


@pytest.fixture
def bad_files(tiny, tmp_path):
    """Images and models with which nothing can be done, by name."""
    thin = picture((40, 4000))[:, :1]
    whole = cv2.imencode('.jpg', picture((200, 160)))[1].tobytes()
    files = {
        'thin.png': cv2.imencode('.png', thin)[1].tobytes(),
        'cut.jpg': whole[: len(whole) // 2],
        # Begins and ends as it should.
        'damaged.jpg': whole[:20] + b'\0' * 500 + whole[-2:],
        # A PNG says its size in bytes 16 to 24.
        'nothing.png': cv2.imencode('.png', thin)[1].tobytes(),
        'cut.onnx': tiny.file.read_bytes()[: tiny.file.stat().st_size // 2],
        'image.onnx': whole,
        'empty.onnx': b'',
    }
    header = files['nothing.png']
    files['nothing.png'] = header[:16] + b'\0' * 8 + header[24:]
    for name, change in (
        ('other.onnx', {'key': 'other'}),
        ('version.onnx', {'value': json.dumps({'format': 99, 'version': '9.9'})}),
    ):
        proto = onnx.load(tiny.file)
        for field, value in change.items():
            setattr(proto.metadata_props[0], field, value)
        files[name] = proto.SerializeToString()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('thin.png', 'of 1 x 4000 pixels'),
        ('cut.jpg', 'is cut off'),
        ('damaged.jpg', 'cannot be read as an image'),
        ('nothing.png', 'cannot be read as an image'),
    ],
)
def test_a_bad_image_is_a_line(name, message, command, bad_files, tiny):
    done = command('predict', tiny.file, name, '--out', 'out', check=False)
    assert done.returncode == 1
    # OpenCV's JPEG library adds remarks of its own.
    lines = done.stderr.splitlines()
    (line,) = (line for line in lines if line.startswith('centergroup: '))
    assert line == lines[-1]
    assert name in line
    assert message in line


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('cut.onnx', 'cannot be read as an ONNX model'),
        ('image.onnx', 'cannot be read as an ONNX model'),
        ('empty.onnx', 'cannot be read as an ONNX model'),
        ('other.onnx', 'is an ONNX model of something else'),
        ('version.onnx', "written by centergroup_mm '9.9'"),
    ],
)
def test_a_bad_model_is_a_line(name, message, command, bad_files):
    done = command('info', name, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert name in line
    assert message in line


def test_pictures_of_one_name_do_not_replace_each_other(command, tiny, tmp_path):
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / 'x.png'), picture((200, 160)))
    command('predict', tiny.file, 'a', 'b', '--out', 'out')
    assert {path.name for path in (tmp_path / 'out').glob('*.png')} == {
        *('x.png', 'x_2.png')
    }


def test_the_demonstration_runs(command, tmp_path):
    done = command('demo', '--out', 'crowd.png', '--number', '3')
    assert 'that knows drawn people only' in done.stdout
    assert cv2.imread(str(tmp_path / 'crowd.png')).shape == (768, 768, 3)
    done = command('demo', '--out', 'crowd.txt', check=False)
    assert done.returncode == 1
    assert 'is no picture' in done.stderr


def test_the_packaged_model_has_a_name(command):
    done = command('info', 'demo', '--json')
    assert 'drawn people only' in done.stderr
    assert json.loads(done.stdout)['license_of_weights'] == 'Apache-2.0'


def test_the_packaged_model_finds_drawn_people():
    model = PoseModel(DEMO_MODEL, threads=1)
    spec, found, people = CrowdSpec(), 0, 0
    for number in range(20):
        image, annotations, _ = make_image(spec, 'val', number)
        drawn = [a for a in annotations if a['num_keypoints']]
        truth = np.array([a['keypoints'] for a in drawn], float).reshape(-1, 17, 3)
        areas = np.array([a['area'] for a in drawn], float)
        sigmas = np.array(model.description.sigmas)
        poses = model(image, 0.3)
        similarity = object_keypoint_similarity(
            poses.keypoints, truth[..., :2], truth[..., 2] > 0, areas, sigmas
        )
        found += (similarity.max(0, initial=0) >= 0.5).sum()
        people += len(drawn)
    assert people >= 60
    assert found >= 0.6 * people


def test_the_packaged_model_tells_nothing_of_a_machine():
    content = DEMO_MODEL.read_bytes()
    assert len(content) < 4.3e6
    assert b'.py"' not in content
    assert b'site-packages' not in content
    card = (DEMO_MODEL.parent / 'README.md').read_text()
    assert 'drawn people only' in card
