# SPDX-License-Identifier: Apache-2.0
"""Both stages of training by one command."""

import pytest
import torch

from centergroup_mm.checkpoint_files import read_checkpoint
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd


@pytest.mark.slow
def test_second_stage_starts_from_the_first(repo_root, run_cli, tmp_path):
    crowd = tmp_path / 'crowd'
    generate_crowd(crowd, CrowdSpec(num_train=8, num_val=2, size=128))
    tool = ['python', repo_root / 'tools' / 'train_two_stage.py']
    tool += ['--work-dir', tmp_path / 'work', '--cfg-options']
    tool += ['train_cfg.max_iters=2', 'train_cfg.val_interval=2']
    tool += ['train_dataloader.batch_size=2', 'default_hooks.checkpoint.interval=1']
    tool += ['default_hooks.checkpoint.max_keep_ckpts=2']
    tool += [
        f'{part}_dataloader.dataset.data_root={crowd}/' for part in ('train', 'val')
    ]
    printed = run_cli(tool, cwd=repo_root, timeout=600).stdout
    assert printed.count('$ mim train mmpose') == 2

    detector, whole = (
        read_checkpoint(tmp_path / 'work' / stage / 'iter_2.pth')
        for stage in ('detector', 'centergroup')
    )
    detector, whole = detector['state_dict'], whole['state_dict']
    # The second stage freezes the statistics of the first.
    statistics = [key for key in detector if key.endswith('running_mean')]
    assert len(statistics) > 20
    assert all(torch.equal(detector[key], whole[key]) for key in statistics)
    assert set(detector) < set(whole)

    again = run_cli(tool, cwd=repo_root, timeout=600).stdout
    assert '$ mim' not in again
    assert again.count('is already there') == 2

    # Stopped after its first iteration, the second stage goes on from there.
    last = tmp_path / 'work' / 'centergroup' / 'iter_2.pth'
    last.unlink()
    (last.parent / 'last_checkpoint').write_text(str(last.with_name('iter_1.pth')))
    resumed = run_cli(tool, cwd=repo_root, timeout=300).stdout
    assert resumed.count('$ mim train mmpose') == 1
    assert 'load_from' not in resumed
    assert last.is_file()

    # Other settings are not mixed in.
    other = [*tool, 'optim_wrapper.optimizer.lr=0.1']
    refused = run_cli(other, cwd=repo_root, timeout=600, check=False)
    assert refused.returncode == 1
    assert 'holds a training with another "optim_wrapper"' in refused.stdout


def test_no_such_config(repo_root, run_cli, tmp_path):
    tool = ['python', repo_root / 'tools' / 'train_two_stage.py', 'missing.py']
    result = run_cli(tool, cwd=tmp_path, timeout=600, check=False)
    assert result.returncode == 2
    assert 'missing.py is no config file' in result.stdout
