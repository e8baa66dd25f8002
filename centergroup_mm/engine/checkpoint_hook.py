# SPDX-License-Identifier: Apache-2.0
"""A checkpoint hook that never leaves a run without a checkpoint to resume from."""

import re
import zipfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from mmengine.dist import barrier, is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmpose.registry import HOOKS

from .atomic_files import PARTIAL_SUFFIX, AtomicLocalBackend, write_atomically


def is_whole(checkpoint: Path) -> bool:
    """Tell whether a file that ``torch.save`` wrote is there with nothing missing.

    It is a zip archive with its index at the end and a checksum for each part.
    """
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, proof against being killed at any moment.

    The host removes the oldest checkpoint and then writes the new one in place:
    killed while saving, a run that keeps one checkpoint has none. Here the new
    file is written beside its place and renamed, and only then the old one goes.
    When a run resumes and its ``last_checkpoint`` names a file that is missing or
    broken, it resumes from the newest whole one instead.

    The arguments are those of ``CheckpointHook``. With a remote ``out_dir`` or
    ``backend_args`` of the user's own, saving is left to that backend.
    """

    def before_run(self, runner) -> None:
        """Mend ``last_checkpoint``, which the runner reads right after this."""
        super().before_run(runner)
        resumes_by_itself = runner._resume and runner._load_from is None
        if resumes_by_itself and is_main_process():
            self._mend_last_checkpoint(runner)
        barrier()

    def before_train(self, runner) -> None:
        """Choose the atomic backend for local folders and clear old fragments."""
        local = isinstance(get_file_backend(runner.work_dir), LocalBackend) and (
            self.out_dir is None
            or isinstance(get_file_backend(self.out_dir), LocalBackend)
        )
        if local and self.backend_args is None and self.file_client_args is None:
            self.backend_args = {'backend': 'atomic_local'}
        super().before_train(runner)
        if isinstance(self.file_backend, AtomicLocalBackend) and is_main_process():
            for fragment in Path(self.out_dir).glob(f'*.pth{PARTIAL_SUFFIX}'):
                fragment.unlink()

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

    def _removals_at_end(self) -> AbstractContextManager:
        backend = getattr(self, 'file_backend', None)
        if isinstance(backend, AtomicLocalBackend):
            return backend.deferred_removal()
        return nullcontext()

    def _mend_last_checkpoint(self, runner) -> None:
        """Point ``last_checkpoint`` to the newest whole checkpoint if it must.

        Raises:
            RuntimeError: If there are checkpoints and none is whole.
        """
        pointer = Path(runner.work_dir) / 'last_checkpoint'
        named = Path(pointer.read_text().strip()) if pointer.is_file() else None
        if named is not None and is_whole(named):
            return
        folder = Path(runner.work_dir)
        if self.out_dir is not None:
            folder = Path(self.out_dir) / folder.name
        candidates = self._checkpoints(folder)
        whole = next((path for path in candidates if is_whole(path)), None)
        if whole is not None:
            runner.logger.warning(
                f'{pointer} names {named}, which is missing or broken; resuming '
                f'from {whole}, the newest whole checkpoint.'
            )
            write_atomically(pointer, str(whole).encode())
        elif named is not None or candidates:
            raise RuntimeError(
                f'Cannot resume: {named or candidates[0]} is missing or broken, and '
                f'{folder} holds no whole checkpoint named like '
                f'{self.filename_tmpl!r}. Start afresh without --resume, or give '
                'the file to resume from.'
            )

    def _checkpoints(self, folder: Path) -> list[Path]:
        """List the checkpoints that this hook wrote to a folder, newest first."""
        before, after = map(re.escape, self.filename_tmpl.split('{}'))
        steps = {
            path: re.fullmatch(f'{before}(\\d+){after}', path.name)
            for path in folder.glob('*')
        }
        found = [path for path, step in steps.items() if step]
        return sorted(found, key=lambda path: int(steps[path][1]), reverse=True)
