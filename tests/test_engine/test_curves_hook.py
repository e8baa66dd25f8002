# SPDX-License-Identifier: Apache-2.0
"""Logs of trainings that were stopped and resumed, and what is drawn of them."""

import json
import logging

import cv2
import numpy as np
import pytest

from centergroup_mm.visualization import TrainingCurvesHook, read_training_log

from .test_checkpoint_hook import make_runner


def write_log(work_dir, start, lines):
    folder = work_dir / start / 'vis_data'
    folder.mkdir(parents=True)
    text = ''.join(f'{json.dumps(line)}\n' for line in lines)
    (folder / 'scalars.json').write_text(text)
    return folder / 'scalars.json'


def train(step, loss):
    return {'loss': loss, 'loss_center': loss / 2, 'iter': step, 'step': step}


def test_starts_of_a_training_are_joined_by_step(tmp_path):
    """Stopped at 4, resumed from 2; stopped at 6, resumed from 5."""
    write_log(tmp_path, '2_first', [train(1, 9.0), train(2, 8.0), train(4, 7.0)])
    write_log(
        tmp_path,
        '3_second',
        [train(3, 6.5), {'coco/AP': 0.3, 'step': 3}, train(5, 5.0), train(6, 4.0)],
    )
    write_log(tmp_path, '4_third', [train(6, 3.0), {'coco/AP': 0.6, 'step': 6}])
    # Tests write no scalars; a start that was stopped at once wrote nothing.
    write_log(tmp_path, '5_empty', [])
    series = read_training_log(tmp_path)
    joined = [(1, 9.0), (2, 8.0), (3, 6.5), (5, 5.0), (6, 3.0)]
    assert series['loss'] == joined
    assert series['loss_center'] == [(step, loss / 2) for step, loss in joined]
    assert series['coco/AP'] == [(3, 0.3), (6, 0.6)]


def test_a_validation_numbered_by_epoch_belongs_to_the_step_before(tmp_path):
    lines = [train(50, 2.0), {'coco/AP': 0.1, 'step': 0}]
    lines += [train(100, 1.0), {'coco/AP': 0.2, 'step': 2}]
    write_log(tmp_path, '1', lines)
    assert read_training_log(tmp_path)['coco/AP'] == [(50, 0.1), (100, 0.2)]


def test_a_line_cut_off_by_a_kill_is_left_out(tmp_path):
    path = write_log(tmp_path, '1', [train(1, 2.0)])
    path.write_text(path.read_text() + '{"loss": 1.')
    assert read_training_log(tmp_path)['loss'] == [(1, 2.0)]
    path.write_text('{"loss": 1.\n' + path.read_text())
    with pytest.raises(ValueError, match=r'scalars\.json, line 1'):
        read_training_log(tmp_path)


def test_no_log_is_no_series(tmp_path):
    assert read_training_log(tmp_path) == {}


@pytest.fixture
def runner(tmp_path):
    """Trains one number for four iterations."""
    runner = make_runner(tmp_path / 'run', 4)
    runner.register_hook(TrainingCurvesHook())
    return runner


def test_a_training_ends_with_its_curves(runner, tmp_path):
    runner.train()
    picture = cv2.imread(str(tmp_path / 'run' / 'training_curves.png'))
    assert picture.shape[0] > 200
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


def test_a_failure_to_draw_is_a_warning_and_no_more(runner, tmp_path, caplog):
    (tmp_path / 'run' / 'training_curves.png').mkdir(parents=True)
    # Not the current logger: that may be one of another test.
    runner.logger.addHandler(caplog.handler)
    try:
        runner.train()
    finally:
        runner.logger.removeHandler(caplog.handler)
    assert runner.iter == 4
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert any('training_curves.png could not be drawn' in text for text in warnings)
