# SPDX-License-Identifier: Apache-2.0
"""Resuming as if the training had never been interrupted."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, IterBasedTrainLoop
from mmpose.registry import HOOKS

from ..checkpoint_files import CheckpointFileError
from ..files import read_note, write_atomically
from .random_states import get_random_states, set_random_states
from .training_state import (
    bare_model,
    check_training_state,
    set_gradients,
    set_own_random_states,
)

# Holds the last iteration whose validation is done.
VALIDATED = '.validated'


class ResumedBatches:
    """The batches of a training that is resumed.

    Args:
        batches (Iterator): All batches of the training, from its first start on.
        skipped (int): How many the host will ask for and throw away, as they have been
            trained on.
        resume (Callable): Called once, before the next one is loaded.
    """

    def __init__(
        self, batches: Iterator, skipped: int, resume: Callable[[], None]
    ) -> None:
        self._batches = batches
        self._skipped = skipped
        self._resume = resume

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        if self._skipped == 0:
            self._resume()
        self._skipped -= 1
        return next(self._batches)


def _check_progress(loop: BaseLoop, meta: dict, name: str) -> None:
    """The host loads and throws away a batch for each iteration that is done."""
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    unit = 'epoch' if by_epoch else 'iter'
    done, total = meta[unit], loop.max_epochs if by_epoch else loop.max_iters
    if done > total:
        raise CheckpointFileError(
            f'{name} has {unit} {done}, and this training ends at {total}. Train for '
            'longer, or resume from another checkpoint.'
        )


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Resume with all that the uninterrupted training would have had.

    ``AtomicCheckpointHook`` saves it: the states of the random generators, which
    dropout and augmentation draw from, and the gradients that wait for the next step
    if they are accumulated. On a CPU a training by iterations, as all configs here, is
    then equal bit for bit to one that was never stopped. Validation leaves no trace in
    the generators. One that was due at the checkpoint, and was not finished when the
    training was killed, is made up for.

    A training by epochs goes on with the states of the main process at the start of an
    epoch; data workers that stay alive draw others, and no validation is made up for.
    """

    # Behind DataLoadingHook, which makes the batches.
    priority = 'ABOVE_NORMAL'

    def __init__(self) -> None:
        self._state = None
        self._states_in_training = None

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Take what has been saved.

        Raises:
            CheckpointFileError: If this training cannot go on from it.
        """
        if runner._resume:
            name = getattr(checkpoint, 'file', 'The checkpoint')
            _check_progress(runner.train_loop, checkpoint['meta'], name)
            self._state = checkpoint['meta'].get('training_state')
            if self._state is not None:
                check_training_state(self._state, bare_model(runner), name)
            else:
                runner.logger.warning(
                    'The checkpoint holds no states of random generators: augmentation '
                    'and dropout go on with others than without the interruption.'
                )

    def before_train(self, runner) -> None:
        """Put the gradients back, and arrange for the random states."""
        if self._state is None:
            if is_main_process():
                Path(runner.work_dir, VALIDATED).unlink(missing_ok=True)
            return
        set_gradients(runner, self._state)
        loop = runner.train_loop
        # By epochs nothing is skipped: see before_train_epoch.
        if isinstance(loop, IterBasedTrainLoop):
            loop.dataloader_iterator = ResumedBatches(
                loop.dataloader_iterator, loop.iter, lambda: self._set_states(runner)
            )

    def before_train_epoch(self, runner) -> None:
        """Make up for a validation; restore random states if epochs are counted."""
        if not isinstance(runner.train_loop, IterBasedTrainLoop):
            self._set_states(runner)
        elif self._state is not None and self._misses_validation(runner):
            runner.logger.info(f'Validation of iteration {runner.iter}, not yet done.')
            runner.val_loop.run()

    def before_val_epoch(self, runner) -> None:
        """Remember the generators."""
        self._states_in_training = get_random_states()

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Put the generators back, before a best checkpoint is saved."""
        set_random_states(self._states_in_training)

    @master_only
    def after_val(self, runner) -> None:
        """Note that it is done, after the best checkpoint has been saved."""
        if isinstance(runner._train_loop, IterBasedTrainLoop):
            note = Path(runner.work_dir, VALIDATED)
            write_atomically(note, str(runner.iter).encode())

    def _misses_validation(self, runner) -> bool:
        loop, done = runner.train_loop, None
        if runner.val_loop is None or loop.iter < max(loop.val_begin, 1):
            return False
        if loop.iter % loop.val_interval and loop.iter != loop.max_iters:
            return False
        if is_main_process():
            try:
                done = int(read_note(Path(runner.work_dir, VALIDATED)) or 0)
            except ValueError:
                done = 0
        # One answer for all ranks.
        answer = [done]
        broadcast_object_list(answer)
        return answer[0] < loop.iter

    def _set_states(self, runner) -> None:
        state, self._state = self._state, None
        if state is not None and not set_own_random_states(state):
            runner.logger.warning(
                'The checkpoint is of fewer processes: this one has no random states '
                'in it and goes on with others.'
            )
