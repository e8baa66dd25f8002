# SPDX-License-Identifier: Apache-2.0
"""The ways on which a file reaches a reader of checkpoints, ready to be gone."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.apis import MMPoseInferencer

from centergroup_mm.checkpoint_files import CheckpointFileError, read_checkpoint
from centergroup_mm.conversion import convert_checkpoint  # noqa: F401 (see TOOLS)
from centergroup_mm.lab.command_line import run_tool  # noqa: F401 (see TOOLS)
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd
from centergroup_mm.lab.mim import CommandFailed
from centergroup_mm.lab.training import check_same_training
from centergroup_mm.models.checkpoints import CheckpointMismatchError

REPO_ROOT = Path(__file__).resolve().parents[2]
CONFIG = REPO_ROOT / 'configs' / 'centergroup_tiny.py'
# These import what they need when called. It is imported above already, so that a
# route does nothing but read.
TOOLS = ('convert_checkpoint', 'publish_model')
ADVICE = 'Choose another folder.'


class Routes:
    """Trains a tiny model for one iteration, whose checkpoint is the good one.

    Args:
        folder (Path): For everything that is written.

    Attributes:
        good (Path): The checkpoint.
        expected_errors (tuple): Errors that users may see.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.expected_errors = (
            CheckpointFileError,
            CheckpointMismatchError,
            FileNotFoundError,
            CommandFailed,
        )
        self._tools = {
            name: runpy.run_path(str(REPO_ROOT / 'tools' / f'{name}.py'))['main']
            for name in TOOLS
        }
        self._config = self._tiny_config()
        self._runner = Runner.from_cfg(self._config)
        self._runner.train()
        self.good = folder / 'work' / 'iter_1.pth'

    def _tiny_config(self) -> Config:
        crowd = self.folder / 'crowd'
        generate_crowd(crowd, CrowdSpec(num_train=2, num_val=1, size=64))
        config = Config.fromfile(CONFIG)
        for part in ('train', 'val', 'test'):
            loader = config[f'{part}_dataloader']
            loader.update(num_workers=0, persistent_workers=False, batch_size=1)
            loader.dataset.data_root = f'{crowd}/'
        config.train_cfg.update(max_iters=1, val_interval=10)
        config.default_hooks.checkpoint.update(interval=1, save_best=None)
        config.work_dir = str(self.folder / 'work')
        config.randomness = dict(seed=0)
        return config

    def all(self) -> dict[str, Callable[[Path], object]]:
        """By name."""
        return dict(
            reader=read_checkpoint,
            load_from=lambda path: self._runner.load_checkpoint(str(path)),
            resume=lambda path: self._runner.resume(str(path)),
            checkpoint=self._test_with,
            inferencer=self._infer_with,
            convert=lambda path: self._tool(
                'convert_checkpoint',
                path,
                'out/converted.pth',
                *('--input-size', '64', '--overwrite'),
            ),
            publish=lambda path: self._tool('publish_model', path, 'out/small.pth'),
            train_once=lambda path: check_same_training(self._config, path, ADVICE),
        )

    def _test_with(self, path: Path) -> None:
        """As ``mim test --checkpoint`` does before it tests."""
        runner = self._runner
        runner._load_from, runner._resume, runner._has_loaded = str(path), False, False
        runner.load_or_resume()

    def _infer_with(self, path: Path) -> None:
        inferencer = MMPoseInferencer(
            pose2d=str(CONFIG), pose2d_weights=str(path), device='cpu'
        )
        next(inferencer(np.zeros((64, 64, 3), np.uint8)))

    def _tool(self, name: str, path: Path, target: str, *options: str) -> None:
        arguments = [str(path), str(self.folder / target), *options]
        sys.exit(self._tools[name](arguments))
