# SPDX-License-Identifier: Apache-2.0
"""What ``centergroup`` writes, which files it leaves alone, and what it refuses."""

import json
import os

import cv2
import pytest

from centergroup_mm.command.command_line import main
from centergroup_mm.command.demo import show_demo
from centergroup_mm.command.prediction import Predictor
from centergroup_mm.runtime import DEMO_MODEL, PoseModel
from centergroup_mm.runtime.video_writer import VideoWriter

from .test_runtime import picture


@pytest.fixture(scope='module')
def model():
    return PoseModel(DEMO_MODEL, threads=1)


@pytest.fixture
def predict(tmp_path, monkeypatch):
    """Run ``centergroup predict demo`` in an empty folder; its exit code.

    In this process: ``test_command_line.py`` runs it where there is no torch.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return main(['predict', 'demo', *arguments, '--threads', '1'])

    return run


@pytest.fixture
def write_picture(tmp_path):
    """Write a picture at a path below ``tmp_path``; its content."""

    def write(name, seed=0):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), picture((90, 70), seed))
        return path.read_bytes()

    return write


@pytest.fixture
def write_film(tmp_path, monkeypatch):
    """Write a film at a path below ``tmp_path``, without ffmpeg; its content."""
    monkeypatch.setenv('PATH', '')

    def write(name, size=(96, 64), frames=3):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = VideoWriter(path, 10)
        for seed in range(frames):
            writer.write(picture(size, seed))
        writer.close()
        return path.read_bytes()

    return write


def test_the_demonstration_shows_one_crowd_by_default(model, tmp_path):
    show_demo(model, tmp_path / 'a.png')
    assert main(['demo', '--out', str(tmp_path / 'b.png')]) == 0
    assert (tmp_path / 'a.png').read_bytes() == (tmp_path / 'b.png').read_bytes()


def test_shards_below_their_images_are_no_images(predict, write_picture, tmp_path):
    names = {'a.png', 'poses/b.png'}
    for name in names:
        write_picture(f'images/{name}')
    for shard in ('1/2', '2/2', '1/2'):
        out = 'images/poses/of_demo'
        assert predict('images', '--out', out, '--shard', shard) == 0
    texts = [path.read_text() for path in (tmp_path / out).glob('*.jsonl')]
    rows = [json.loads(line) for text in texts for line in text.splitlines()]
    assert len(rows) == 2
    assert {row['file_name'] for row in rows if row['error'] is None} == names


@pytest.mark.parametrize('more', [[], ['--shard', '1/1']])
@pytest.mark.parametrize('out', ['images', 'images/../images'])
def test_a_source_is_no_folder_to_write_to(
    out, more, predict, write_picture, tmp_path, capsys
):
    content = write_picture('images/a.png')
    with pytest.raises(SystemExit) as stop:
        predict('images', '--out', out, *more)
    assert stop.value.code == 2
    assert 'is a source too' in capsys.readouterr().err.splitlines()[-1]
    (path,) = (tmp_path / 'images').iterdir()
    assert path.read_bytes() == content


def test_poses_alone_may_be_written_beside_images(predict, write_picture, tmp_path):
    write_picture('images/a.png')
    for _ in range(2):
        assert predict('images', '--out', 'images', '--no-pictures') == 0
    (image,) = json.loads((tmp_path / 'images' / 'images.json').read_text())
    assert image['file_name'] == 'images/a.png'


@pytest.mark.parametrize(
    'option', [['--frames', '3'], ['--keypoint-thr', '0.3'], ['--no-pictures']]
)
def test_a_shard_ignores_no_option(option, predict, write_picture, tmp_path, capsys):
    write_picture('images/a.png')
    with pytest.raises(SystemExit) as stop:
        predict('images', '--out', 'out', '--shard', '1/1', *option)
    assert stop.value.code == 2
    assert f'{option[0]} does not go with --shard' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_nothing_is_written_over_a_source(predict, write_picture, write_film, tmp_path):
    sources = {
        'a.png': write_picture('a.png'),
        'more/a.png': write_picture('more/a.png', 1),
        # That of "more" would be written first, over one that is read later.
        'more/film.mp4': write_film('more/film.mp4', frames=2),
        'film.mp4': write_film('film.mp4'),
    }
    # Not a source, and it has the name of a picture that is numbered.
    (tmp_path / 'a_2.png').write_bytes(sources['a.png'])
    sources['a_2.png'] = sources['a.png']
    for numbers in ((3, 4), (5, 6)):
        assert predict('more', 'a.png', 'film.mp4', '--out', '.') == 0
        assert {name: (tmp_path / name).read_bytes() for name in sources} == sources
        drawn = {f'a_{number}.png' for number in numbers}
        drawn |= {f'film_{number - 1}.mp4' for number in numbers}
        assert drawn <= {path.name for path in tmp_path.iterdir()}
    images = json.loads((tmp_path / 'images.json').read_text())
    assert [i['frame'] for i in images if 'frame' in i] == [0, 1, 0, 1, 2]


@pytest.mark.parametrize('link', [os.symlink, os.link])
def test_nothing_is_written_through_a_link(link, predict, write_film, tmp_path):
    content = write_film('film.mp4')
    (tmp_path / 'out').mkdir()
    link(tmp_path / 'film.mp4', tmp_path / 'out' / 'film.mp4')
    assert predict('film.mp4', '--out', 'out') == 0
    assert (tmp_path / 'film.mp4').read_bytes() == content
    assert (tmp_path / 'out' / 'film_2.mp4').is_file()


def test_pictures_of_a_former_run_are_replaced(predict, write_picture, tmp_path):
    write_picture('a.png')
    for _ in range(2):
        assert predict('a.png', '--out', 'out') == 0
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {
        *('a.png', 'poses.json', 'images.json')
    }


def test_an_image_id_is_of_one_image(predict, write_picture, write_film, tmp_path):
    for name in ('000000.png', '000001.png', '000007.png', 'more/a.png', 'more/2.png'):
        write_picture(name)
    write_film('a.mp4')
    write_film('b.mp4', frames=2)

    (tmp_path / '000009.png').write_bytes(write_picture('000009.png')[:-20])

    def ids(*sources, code=0):
        assert predict(*sources, '--out', 'out') == code
        images = json.loads((tmp_path / 'out' / 'images.json').read_text())
        return [image['id'] for image in images]

    numbered = ('000000.png', '000007.png', '000001.png')
    # Frames are counted on from the highest number, and from 0 where there is none.
    assert ids(*numbered, 'a.mp4', 'b.mp4') == [0, 7, 1, 8, 9, 10, 11, 12]
    assert ids('000001.png', 'a.mp4') == [1, 2, 3, 4]
    # That of a damaged image is not given to another.
    assert ids('000001.png', '000009.png', 'b.mp4', code=1) == [1, 10, 11]
    assert ids('more', 'b.mp4') == [0, 1, 2, 3]
    assert ids('a.mp4', 'b.mp4') == [0, 1, 2, 3, 4]


def test_images_that_come_later_have_ids_of_their_own(model, write_picture, tmp_path):
    for name in ('a.png', '1.png', '0.png', '9.png'):
        write_picture(name)
    predictor = Predictor(model, [], tmp_path / 'out', draw=False)
    for names in (['a.png', '9.png'], ['1.png', '0.png'], ['9.png']):
        predictor.add_images([tmp_path / name for name in names])
    # Numbers that are in use are given up.
    assert [image['id'] for image in predictor.images] == [0, 1, 2, 3, 9]


def test_bad_films_and_cameras_stop_nothing(
    predict, write_picture, write_film, tmp_path, capsys
):
    (tmp_path / 'cut.png').write_bytes(write_picture('cut.png')[:-20])
    write_picture('a.png')
    write_film('films/1_thin.mp4', (16, 1600))
    write_film('films/2.mp4')
    assert predict('cut.png', 'a.png', 'films', '97', '98', '--out', 'out') == 1
    told = capsys.readouterr().err.splitlines()
    bad = ('cut.png is cut off', '1_thin.mp4 of 16 x 1600', 'Camera 97', 'Camera 98')
    for line, part in zip(told[-4:], bad, strict=True):
        assert line.startswith('centergroup: ')
        assert part in line
    images = json.loads((tmp_path / 'out' / 'images.json').read_text())
    assert [(i['file_name'], i.get('frame')) for i in images] == [
        *(('a.png', None), ('2.mp4', 0), ('2.mp4', 1), ('2.mp4', 2))
    ]
    drawn = {path.name for path in (tmp_path / 'out').iterdir()}
    assert drawn == {'a.png', '2.mp4', 'poses.json', 'images.json'}


def test_bad_files_are_told_where_nothing_can_be_written(
    predict, write_picture, write_film, tmp_path, capsys
):
    (tmp_path / 'cut.png').write_bytes(write_picture('cut.png')[:-20])
    write_film('film.mp4')
    (tmp_path / 'out' / 'film.mp4').mkdir(parents=True)
    assert predict('cut.png', 'film.mp4', '--out', 'out') == 1
    told = capsys.readouterr().err.splitlines()
    assert 'cut.png is cut off' in told[-2]
    assert 'film.mp4 cannot be written' in told[-1]


def test_damaged_films_are_told_whether_named_or_in_a_folder(
    predict, write_film, tmp_path, capsys
):
    write_film('films/whole.mp4')
    # What says where the frames are stands at the end.
    content = write_film('films/a.mp4')
    for name in ('films/a.mp4', 'b.mp4'):
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    (tmp_path / 'films' / 'notes.txt').write_text('hello')
    damaged = (tmp_path / 'b.mp4').read_bytes()
    write_film('films/b.mp4')
    assert predict('b.mp4', 'films', '--out', '.') == 1
    assert (tmp_path / 'b.mp4').read_bytes() == damaged
    told = capsys.readouterr().err
    for name in ('b.mp4', 'films/a.mp4'):
        assert f'Video {name} cannot be read' in told
    assert '1 files that are neither image nor video were passed over: notes' in told
    images = json.loads((tmp_path / 'images.json').read_text())
    assert [image['file_name'] for image in images] == [
        *(3 * ['b.mp4'] + 3 * ['whole.mp4'])
    ]
