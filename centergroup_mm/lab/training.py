# SPDX-License-Identifier: Apache-2.0
"""Training once: kept when finished, taken up again when stopped, never mixed up."""

import ast
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..checkpoint_files import read_checkpoint
from ..engine.checkpoint_hook import is_whole
from ..folder_lock import FolderLock
from .mim import CommandFailed, run_mim, shown

# What makes a training the same as an earlier one.
COMPARED = (
    'model',
    'train_dataloader',
    'optim_wrapper',
    'param_scheduler',
    'train_cfg',
    'randomness',
)
# Of the text that a checkpoint holds; configs of this package have some 20,000.
LONGEST_CONFIG = 1_000_000


def train_once(config: Path, work_dir: Path, options: dict, advice: str) -> Path:
    """Train a config by ``mim train``, unless that is already done.

    Args:
        config (Path): The config file.
        work_dir (Path): Checkpoints and logs.
        options (dict): Changes of the config, as in ``--cfg-options``.
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


def train_two_stages(
    detector: Path, centergroup: Path, work_dir: Path, options: dict
) -> None:
    """Train a detector, then CenterGroup from it, and print both checkpoints.

    Args:
        detector (Path): Config of the detector.
        centergroup (Path): Config of a CenterGroup on it.
        work_dir (Path): Gets a folder for each.
        options (dict): Changes of both configs, by dotted name.

    Raises:
        CommandFailed: As in :func:`train_once`.
        FolderInUse: As in :func:`train_once`.
    """
    advice = 'Remove it, or choose another --work-dir.'
    first = train_once(detector, work_dir / 'detector', options, advice)
    options = {**options, 'load_from': str(first)}
    second = train_once(centergroup, work_dir / 'centergroup', options, advice)
    print(f'detector {first}\nCenterGroup {second}')


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

    Raises:
        CommandFailed: If the settings differ, or the checkpoint does not hold them.
        CheckpointFileError: If it cannot be read.
    """
    checkpoint = read_checkpoint(earlier)
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    text = meta.get('cfg') if isinstance(meta, dict) else None
    try:
        before = read_assignments(text if isinstance(text, str) else '')
    except ValueError as error:
        raise CommandFailed(
            f'{earlier} holds settings that no training has written ({error}). {advice}'
        ) from None
    wanted = settings.to_dict()
    for part in COMPARED:
        if before.get(part) != wanted.get(part):
            raise CommandFailed(
                f'{earlier.parent} holds a training with another "{part}". {advice}'
            )


def read_assignments(text: str) -> dict:
    """Read the text of a config as data: names, and the literals assigned to them.

    This is what mmengine writes into checkpoints. As Python it could do anything.

    Args:
        text (str): Lines such as ``model = dict(type='A', sizes=[1, 2])``.

    Raises:
        ValueError: If there is anything but literals and ``dict(...)`` of them.
    """
    if len(text) > LONGEST_CONFIG:
        raise ValueError(f'{len(text):,} characters')
    try:
        lines = ast.parse(text).body
    except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
        raise ValueError('not a config') from error
    found = {}
    for line in lines:
        simple = isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
        if not simple:
            raise ValueError(f'line {line.lineno} assigns no name')
        found[line.targets[0].id] = _literal(line.value)
    return found


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        named = {entry.arg: _literal(entry.value) for entry in node.keywords}
        if node.func.id == 'dict' and not node.args:
            return named
        # The host's spelling of a dictionary whose keys are no names.
        if node.func.id == 'dict' and isinstance(node.args[0], ast.Dict):
            return {**_literal(node.args[0]), **named}
    elif isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {ast.literal_eval(key): _literal(value) for key, value in pairs}
    elif isinstance(node, ast.List):
        return [_literal(entry) for entry in node.elts]
    elif isinstance(node, ast.Tuple):
        return tuple(_literal(entry) for entry in node.elts)
    elif isinstance(node, ast.Constant | ast.UnaryOp):
        return ast.literal_eval(node)
    raise ValueError(f'line {node.lineno} computes something')
