# SPDX-License-Identifier: Apache-2.0
"""Schedules for other numbers of GPUs, against README's table and by hand."""

import pytest
from mmengine.config import Config, DictAction

from centergroup_mm.lab.schedule import describe, print_schedule, schedule_options


@pytest.fixture
def options(repo_root):
    def compute(name, *arguments):
        config = Config.fromfile(repo_root / 'configs' / f'{name}.py')
        return schedule_options(config, *arguments)

    return compute


@pytest.mark.parametrize(
    ('gpus', 'images', 'accumulate', 'factor'),
    [(1, 33, 4, 4), (2, 33, 2, 2), (4, 33, 1, 1), (8, 17, 1, 1)],
)
def test_the_same_batch_keeps_the_rates(options, gpus, images, accumulate, factor):
    """The rows of README's table."""
    assert options('centergroup_w32', gpus, images, accumulate) == {
        'train_dataloader.batch_size': images,
        'optim_wrapper.accumulative_counts': accumulate,
        'train_cfg.max_iters': 27000 * factor,
        'param_scheduler.0.end': 1000 * factor,
        'param_scheduler.1.end': 27000 * factor,
        'param_scheduler.1.milestones': [10000 * factor, 20000 * factor],
    }


def test_another_batch_scales_the_new_layers_only(options):
    found = options('centergroup_w48', 32, 8, 1)
    assert found['optim_wrapper.optimizer.lr'] == pytest.approx(3e-4 * 256 / 130)
    for part in ('backbone', 'neck', 'detector'):
        multiplier = found[f'optim_wrapper.paramwise_cfg.custom_keys.{part}.lr_mult']
        assert found['optim_wrapper.optimizer.lr'] * multiplier == pytest.approx(1e-5)
    assert found['train_cfg.max_iters'] == round(27000 * 130 / 256)
    assert found['param_scheduler.1.milestones'] == [5078, 10156]


def test_a_detector_has_one_rate(options):
    found = options('higherhrnet_w32_center', 4, 24, 1)
    assert found['optim_wrapper.optimizer.lr'] == pytest.approx(1.5e-3 / 2)
    assert found['train_cfg.max_iters'] == 200_000
    assert not any('custom_keys' in name for name in found)


def test_what_is_printed_is_what_the_host_reads(options, repo_root):
    found = options('centergroup_w32', 32, 8, 1)
    config = Config.fromfile(repo_root / 'configs' / 'centergroup_w32.py')
    for text in describe(found):
        name, value = text.split('=', 1)
        value = DictAction._parse_iterable(value.strip('"'))
        config.merge_from_dict({name: value})
        assert value == pytest.approx(found[name], rel=1e-5)
    assert config.param_scheduler[1].milestones == [5078, 10156]


def test_a_config_without_its_batch_is_refused(tmp_path):
    path = tmp_path / 'own.py'
    path.write_text('optim_wrapper = dict(optimizer=dict(lr=1))')
    with pytest.raises(ValueError, match=r'own\.py says nowhere for which batch'):
        print_schedule(path, 2, 3, 1)
