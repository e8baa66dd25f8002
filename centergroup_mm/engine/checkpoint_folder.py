# SPDX-License-Identifier: Apache-2.0
"""The checkpoints in a folder: which are whole, which are whose, which can go."""

import os
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ..files import FRAGMENT, read_note

# Names the checkpoint to resume from; written by the host.
POINTER = 'last_checkpoint'
# There from the start of a new training until the checkpoints of an earlier one have
# been put aside.
_STARTED_AFRESH = '.started_afresh'


def is_whole(checkpoint: Path) -> bool:
    """Tell whether a file that ``torch.save`` wrote is there with nothing missing.

    It is a zip archive with its index at the end and a checksum for each part.
    """
    try:
        # A pipe would wait for a writer, a device may have no end.
        if not checkpoint.is_file():
            return False
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is None
    # A damaged index makes zipfile fail in a dozen ways; none of them is whole.
    except Exception:
        return False


def named_checkpoint(work_dir: Path) -> Path | None:
    """Return the checkpoint that ``last_checkpoint`` names.

    None if it names none: it is missing, empty, or not the text that was written, as
    the zeros that a power failure leaves.
    """
    name = (read_note(work_dir / POINTER) or '').strip()
    return Path(name) if name.isprintable() and name else None


class CheckpointFolder:
    """The folder that a checkpoint hook writes to.

    Args:
        folder (Path): The folder, which may be missing.
        template (str): Of the names, such as ``iter_{}.pth``.
    """

    def __init__(self, folder: Path, template: str) -> None:
        self.folder = folder
        before, after = map(re.escape, re.split(r'\{.*?\}', template))
        self._name = re.compile(f'(?P<best>best_.+_)?{before}(?P<step>\\d+){after}')

    def steps(self, best: bool = False) -> dict[Path, int]:
        """Map the regular (or the best) checkpoints to their iterations or epochs."""
        matches = {path: self._name.fullmatch(path.name) for path in self._files()}
        return {
            path: int(match['step'])
            for path, match in matches.items()
            if match and bool(match['best']) == best
        }

    def has_best(self, path: str) -> bool:
        """Tell whether a path is that of a best checkpoint in this folder."""
        match = self._name.fullmatch(os.path.basename(path))
        return bool(match and match['best']) and os.path.realpath(
            os.path.dirname(path)
        ) == os.path.realpath(self.folder)

    def newest_first(self) -> list[Path]:
        """List the regular checkpoints in the order of their writing."""
        steps = self.steps()

        def age(path: Path) -> tuple[int, int]:
            return path.stat().st_mtime_ns, steps[path]

        return sorted(steps, key=age, reverse=True)

    def start_afresh(self) -> None:
        """Note that what is here belongs to an earlier training.

        It is still needed if the new training starts from one of these checkpoints.
        """
        if self.steps() or self.steps(best=True):
            (self.folder / _STARTED_AFRESH).touch()

    def put_earlier_aside(self) -> Path | None:
        """Move what :meth:`start_afresh` noted to a folder of its own beneath.

        Returns:
            Path | None: That folder, or None if there was nothing to move.
        """
        note = self.folder / _STARTED_AFRESH
        if not note.exists():
            return None
        number = 1
        while (aside := self.folder / f'earlier_{number}').exists():
            number += 1
        aside.mkdir()
        for path in [*self.steps(), *self.steps(best=True)]:
            path.rename(aside / path.name)
        note.unlink()
        return aside

    def clear(self, step: int, keep: Iterable[int] | None, best: set[Path]) -> None:
        """Remove what earlier processes left when they were killed.

        Args:
            step (int): Where training goes on; what is later is left alone.
            keep (Iterable[int] | None): The checkpoints before it that stay; None keeps
                all.
            best (set[Path]): The best checkpoints that stay.
        """
        for path in self._files():
            if FRAGMENT.fullmatch(path.name):
                path.unlink()
        if keep is not None:
            for path, number in self.steps().items():
                if number < step and number not in keep:
                    path.unlink()
        if best:
            for path, number in self.steps(best=True).items():
                if number < step and path not in best:
                    path.unlink()

    def _files(self) -> list[Path]:
        return [path for path in self.folder.glob('*') if path.is_file()]
