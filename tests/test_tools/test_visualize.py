# SPDX-License-Identifier: Apache-2.0
"""Pictures from the command line, of models that have learned nothing."""

import re
import signal

import cv2
import numpy as np
import pytest

from centergroup_mm.coco import People
from centergroup_mm.lab.pictures import SHOWN
from centergroup_mm.lab.pictures.methods import NumberedPeople, number_people

from .loading import load_tool

visualize = load_tool('visualize')


@pytest.fixture(autouse=True)
def keep_signals():
    """The tool sets a handler for the process that runs these tests."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope='module')
def models(repo_root, tmp_path_factory, save_random_weights):
    """Arguments of --model for CenterGroup and HigherHRNet with random weights."""
    folder = tmp_path_factory.mktemp('checkpoints')
    arguments = {}
    for name in ('centergroup_tiny', 'higherhrnet_tiny'):
        config = repo_root / 'configs' / f'{name}.py'
        path = save_random_weights(config, folder / f'{name}.pth')
        arguments[name] = [str(config), str(path)]
    return arguments


@pytest.fixture(scope='module')
def noise():
    return np.random.default_rng(0).integers(0, 256, (128, 192, 3), np.uint8)


@pytest.fixture
def run(models):
    """Run the tool with CenterGroup on the CPU; returns its exit code."""

    def make(*arguments, model='centergroup_tiny'):
        command = ['--model', 'tiny', *models[model], '--device', 'cpu']
        options = ['--score-thr', '0', '--keypoint-thr', '0']
        return visualize.main([*map(str, arguments), *command, *options])

    return make


def columns(picture) -> int:
    """How many of the tool's tiles, 640 wide with small gaps, a picture has."""
    return round(picture.shape[1] / 645)


def test_methods_and_layers_are_columns(run, models, noise, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'noise.png'), noise)
    out = tmp_path / 'new' / 'picture.png'
    other = ['--model', 'HigherHRNet', *models['higherhrnet_tiny']]
    show = ['--show', 'poses', '--show', 'candidates', 'pairs', 'centers']
    show += ['--show', 'heatmaps', '--show', 'attention', 'runner-ups']
    code = run(tmp_path / 'noise.png', '--out', out, *other, *show, '--person', 1)
    assert code == 0
    assert str(out) in capsys.readouterr().out
    picture = cv2.imread(str(out))
    # All four of CenterGroup; poses and heatmaps of HigherHRNet.
    assert columns(picture) == 6
    enlarged = cv2.resize(noise, (640, 427), interpolation=cv2.INTER_CUBIC)
    tiles = [picture[-428:-1, 645 * i : 645 * i + 640] for i in range(6)]
    for tile in tiles:
        assert (tile != enlarged).any()
        assert all((tile != other).any() for other in tiles if other is not tile)


def test_by_default_poses_and_what_explains_them(run, noise, tmp_path):
    path = tmp_path / 'noise.png'
    cv2.imwrite(str(path), noise)
    for model, expected in (('centergroup_tiny', 2), ('higherhrnet_tiny', 1)):
        out = tmp_path / f'{model}.png'
        assert run(path, '--out', out, model=model) == 0
        assert columns(cv2.imread(str(out))) == expected


def test_a_folder_of_anything(run, noise, tmp_path, capsys):
    folder = tmp_path / 'in'
    folder.mkdir()
    cv2.imwrite(str(folder / 'a.png'), noise)
    cv2.imwrite(str(folder / 'a.jpg'), noise[..., 0])
    # No suffix, but an image.
    (folder / 'a.png').with_name('b').write_bytes((folder / 'a.png').read_bytes())
    (folder / 'README').write_text('not an image')
    (folder / 'broken.jpg').write_bytes(b'')
    video = cv2.VideoWriter(
        str(folder / 'film.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (192, 128)
    )
    for shift in range(3):
        video.write(np.roll(noise, 8 * shift, 1))
    video.release()

    assert run(folder, '--out', tmp_path / 'out', '--show', 'poses') == 0

    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert names == ['a.png', 'a_1.png', 'b.png', 'film.mp4']
    errors = capsys.readouterr().err
    assert 'left out' in errors
    assert 'README' in errors and 'broken.jpg' in errors
    video = cv2.VideoCapture(str(tmp_path / 'out' / 'film.mp4'))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert video.get(cv2.CAP_PROP_FPS) == 10


def test_a_video_that_is_cut_short(run, noise, tmp_path, capsys):
    path = tmp_path / 'film.avi'
    video = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, noise.shape[1::-1]
    )
    for shift in range(6):
        video.write(np.roll(noise, 8 * shift, 1))
    video.release()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert run(path, '--out', tmp_path / 'out', '--show', 'poses') == 0
    error = capsys.readouterr().err
    frames = int(re.search(r'film\.avi holds (\d) frames, though it says 6', error)[1])
    drawn = cv2.VideoCapture(str(tmp_path / 'out' / 'film.mp4'))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == frames < 6


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['none.png', '--out', 'o.png'], 'none.png does not exist'),
        (['note.txt', '--out', 'o.png'], 'note.txt is neither'),
        (['empty', '--out', 'o'], 'empty is a folder without'),
        (['a.png', 'b.png', '--out', 'o.png'], 'name a folder'),
        (['a.png', '--out', 'o.mp4'], 'o.mp4'),
        (['a.png', '--out', 'a.png'], 'would replace'),
        (['a.png', 'b.png', '--out', '.'], 'would replace'),
        (['strip.png', '--out', 'o.png'], 'strip.png: An image of 640 x 1 pixels'),
    ],
)
def test_what_cannot_be_drawn_is_named(
    run, noise, tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    for name in ('a.png', 'b.png'):
        cv2.imwrite(name, noise)
    cv2.imwrite('strip.png', np.zeros((1, 640, 3), np.uint8))
    (tmp_path / 'note.txt').write_text('hello')
    (tmp_path / 'empty').mkdir()
    before = sorted(tmp_path.iterdir())
    assert run(*arguments) == 1
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_models_that_do_not_fit(run, models, noise, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'a.png'), noise)
    (tmp_path / 'empty.pth').touch()
    config, checkpoint = models['higherhrnet_tiny']
    for arguments, message in (
        (['--model', 'x', 'nothing', checkpoint], 'no config nothing'),
        (['--model', 'x', config, 'nothing.pth'], 'no checkpoint nothing.pth'),
        (['--model', 'x', 'centergroup_tiny', checkpoint], 'does not fit'),
        (['--model', 'x', config, f'{tmp_path}/a.png'], 'cannot be read as a check'),
        (['--model', 'x', config, f'{tmp_path}/empty.pth'], 'empty.pth is empty'),
        (['--model', 'x', config, checkpoint, '--show', 'pairs'], 'no attention'),
        (['--cfg-options', 'data_mode=topdown'], "data_mode='topdown'"),
    ):
        code = run(tmp_path / 'a.png', '--out', tmp_path / 'out.png', *arguments)
        assert code == 1
        assert message in capsys.readouterr().err


def test_what_can_be_shown_is_what_the_library_shows():
    assert set(visualize.SHOWN) == set(SHOWN)


def test_people_keep_their_numbers():
    def people(*places):
        keypoints = np.array(places, float).reshape(-1, 1, 2)
        return People(keypoints, np.full(keypoints.shape[:2], 2))

    first = people((0, 0), (50, 0), (90, 0))
    reference = NumberedPeople(first, number_people(first, None))
    assert reference.numbers == [0, 1, 2]
    # One has left, the others are found in another order.
    second = people((52, 1), (1, 1))
    reference = NumberedPeople(second, number_people(second, reference))
    assert reference.numbers == [1, 0]
    # A new one gets the smallest number that is free.
    third = people((200, 200), (0, 0), (50, 0))
    assert number_people(third, reference) == [2, 0, 1]
    # People of other types resemble nobody.
    other = People(np.zeros((1, 5, 2)), np.ones((1, 5)))
    assert number_people(other, reference) == [0]


@pytest.mark.parametrize(
    'arguments',
    [
        [],
        ['--show', 'all'],
        ['--out', 'o', '--fade', '2'],
        ['--out', 'o', '--cfg-options', 'data_mode'],
        ['--out', 'o', '--model', 'Größe', 'a.py', 'a.pth'],
    ],
)
def test_wrong_arguments(run, arguments):
    with pytest.raises(SystemExit) as ended:
        run('a.png', *arguments)
    assert ended.value.code == 2
