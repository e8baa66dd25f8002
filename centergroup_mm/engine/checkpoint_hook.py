# SPDX-License-Identifier: Apache-2.0
"""A checkpoint hook that never leaves a run without a checkpoint to resume from."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from mmengine.dist import barrier, is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import BaseLoop
from mmpose.registry import HOOKS

from ..files import write_atomically
from ..folder_lock import FolderLock
from .atomic_backend import AtomicLocalBackend
from .checkpoint_folder import POINTER, CheckpointFolder, is_whole, named_checkpoint
from .training_state import get_training_state

__all__ = ['AtomicCheckpointHook', 'is_whole']


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, proof against being killed at any moment.

    The host removes the oldest checkpoint and then writes the new one in place:
    killed while saving, a run that keeps one checkpoint has none. Here the new
    file is written beside its place and renamed, and only then the old one goes.
    When a run resumes and its ``last_checkpoint`` names a file that is missing or
    broken, it resumes from the newest whole one instead. What ``ExactResumeHook``
    needs to go on as if nothing had happened is saved too.

    A work folder belongs to one training at a time; a second one is refused. A
    training that starts afresh in a used folder first puts the checkpoints there
    aside, into ``earlier_1`` and so on, so that nobody resumes from them later.

    The arguments are those of ``CheckpointHook``. With a remote ``out_dir`` or
    ``backend_args`` of the user's own, saving is left to that backend.
    """

    def before_run(self, runner) -> None:
        """Take the folder and correct ``last_checkpoint``, which is read right after.

        Raises:
            FolderInUse: If another training has the folder.
        """
        super().before_run(runner)
        if self._is_local(runner) and is_main_process():
            folder = self._folder(runner)
            # The loop of a training is built by now, if it is a training.
            if isinstance(runner._train_loop, BaseLoop):
                self._take_folder(runner, folder)
            if runner._resume and runner._load_from is None:
                self._put_earlier_aside(runner, folder)
                self._correct_pointer(runner, folder)
        barrier()

    def before_train(self, runner) -> None:
        """Choose the atomic backend for local folders and clear old files."""
        local = self._is_local(runner)
        folder = self._folder(runner) if local else None
        if local and self.backend_args is None and self.file_client_args is None:
            self.backend_args = {
                'backend': 'atomic_local',
                'folder': str(folder.folder),
            }
        if folder is not None:
            self._forget_files_of_others(runner, folder)
        super().before_train(runner)
        if isinstance(self.file_backend, AtomicLocalBackend) and is_main_process():
            # It may have started from one of them, which is read by now.
            self._put_earlier_aside(runner, folder)
            self._clear(runner, folder)

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        """Save if it is time, then remove what is outdated."""
        with self._removals_at_end():
            super().after_train_iter(runner, *args, **kwargs)

    def after_train_epoch(self, runner) -> None:
        """Save if it is time, then remove what is outdated."""
        with self._removals_at_end():
            super().after_train_epoch(runner)

    def after_val_epoch(self, runner, metrics) -> None:
        """Save the best checkpoint, then remove the one it replaces."""
        with self._removals_at_end():
            super().after_val_epoch(runner, metrics)

    def after_run(self, runner) -> None:
        """Give the folder back."""
        super().after_run(runner)
        if lock := getattr(self, '_lock', None):
            lock.release()

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        # Every rank comes here, which cannot be said of ``before_save_checkpoint``.
        meta = {**meta, 'training_state': get_training_state(runner)}
        super()._save_checkpoint_with_step(runner, step, meta)
        if isinstance(self.file_backend, AtomicLocalBackend) and is_main_process():
            # Once more: the host has neither renamed nor synced it.
            write_atomically(Path(runner.work_dir, POINTER), self.last_ckpt.encode())

    def _removals_at_end(self) -> AbstractContextManager:
        backend = getattr(self, 'file_backend', None)
        if isinstance(backend, AtomicLocalBackend):
            return backend.deferred_removal()
        return nullcontext()

    def _is_local(self, runner) -> bool:
        return isinstance(get_file_backend(runner.work_dir), LocalBackend) and (
            self.out_dir is None
            or isinstance(get_file_backend(self.out_dir), LocalBackend)
        )

    def _folder(self, runner) -> CheckpointFolder:
        """Where the host will save, which it works out later."""
        folder = Path(runner.work_dir)
        if self.out_dir is not None:
            folder = Path(self.out_dir) / folder.name
        return CheckpointFolder(folder, self.filename_tmpl)

    def _take_folder(self, runner, folder: CheckpointFolder) -> None:
        self._lock = FolderLock(runner.work_dir, 'another training')
        if not self._lock.acquire():
            runner.logger.warning(
                f'The file system of {runner.work_dir} has no locks: nothing keeps a '
                'second training from the same folder.'
            )
        if not runner._resume:
            Path(runner.work_dir, POINTER).unlink(missing_ok=True)
            folder.start_afresh()

    def _forget_files_of_others(self, runner, folder: CheckpointFolder) -> None:
        """Leave out best checkpoints that this training cannot have written.

        The one that it resumes may come from another folder, or from a stranger.
        """
        info = runner.message_hub.runtime_info
        for key in [key for key in info if key.startswith('best_ckpt')]:
            if not folder.has_best(info[key]):
                info.pop(key)

    def _put_earlier_aside(self, runner, folder: CheckpointFolder) -> None:
        if aside := folder.put_earlier_aside():
            runner.logger.warning(
                f'{folder.folder} held checkpoints of an earlier training, which are '
                f'now in {aside}: this one starts afresh.'
            )

    def _correct_pointer(self, runner, folder: CheckpointFolder) -> None:
        """Point ``last_checkpoint`` to the newest whole checkpoint if it must.

        Raises:
            RuntimeError: If there are checkpoints and none is whole.
        """
        pointer = Path(runner.work_dir, POINTER)
        named = named_checkpoint(pointer.parent)
        if named is not None and is_whole(named):
            return
        candidates = folder.newest_first()
        whole = next((path for path in candidates if is_whole(path)), None)
        if whole is not None:
            runner.logger.warning(
                f'{pointer} names {named or "nothing"}, which is missing or broken; '
                f'resuming from {whole}, the newest whole checkpoint.'
            )
            write_atomically(pointer, str(whole).encode())
        elif named is not None or candidates:
            raise RuntimeError(
                f'Cannot resume: {named or candidates[0]} is missing or broken, and '
                f'{folder.folder} holds no whole checkpoint named like '
                f'{self.filename_tmpl!r}. Start afresh without --resume, or give '
                'the file to resume from.'
            )
        else:
            # The host would resume from a file of whatever name is in it.
            pointer.unlink(missing_ok=True)

    def _clear(self, runner, folder: CheckpointFolder) -> None:
        info = runner.message_hub.runtime_info
        best = {
            Path(path).name
            for key, path in info.items()
            if key.startswith('best_ckpt') and path
        }
        folder.clear(
            step=runner.epoch if self.by_epoch else runner.iter,
            keep=self.keep_ckpt_ids if self.max_keep_ckpts > 0 else None,
            best={folder.folder / name for name in best} if self.save_best else set(),
        )
