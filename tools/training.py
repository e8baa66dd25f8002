# SPDX-License-Identifier: Apache-2.0
"""Training once: kept when finished, taken up again when stopped, never mixed up."""

from pathlib import Path

from mim_command import CommandFailed, run_mim
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from centergroup_mm.engine import allow_own_checkpoints
from centergroup_mm.engine.checkpoint_hook import is_whole
from centergroup_mm.folder_lock import FolderLock

# What makes a training the same as an earlier one.
COMPARED = (
    'model',
    'train_dataloader',
    'optim_wrapper',
    'param_scheduler',
    'train_cfg',
    'randomness',
)


def train_once(config: Path, work_dir: Path, options: dict, advice: str) -> Path:
    """Train a config by ``mim train``, unless that is already done.

    Args:
        config (Path): The config file.
        work_dir (Path): Checkpoints and logs.
        options (dict): Changes of the config, as of ``--cfg-options``.
        advice (str): What to do about another training in ``work_dir``.

    Returns:
        Path: The last checkpoint.

    Raises:
        CommandFailed: If training fails, or ``work_dir`` holds another one.
        FolderInUse: If another process trains in ``work_dir``.
    """
    check_unused(work_dir)
    settings = Config.fromfile(config)
    settings.merge_from_dict(options)
    checkpoint = work_dir / f'iter_{settings.train_cfg.max_iters}.pth'
    saved = sorted(work_dir.glob('iter_*.pth'), key=lambda path: path.stat().st_mtime)
    resume = bool(saved)
    # The host is told to resume from the newest whole one too.
    if whole := next((path for path in reversed(saved) if is_whole(path)), None):
        check_same_training(settings, whole, advice)
    if checkpoint.is_file() and is_whole(checkpoint):
        print(f'{checkpoint} is already there')
        return checkpoint
    if resume:
        # The host would resume from `load_from` instead of from what is here.
        options = {key: value for key, value in options.items() if key != 'load_from'}
    overrides = [f'{key}={value}' for key, value in options.items()]
    run_mim(
        ['train', 'mmpose', shown(config), *['--resume'] * resume]
        + ['--work-dir', work_dir]
        + ['--cfg-options', *overrides] * bool(overrides)
    )
    return checkpoint


def check_unused(work_dir: Path) -> None:
    """Refuse a folder in which another process trains.

    The training itself looks too; here it is told before anything is done.

    Raises:
        FolderInUse: If there is one.
    """
    if work_dir.is_dir():
        FolderLock(work_dir, 'another training').check()


def check_same_training(settings: Config, earlier: Path, advice: str) -> None:
    """Refuse to go on with a training of other settings.

    Args:
        settings (Config): The settings wanted.
        earlier (Path): A checkpoint, which holds the config that it was trained by. The
            config file beside it is that of the last command, perhaps of a test.
        advice (str): What to do about it.
    """
    allow_own_checkpoints()
    checkpoint = CheckpointLoader.load_checkpoint(str(earlier), map_location='cpu')
    before = Config.fromstring(checkpoint['meta']['cfg'], '.py')
    for part in COMPARED:
        if before.get(part) != settings.get(part):
            raise CommandFailed(
                f'{earlier.parent} holds a training with another "{part}". {advice}'
            )


def shown(path: Path) -> Path:
    """A path as short as it can be from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
