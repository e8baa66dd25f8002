# SPDX-License-Identifier: Apache-2.0
"""Training with another total batch than the config's."""

import runpy
import sys
from pathlib import Path

import mmpose
import pytest

from .reading import CONFIG_FOLDER, Built

HOST_TRAIN = Path(mmpose.__file__).parent / '.mim' / 'tools' / 'train.py'
CONFIGS = sorted(path.stem for path in CONFIG_FOLDER.glob('*.py'))
OPTIONS = [
    'optim_wrapper.optimizer.lr=6e-4',
    'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult=0.016667',
    'optim_wrapper.paramwise_cfg.custom_keys.neck.lr_mult=0.016667',
    'optim_wrapper.paramwise_cfg.custom_keys.detector.lr_mult=0.016667',
]


def read_as_the_host(monkeypatch, name, *arguments):
    """A config as the host's training reads it, with options of the command line."""
    train = runpy.run_path(str(HOST_TRAIN))
    monkeypatch.setattr(sys, 'argv', ['train.py', f'{name}.py', *arguments])
    return train['merge_args'](Built.read(name).config, train['parse_args']())


@pytest.mark.parametrize('name', [n for n in CONFIGS if n.startswith('centergroup')])
def test_the_rate_of_the_detector_is_not_scaled(monkeypatch, name):
    """The host's flag scales every rate, SPEC 5 only that of the new layers."""
    with pytest.raises(AttributeError, match='auto_scale_lr'):
        read_as_the_host(monkeypatch, name, '--auto-scale-lr')


@pytest.mark.parametrize('name', ['higherhrnet_w48_crowdpose', 'centernet_w32'])
def test_one_rate_for_all_is_scaled(monkeypatch, name):
    config = read_as_the_host(monkeypatch, name, '--auto-scale-lr')
    assert config.auto_scale_lr == dict(base_batch_size=192, enable=True)


@pytest.mark.parametrize('name', ['centergroup_w32', 'centergroup_w48_released'])
def test_new_layers_learn_twice_as_fast_as_the_readme_says(
    monkeypatch, repo_root, name
):
    readme = (repo_root / 'README.md').read_text()
    assert all(option in readme for option in OPTIONS)
    config = read_as_the_host(monkeypatch, name, '--cfg-options', *OPTIONS)
    for key, rate in Built(config).rates.items():
        detector = key.startswith(('backbone.', 'head.detector.'))
        assert rate == pytest.approx(1e-5 if detector else 6e-4, rel=1e-3), key
