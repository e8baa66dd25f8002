# SPDX-License-Identifier: Apache-2.0
"""Training once: what counts as the same training, and whose the folder is."""

import os
import signal
import time

import pytest
import torch
from mmengine.config import Config

from centergroup_mm.folder_lock import FolderInUse, FolderLock
from centergroup_mm.lab.mim import CommandFailed
from centergroup_mm.lab.training import COMPARED, read_assignments, train_once


@pytest.fixture
def finished(repo_root, tmp_path):
    """The tiny config, and a folder with the checkpoint of its finished training."""
    config = repo_root / 'configs' / 'centergroup_tiny.py'
    meta = dict(cfg=Config.fromfile(config).pretty_text)
    torch.save(dict(meta=meta, state_dict={}), tmp_path / 'iter_2000.pth')
    return config, tmp_path


def test_a_test_in_the_same_folder_changes_nothing(finished):
    config, folder = finished
    tested = Config.fromfile(config)
    tested.model.head.type = 'NearestKeypointHead'
    # As the host does at the begin of every command, a test too.
    tested.dump(folder / config.name)
    assert train_once(config, folder, {}, '') == folder / 'iter_2000.pth'


def test_another_training_is_refused(finished):
    config, folder = finished
    # What a crash leaves says nothing of the training.
    (folder / 'iter_3000.pth').write_bytes(b'')
    with pytest.raises(CommandFailed, match=r'another "model"\. Do this\.'):
        train_once(config, folder, {'model.head.num_keypoints': 5}, 'Do this.')


def test_a_folder_in_use_is_refused(finished):
    config, folder = finished
    ready, told = os.pipe()
    owner = os.fork()
    if owner == 0:
        FolderLock(folder, '').acquire()
        os.write(told, b'.')
        time.sleep(1000)
    os.read(ready, 1)
    try:
        with pytest.raises(FolderInUse, match=f'process {owner} .*choose another'):
            train_once(config, folder, {}, '')
    finally:
        os.kill(owner, signal.SIGKILL)
        os.waitpid(owner, 0)
    assert train_once(config, folder, {}, '') == folder / 'iter_2000.pth'


def test_settings_are_read_as_data(repo_root):
    """What the host writes is understood whole, whatever the method."""
    for name in ('centergroup_tiny', 'centergroup_w48_crowdpose', 'centernet_w32'):
        path = repo_root / 'configs' / f'{name}.py'
        config = Config.fromfile(path, import_custom_modules=False)
        found, wanted = read_assignments(config.pretty_text), config.to_dict()
        for part in COMPARED:
            assert found.get(part) == wanted.get(part), (path.name, part)


@pytest.mark.parametrize(
    'line',
    [
        'import os',
        'open("canary", "w")',
        'a = open("canary", "w")',
        'a = dict(b=[__import__("os").system("touch canary")])',
        'a = [b for b in open("canary", "w")]',
        'a.b = 1',
        'a = dict({**{}})',
        'a = (',
        'a = ' + '-' * 100_000 + '1',
        'a = ' + '[' * 100_000,
        'a = "' + 'x' * 1_000_000 + '"',
        '\x00',
    ],
)
def test_code_in_a_checkpoint_is_no_setting(finished, monkeypatch, line):
    config, folder = finished
    monkeypatch.chdir(folder)
    text = Config.fromfile(config).pretty_text + line
    torch.save(dict(meta=dict(cfg=text), state_dict={}), folder / 'iter_2000.pth')
    with pytest.raises(CommandFailed, match=r'iter_2000\.pth holds settings .*Do this'):
        train_once(config, folder, {}, 'Do this.')
    assert not (folder / 'canary').exists()
