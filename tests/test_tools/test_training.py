# SPDX-License-Identifier: Apache-2.0
"""Training once: what counts as the same training."""

import pytest
import torch
from mim_command import CommandFailed
from mmengine.config import Config
from training import train_once


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
