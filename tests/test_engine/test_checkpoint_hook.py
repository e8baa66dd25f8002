# SPDX-License-Identifier: Apache-2.0
"""A training that is killed and resumed in many ways."""

import os
import resource
import signal
import time
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from centergroup_mm.engine import AtomicCheckpointHook
from centergroup_mm.engine.atomic_backend import AtomicLocalBackend
from centergroup_mm.engine.checkpoint_folder import named_checkpoint
from centergroup_mm.engine.checkpoint_hook import is_whole
from centergroup_mm.files import write_atomically, write_together
from centergroup_mm.folder_lock import FolderInUse, FolderLock

from .one_number import make_runner


class StopWhenSaving(Hook):
    """Ends the process' work when the checkpoint of an iteration is to be saved."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_save_checkpoint(self, runner, checkpoint):
        if checkpoint['meta']['iter'] == self.iteration:
            raise KeyboardInterrupt


def checkpoints(work_dir) -> list[str]:
    return sorted(path.name for path in Path(work_dir).glob('*.pth*'))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_keeps_as_many_as_asked_and_leaves_no_fragments(tmp_path):
    (tmp_path / 'iter_9.pth.partial').write_bytes(b'left by a process that was killed')
    make_runner(tmp_path, 4).train()
    assert checkpoints(tmp_path) == ['iter_3.pth', 'iter_4.pth']
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'iter_4.pth')


def test_stopped_while_saving_keeps_the_one_checkpoint(tmp_path):
    runner = make_runner(tmp_path, 4, hooks=[StopWhenSaving(3)], keep=1)
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert checkpoints(tmp_path) == ['iter_2.pth']
    assert is_whole(tmp_path / 'iter_2.pth')
    resumed = make_runner(tmp_path, 4, resume=True, keep=1)
    resumed.train()
    assert resumed.iter == 4
    assert checkpoints(tmp_path) == ['iter_4.pth']


def test_best_checkpoint_is_replaced_not_lost(tmp_path):
    make_runner(tmp_path, 3, save_best='score', rule='greater', keep=1).train()
    best = [name for name in checkpoints(tmp_path) if name.startswith('best')]
    assert best == ['best_score_iter_3.pth']
    assert is_whole(tmp_path / best[0])


def cut_newest(work_dir):
    truncate(work_dir / 'iter_4.pth')


def remove_newest(work_dir):
    (work_dir / 'iter_4.pth').unlink()


def empty_pointer_and_cut_newest(work_dir):
    cut_newest(work_dir)
    (work_dir / 'last_checkpoint').write_text('')


def flip_a_byte_of_newest(work_dir):
    """The zip's index is intact; only the checksum of a part tells."""
    path = work_dir / 'iter_4.pth'
    content = bytearray(path.read_bytes())
    content[content.index(b'state_dict') + 2] ^= 1
    path.write_bytes(content)


def damage_index_of_newest(work_dir):
    """The name of a part is no text; other damage fails in other ways."""
    path = work_dir / 'iter_4.pth'
    content = bytearray(path.read_bytes())
    start = content.rindex(b'PK\x01\x02')
    content[start + 9] |= 8  # names are UTF-8
    content[start + 46] = 0xFF
    path.write_bytes(content)


def zero_pointer_and_cut_newest(work_dir):
    """As after a power failure."""
    cut_newest(work_dir)
    (work_dir / 'last_checkpoint').write_bytes(bytes(40))


def binary_pointer_and_cut_newest(work_dir):
    cut_newest(work_dir)
    (work_dir / 'last_checkpoint').write_bytes(b'\xff\xfe\xfd')


@pytest.mark.parametrize(
    'damage',
    [
        cut_newest,
        remove_newest,
        empty_pointer_and_cut_newest,
        zero_pointer_and_cut_newest,
        binary_pointer_and_cut_newest,
        flip_a_byte_of_newest,
        damage_index_of_newest,
    ],
)
def test_resume_falls_back_to_the_last_whole_one(tmp_path, damage):
    make_runner(tmp_path, 4).train()
    damage(tmp_path)
    resumed = make_runner(tmp_path, 6, resume=True)
    resumed.call_hook('before_run')
    resumed.load_or_resume()
    assert resumed.iter == 3
    torch.testing.assert_close(resumed.model.number.data, torch.tensor([0.7]))
    resumed.train()
    assert resumed.iter == 6
    torch.testing.assert_close(resumed.model.number.data, torch.tensor([0.4]))
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'iter_6.pth')


def test_resume_uses_the_named_checkpoint_when_it_is_whole(tmp_path):
    make_runner(tmp_path, 4).train()
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_3.pth'))
    resumed = make_runner(tmp_path, 5, resume=True)
    resumed.call_hook('before_run')
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'iter_3.pth')


def test_resume_survives_a_moved_work_dir_and_a_missing_pointer(tmp_path):
    make_runner(tmp_path / 'old', 4).train()
    (tmp_path / 'old').rename(tmp_path / 'new')
    resumed = make_runner(tmp_path / 'new', 5, resume=True)
    resumed.call_hook('before_run')
    pointer = tmp_path / 'new' / 'last_checkpoint'
    assert pointer.read_text() == str(tmp_path / 'new' / 'iter_4.pth')
    pointer.unlink()
    resumed.call_hook('before_run')
    assert pointer.read_text() == str(tmp_path / 'new' / 'iter_4.pth')


def test_resume_without_any_whole_checkpoint_says_so(tmp_path):
    make_runner(tmp_path, 2).train()
    for name in checkpoints(tmp_path):
        truncate(tmp_path / name)
    with pytest.raises(RuntimeError, match='iter_2.pth is missing or broken'):
        make_runner(tmp_path, 4, resume=True).train()


@pytest.mark.parametrize('content', [b'', bytes(40), b'\xff\xfe'])
def test_a_pointer_without_meaning_and_no_checkpoint_starts_afresh(tmp_path, content):
    (tmp_path / 'last_checkpoint').write_bytes(content)
    runner = make_runner(tmp_path, 2, resume=True)
    runner.train()
    assert checkpoints(tmp_path) == ['iter_1.pth', 'iter_2.pth']


@pytest.fixture
def deadline():
    """The kernel ends the process if a read never comes back."""
    signal.alarm(120)
    yield
    signal.alarm(0)


@pytest.mark.usefixtures('deadline')
def test_notes_that_are_no_texts_are_none(tmp_path):
    pointer, pipe = tmp_path / 'last_checkpoint', tmp_path / 'pipe'
    os.mkfifo(pipe)
    for target in (pipe, '/dev/zero', tmp_path):
        pointer.symlink_to(target)
        assert named_checkpoint(tmp_path) is None
        pointer.unlink()
    os.mkfifo(pointer)
    assert named_checkpoint(tmp_path) is None
    pointer.unlink()
    pointer.write_text('a' * 4097)
    assert named_checkpoint(tmp_path) is None
    pointer.write_text('iter_3.pth\n')
    assert named_checkpoint(tmp_path) == Path('iter_3.pth')
    for path in (pipe, Path('/dev/zero')):
        assert not is_whole(path)


@pytest.mark.parametrize('link', [os.symlink, os.link])
def test_a_lock_that_is_a_link_is_not_written_to(tmp_path, link):
    victim, folder = tmp_path / 'victim', tmp_path / 'work'
    folder.mkdir()
    victim.write_text('precious')
    link(victim, folder / '.lock')
    with pytest.raises(OSError, match=r'\.lock is a link'):
        FolderLock(folder, '').acquire()
    assert victim.read_text() == 'precious'


@pytest.mark.usefixtures('deadline')
def test_a_lock_that_is_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / '.lock')
    with pytest.raises(OSError, match=r'\.lock is a link, a pipe'):
        FolderLock(tmp_path, '').acquire()


def test_a_fresh_start_is_never_resumed_by_an_older_training(tmp_path):
    make_runner(tmp_path, 4, save_best='score', rule='greater').train()
    stopped = make_runner(tmp_path, 4, hooks=[StopWhenSaving(1)])
    with pytest.raises(KeyboardInterrupt):
        stopped.train()
    resumed = make_runner(tmp_path, 2, resume=True)
    resumed.train()
    # From 4 on, nothing would have been trained.
    torch.testing.assert_close(resumed.model.number.data, torch.tensor([0.8]))
    assert checkpoints(tmp_path) == ['iter_1.pth', 'iter_2.pth']
    assert checkpoints(tmp_path / 'earlier_1') == [
        'best_score_iter_4.pth',
        'iter_3.pth',
        'iter_4.pth',
    ]


def test_a_fresh_start_that_dies_at_once_is_no_reason_to_resume_another(tmp_path):
    make_runner(tmp_path, 4).train()
    make_runner(tmp_path, 4)
    died = make_runner(tmp_path, 4)
    died._train_loop = died.build_train_loop(died._train_loop)
    died.call_hook('before_run')
    resumed = make_runner(tmp_path, 2, resume=True)
    resumed.train()
    assert checkpoints(tmp_path) == ['iter_1.pth', 'iter_2.pth']


def test_a_fresh_start_may_begin_with_weights_of_the_folder(tmp_path):
    make_runner(tmp_path, 4).train()
    again = make_runner(tmp_path, 1)
    again._load_from = str(tmp_path / 'iter_4.pth')
    again.train()
    torch.testing.assert_close(again.model.number.data, torch.tensor([0.5]))
    assert checkpoints(tmp_path / 'earlier_1') == ['iter_3.pth', 'iter_4.pth']


def test_a_test_leaves_the_folder_alone(tmp_path):
    make_runner(tmp_path, 4).train()
    before = checkpoints(tmp_path)
    make_runner(tmp_path, 4).val()
    assert checkpoints(tmp_path) == before
    assert (tmp_path / 'last_checkpoint').is_file()


def test_what_kills_have_left_is_cleared(tmp_path):
    best = {'save_best': 'score', 'rule': 'greater', 'keep': 1}
    make_runner(tmp_path, 4, **best).train()
    assert checkpoints(tmp_path) == ['best_score_iter_4.pth', 'iter_4.pth']
    for name in ('iter_2.pth', 'best_score_iter_2.pth', 'iter_9.pth.77.partial'):
        (tmp_path / name).write_bytes(b'left by a process that was killed')
    (tmp_path / 'mine.pth').write_bytes(b'')
    make_runner(tmp_path, 5, resume=True, **best).train()
    assert checkpoints(tmp_path) == ['best_score_iter_5.pth', 'iter_5.pth', 'mine.pth']


def test_a_second_training_in_the_folder_is_refused(tmp_path):
    """Another process has the folder, until it is killed."""
    make_runner(tmp_path, 2).train()
    ready, told = os.pipe()
    owner = os.fork()
    if owner == 0:
        FolderLock(tmp_path, '').acquire()
        os.write(told, b'.')
        time.sleep(1000)
    os.read(ready, 1)
    try:
        for resume in (True, False):
            second = make_runner(tmp_path, 4, resume=resume)
            with pytest.raises(FolderInUse, match=f'in use by process {owner} on'):
                second.train()
        assert checkpoints(tmp_path) == ['iter_1.pth', 'iter_2.pth']
        assert (tmp_path / 'last_checkpoint').is_file()
    finally:
        os.kill(owner, signal.SIGKILL)
        os.waitpid(owner, 0)
    make_runner(tmp_path, 4, resume=True).train()
    assert checkpoints(tmp_path) == ['iter_3.pth', 'iter_4.pth']


def test_out_dir_elsewhere_is_atomic_and_mended_too(tmp_path):
    work_dir, out_dir = tmp_path / 'work', tmp_path / 'out'
    make_runner(work_dir, 4, out_dir=str(out_dir)).train()
    assert checkpoints(out_dir / 'work') == ['iter_3.pth', 'iter_4.pth']
    truncate(out_dir / 'work' / 'iter_4.pth')
    resumed = make_runner(work_dir, 5, resume=True, out_dir=str(out_dir))
    resumed.train()
    assert resumed.iter == 5
    assert is_whole(out_dir / 'work' / 'iter_5.pth')


BEST = {'save_best': 'score', 'rule': 'greater', 'keep': 1}


def resume_from(path, work_dir, max_iters):
    runner = make_runner(work_dir, max_iters, resume=True, **BEST)
    runner._load_from = str(path)
    runner.train()


@pytest.mark.parametrize('name', ['precious', 'best_photos_2020'])
def test_resuming_removes_nothing_that_the_file_names(tmp_path, name):
    make_runner(tmp_path / 'work', 2, **BEST).train()
    victim = tmp_path / 'downloads' / name
    victim.mkdir(parents=True)
    content = torch.load(tmp_path / 'work' / 'iter_2.pth', weights_only=False)
    info = content['message_hub']['runtime_info']
    info.update(best_ckpt=str(victim), best_score=-2.0)
    hostile = tmp_path / 'downloads' / 'iter_2.pth'
    torch.save(content, hostile)
    resume_from(hostile, tmp_path / 'work', 3)
    assert victim.is_dir()
    assert checkpoints(tmp_path / 'work')[0].startswith('best_score_iter_')


def test_resuming_in_another_folder_leaves_the_best_of_the_first(tmp_path):
    make_runner(tmp_path / 'work', 2, **BEST).train()
    resume_from(tmp_path / 'work' / 'iter_2.pth', tmp_path / 'other', 3)
    assert checkpoints(tmp_path / 'work') == ['best_score_iter_2.pth', 'iter_2.pth']
    assert checkpoints(tmp_path / 'other') == ['best_score_iter_3.pth', 'iter_3.pth']


def test_a_moved_training_removes_its_superseded_best(tmp_path):
    make_runner(tmp_path / 'old', 2, **BEST).train()
    (tmp_path / 'old').rename(tmp_path / 'new')
    make_runner(tmp_path / 'new', 3, resume=True, **BEST).train()
    assert checkpoints(tmp_path / 'new') == ['best_score_iter_3.pth', 'iter_3.pth']


def test_backend_removes_nothing_outside_of_its_folder(tmp_path):
    folder, outside = tmp_path / 'work', tmp_path / 'outside'
    (folder / 'tree').mkdir(parents=True)
    outside.mkdir()
    (outside / 'file').touch()
    (folder / 'link').symlink_to(outside)
    backend = AtomicLocalBackend(str(folder))
    for path in ('link/file', '../outside/file', '../outside', 'tree/..', '.'):
        for remove in (backend.remove, backend.rmtree):
            with pytest.raises(ValueError, match='outside of'):
                remove(folder / path)
    backend.rmtree(folder / 'tree')
    assert [path.name for path in folder.iterdir()] == ['link']
    assert (outside / 'file').is_file()


def test_backend_of_the_user_is_left_alone(tmp_path):
    hook = AtomicCheckpointHook(interval=1, backend_args={'backend': 'local'})
    hook.before_train(make_runner(tmp_path, 1))
    assert hook.backend_args == {'backend': 'local'}


def test_failed_write_leaves_the_former_content(tmp_path):
    """A limit on the size of files stands for a full disk."""
    path = tmp_path / 'file'
    write_atomically(path, b'former')
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OSError):
            write_atomically(path, bytes(2 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b'former'
    assert os.listdir(tmp_path) == ['file']


def test_one_of_several_that_cannot_be_written_changes_none(tmp_path):
    first, second = tmp_path / 'first', tmp_path / 'file' / 'second'
    write_together({first: b'former', second.parent: b'no folder'})
    with pytest.raises(OSError):
        write_together({first: b'new', second: b'new'})
    assert first.read_bytes() == b'former'
    assert sorted(os.listdir(tmp_path)) == ['file', 'first']
