# SPDX-License-Identifier: Apache-2.0
"""Very many images: each file has one line, whoever is killed and whatever is bad."""

import json
import shutil
import sys

import cv2
import pytest

from centergroup_mm.command import shards
from centergroup_mm.command.image_files import CHUNK
from centergroup_mm.command.shards import Shard, list_files, predict_shard
from centergroup_mm.folder_lock import FolderLock
from centergroup_mm.runtime import PoseModel

from .test_runtime import picture

# More than are read at a time, so that there is a middle.
NUMBER = 2 * CHUNK + 3


@pytest.fixture(scope='module')
def model(tiny):
    return PoseModel(tiny.file, threads=1)


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """A folder with images, one of them damaged, a text, and images below."""
    folder = tmp_path_factory.mktemp('images')
    (folder / 'below').mkdir()
    content = cv2.imencode('.png', picture((90, 70)))[1].tobytes()
    for number in range(NUMBER - 2):
        name = f'below/{number:02d}.png' if number % 3 == 0 else f'{number:02d}.png'
        (folder / name).write_bytes(content)
    (folder / 'cut.png').write_bytes(content[: len(content) // 2])
    (folder / 'notes.txt').write_text('hello')
    return folder


def read(out):
    """All rows of all shards, which are whole and no more than that."""
    kinds = {path.suffix for path in out.iterdir()}
    assert {'.json', '.jsonl'} <= kinds <= {'.json', '.jsonl', '.parquet'}
    texts = [path.read_text() for path in out.glob('*.jsonl')]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def assert_same(rows, others):
    assert len({row['file_name'] for row in rows}) == len(rows)
    by_name = {row['file_name']: row for row in others}
    assert by_name.keys() == {row['file_name'] for row in rows}
    for row in rows:
        other = by_name[row['file_name']]
        assert row['error'] == other['error']
        assert (row['width'], row['height']) == (other['width'], other['height'])
        # Another batch differs in the last bits.
        assert row['scores'] == pytest.approx(other['scores'], abs=1e-5)


@pytest.fixture(scope='module')
def whole(model, images, tmp_path_factory):
    """Rows of one shard of one."""
    out = tmp_path_factory.mktemp('whole')
    outcome = predict_shard(model, list_files([images]), Shard(1, 1), out)
    assert (outcome.files, outcome.bad, outcome.resumed) == (NUMBER, 2, 0)
    return read(out)


def test_every_file_has_a_line(whole, images, model):
    assert len(whole) == NUMBER
    errors = {row['file_name']: row['error'] for row in whole if row['error']}
    assert errors.keys() == {'cut.png', 'notes.txt'}
    assert 'is cut off' in errors['cut.png']
    assert 'cannot be read as an image' in errors['notes.txt']
    poses = model(images / '01.png')
    (row,) = (row for row in whole if row['file_name'] == '01.png')
    assert (row['width'], row['height']) == (90, 70)
    assert row['scores'] == pytest.approx(poses.scores, abs=1e-5)
    assert len(poses) > 0
    for keypoints, coco in zip(row['keypoints'], poses.to_coco(), strict=True):
        assert len(keypoints) == 3 * 17
        assert keypoints[2::3] == pytest.approx(coco['keypoints'][2::3], abs=1e-4)


def test_shards_together_hold_every_file_once(model, images, whole, tmp_path):
    files = list_files([images])
    shares = [predict_shard(model, files, Shard(i, 3), tmp_path) for i in (1, 2, 3)]
    assert sum(share.files for share in shares) == NUMBER
    assert all(0 < share.files < NUMBER for share in shares)
    assert_same(read(tmp_path), whole)


def test_numbered_files_fall_into_all_shards():
    # A checksum of their names leaves several shards empty.
    names = [f'{number:06d}.jpg' for number in range(64)]
    counts = [sum(map(Shard(i, 16).holds, names)) for i in range(1, 17)]
    assert sum(counts) == 64
    assert min(counts) > 0


KILLED = """
import os, signal, sys
from pathlib import Path
from centergroup_mm.command.shards import Shard, list_files, predict_shard
from centergroup_mm.runtime import PoseModel

def kill(name, done, total):
    os.kill(os.getpid(), signal.SIGKILL)

model, images, out = sys.argv[1:]
files = list_files([Path(images)])
predict_shard(PoseModel(model, threads=1), files, Shard(1, 1), Path(out), None, kill)
"""


@pytest.mark.parametrize(
    'left', [b'', b'{"file_name":"0', b'\0' * 99], ids=['', 'half', 'zeros']
)
def test_a_killed_shard_goes_on(left, model, tiny, images, whole, run_light, tmp_path):
    out = tmp_path / 'out'
    done = run_light(['-c', KILLED, tiny.file, images, out], check=False)
    assert done.returncode == -9, done.stderr
    (work,) = out.iterdir()
    # In the middle of a line.
    with open(work / 'journal.jsonl', 'ab') as journal:
        journal.write(left)
    outcome = predict_shard(model, list_files([images]), Shard(1, 1), out)
    assert (outcome.files, outcome.resumed) == (NUMBER, CHUNK)
    assert_same(read(out), whole)


def test_a_shard_that_cannot_be_written_goes_on(
    model, images, whole, tmp_path, monkeypatch
):
    def full(files):
        (path, *_) = files
        if path.suffix == '.jsonl':
            raise OSError('No space left on device')
        write(files)

    write = shards.write_together
    monkeypatch.setattr(shards, 'write_together', full)
    files = list_files([images])
    with pytest.raises(OSError, match='No space'):
        predict_shard(model, files, Shard(1, 1), tmp_path)
    assert not list(tmp_path.glob('*.json*'))
    monkeypatch.undo()
    assert predict_shard(model, files, Shard(1, 1), tmp_path).resumed == NUMBER
    assert_same(read(tmp_path), whole)


def test_what_was_added_before_a_failure_is_not_lost(
    model, images, whole, tmp_path, monkeypatch
):
    def full(files):
        if any(path.suffix == '.jsonl' for path in files):
            raise OSError('No space left on device')
        write(files)

    files = list_files([images])
    predict_shard(model, {'01.png': files['01.png']}, Shard(1, 1), tmp_path)
    write = shards.write_together
    monkeypatch.setattr(shards, 'write_together', full)
    with pytest.raises(OSError, match='No space'):
        predict_shard(model, files, Shard(1, 1), tmp_path)
    monkeypatch.undo()
    # The journal has all that the lines lack.
    assert predict_shard(model, files, Shard(1, 1), tmp_path).resumed == NUMBER
    assert_same(read(tmp_path), whole)


def test_files_that_come_later_are_added(model, images, whole, tmp_path):
    files = list_files([images])
    some = dict(list(files.items())[:20])
    predict_shard(model, some, Shard(1, 1), tmp_path)
    again = predict_shard(model, some, Shard(1, 1), tmp_path)
    assert (again.files, again.resumed) == (20, 20)
    more = predict_shard(model, files, Shard(1, 1), tmp_path)
    assert (more.files, more.resumed) == (NUMBER, 20)
    assert_same(read(tmp_path), whole)


def test_a_shard_has_one_model_and_threshold(model, images, tiny, tmp_path):
    files = {'1': images / '01.png'}
    predict_shard(model, files, Shard(1, 1), tmp_path / 'out')
    other = tmp_path / 'other.onnx'
    shutil.copy(tiny.file, other)
    with pytest.raises(ValueError, match=r'of model tiny\.onnx, not other\.onnx'):
        predict_shard(PoseModel(other), files, Shard(1, 1), tmp_path / 'out')
    with pytest.raises(ValueError, match=r'of score_thr .*, not 0\.5'):
        predict_shard(model, files, Shard(1, 1), tmp_path / 'out', 0.5)
    lines = tmp_path / 'out' / 'shard-00001-of-00001.jsonl'
    assert len(lines.read_text().splitlines()) == 1


def test_one_process_makes_a_shard(tiny, images, run_light, tmp_path):
    work = tmp_path / 'out' / 'shard-00002-of-00003.unfinished'
    work.mkdir(parents=True)
    lock = FolderLock(work, 'which makes this shard')
    assert lock.acquire()
    command = ['-m', 'centergroup_mm.command', 'predict', tiny.file, images]
    done = run_light([*command, '--out', 'out', '--shard', '2/3'], check=False)
    assert done.returncode == 1
    assert 'in use' in done.stderr.splitlines()[-1]
    lock.release()
    done = run_light([*command, '--out', 'out', '--shard', '2/3'])
    assert 'shard-00002-of-00003.jsonl' in done.stdout
    assert 0 < len(read(tmp_path / 'out')) < NUMBER


def test_a_table_is_written_where_pyarrow_is(model, images, tmp_path):
    parquet = pytest.importorskip('pyarrow.parquet', exc_type=ImportError)
    predict_shard(model, list_files([images]), Shard(1, 2), tmp_path)
    rows = read(tmp_path)
    table = parquet.read_table(tmp_path / 'shard-00001-of-00002.parquet').to_pylist()
    assert [row['file_name'] for row in table] == [row['file_name'] for row in rows]
    for row, other in zip(table, rows, strict=True):
        assert row['error'] == other['error']
        if row['error'] is None:
            assert row['scores'] == pytest.approx(other['scores'])
            assert row['keypoints'][0] == pytest.approx(other['keypoints'][0])


def test_a_table_of_a_former_run_does_not_stay(model, images, tmp_path, monkeypatch):
    files = list_files([images])
    predict_shard(model, {'01.png': files['01.png']}, Shard(1, 1), tmp_path)
    table = tmp_path / 'shard-00001-of-00001.parquet'
    table.write_bytes(b'a table of one file')
    # As on another node, where it is not installed.
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    # Nothing is added, and so the table is that of the lines.
    predict_shard(model, {'01.png': files['01.png']}, Shard(1, 1), tmp_path)
    assert table.exists()
    some = {name: files[name] for name in ('01.png', '02.png')}
    assert predict_shard(model, some, Shard(1, 1), tmp_path).files == 2
    assert not table.exists()
    assert len(read(tmp_path)) == 2


def test_the_folder_of_results_is_left_out(tmp_path):
    for name in ('a.png', 'x/b.png', 'x/out/c.json', 'out/d.png'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'link').symlink_to('x')
    everything = {'a.png', 'x/b.png', 'x/out/c.json', 'out/d.png'}
    assert list_files([tmp_path]).keys() == everything
    # By whatever name, and no other folder of its name.
    for out in ('x/out', 'out/../x/out', 'link/out'):
        found = list_files([tmp_path], tmp_path / out)
        assert found.keys() == everything - {'x/out/c.json'}
    assert list_files([tmp_path], tmp_path / 'new').keys() == everything


def test_lists_name_files_from_their_folder(tmp_path):
    (tmp_path / 'x').mkdir()
    text = tmp_path / 'list.txt'
    text.write_text(f'x/a.png\n\n  b.png\nx/a.png\n{tmp_path}/c.png\n')
    assert list_files([text, text]) == {
        'x/a.png': tmp_path / 'x' / 'a.png',
        'b.png': tmp_path / 'b.png',
        f'{tmp_path}/c.png': tmp_path / 'c.png',
    }


def test_what_is_no_list_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing does not exist'):
        list_files([tmp_path / 'nothing'])
    image = tmp_path / 'a.png'
    cv2.imwrite(str(image), picture((20, 20)))
    with pytest.raises(ValueError, match='is no list of files'):
        list_files([image])
    for name in 'xy':
        (tmp_path / name).mkdir()
        (tmp_path / name / 'a.png').write_bytes(b'')
    with pytest.raises(ValueError, match=r'would both be a\.png'):
        list_files([tmp_path / 'x', tmp_path / 'y'])


@pytest.mark.parametrize('text', ['3', '0/3', '4/3', 'a/b', '1/2/3', '-1/2', ''])
def test_what_is_no_shard_is_told(text):
    with pytest.raises(ValueError, match='no shard'):
        Shard.parse(text)
    assert Shard.parse('3/16') == Shard(3, 16)
