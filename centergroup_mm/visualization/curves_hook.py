# SPDX-License-Identifier: Apache-2.0
"""A picture of the training in the work folder when it has ended."""

from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from ..files import write_atomically
from .curves import draw_curves
from .training_log import read_training_log


@HOOKS.register_module()
class TrainingCurvesHook(Hook):
    """Draw losses by stage and AP from what the host has logged.

    Nothing is logged here: the host's ``LocalVisBackend`` writes the numbers, and
    without it among the visualizer's backends there is nothing to draw. A training that
    was resumed is drawn as a whole.

    Args:
        file_name (str): Within the work folder. Defaults to 'training_curves.png'.
    """

    # Behind the logger, which writes down the last validation.
    priority = 'LOWEST'

    def __init__(self, file_name: str = 'training_curves.png') -> None:
        self.file_name = file_name

    @master_only
    def after_train(self, runner) -> None:
        """Draw."""
        path = Path(runner.work_dir, self.file_name)
        try:
            series = read_training_log(runner.work_dir)
            write_atomically(path, draw_curves(series))
        # Whatever it is: a picture must not end a training.
        except Exception as error:
            runner.logger.warning(
                f'{path} could not be drawn: {type(error).__name__}: {error}'
            )
        else:
            runner.logger.info(f'Training curves: {path}')
