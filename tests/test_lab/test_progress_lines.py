# SPDX-License-Identifier: Apache-2.0
"""What is shown of the host's log."""

import pytest

from centergroup_mm.lab.mim import describe_estimate, describe_progress

TRAIN = (
    '11/27 00:50:19 - mmengine - INFO - Iter(train) [  20/2000]  base_lr: 6e-04 '
    'lr: 6e-04  eta: 0:14:10  time: 0.43  loss: 61.4301  loss_center: 0.2\n'
)
TEST = '11/27 00:51:19 - mmengine - INFO - Iter(test) [10/32]  eta: 0:00:04  time: 1\n'
PICTURES = '11/27 00:50:30 - mmengine - INFO - Poses after 50 iterations: w d/50.jpg\n'


@pytest.mark.parametrize(
    ('line', 'progress'),
    [
        (TRAIN, 'train 20/2000, 0:14:10 left, loss 61.430'),
        (TEST, 'test 10/32, 0:00:04 left'),
        (PICTURES, 'Poses after 50 iterations: w d/50.jpg'),
        ('11/27 00:50:30 - mmengine - INFO - Saving checkpoint\n', None),
    ],
)
def test_progress_is_what_matters_of_the_log(line, progress):
    assert describe_progress(line) == progress


def test_the_first_lines_of_a_training_tell_how_long_it_takes():
    assert describe_estimate(TRAIN) == (
        'This machine needs 0:14:10 (h:mm:ss) for the remaining 1980 iterations, by '
        'the pace of the first 20.'
    )
    assert describe_estimate(TEST) is None
    assert describe_estimate(PICTURES) is None
