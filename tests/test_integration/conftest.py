# SPDX-License-Identifier: Apache-2.0
"""Options that point any config at a handful of real photographs on a CPU."""

from collections.abc import Callable
from pathlib import Path

import pytest

from centergroup_mm.lab.mim import ALLOCATOR


def data_options(folder: Path, ann_file: str) -> list[str]:
    """Use ``folder`` for training, validation and testing, one image at a time."""
    options = []
    for name in ('train', 'val', 'test'):
        loader = f'{name}_dataloader'
        options += [
            f'{loader}.batch_size=1',
            f'{loader}.num_workers=0',
            f'{loader}.persistent_workers=False',
            f'{loader}.dataset.data_root={folder}/',
            f'{loader}.dataset.ann_file={ann_file}',
            f'{loader}.dataset.data_prefix.img=',
        ]
    return options


# As the README tells users without a GPU and without pretrained weights.
CPU_OPTIONS = [
    'optim_wrapper.type=OptimWrapper',
    'model.freeze_detector_bn=False',
    'model.backbone.init_cfg=None',
]


@pytest.fixture
def mim(run_cli, repo_root) -> Callable[..., str]:
    """Run a ``mim`` command in the checkout; returns what it printed."""

    def run(*args: str | Path, timeout: float = 900) -> str:
        result = run_cli(['mim', *args], cwd=repo_root, timeout=timeout, env=ALLOCATOR)
        return result.stdout

    return run
