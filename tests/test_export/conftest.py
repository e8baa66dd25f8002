# SPDX-License-Identifier: Apache-2.0
"""Exported models: an export takes a minute or more, so each is made once."""

import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from mmpose.utils import register_all_modules

from centergroup_mm.conversion import convert_checkpoint
from centergroup_mm.export import export_onnx

# Of everything that a machine without the training stack lacks.
BLOCKED = ('torch', 'torchvision', 'mmengine', 'mmcv', 'mmdet', 'mmpose', 'scipy')


@pytest.fixture(scope='session')
def write_model(repo_root, tmp_path_factory, show_peaks):
    """Write a config and random weights that see peaks.

    Called as ``write_model(name, settings=None, num_keypoints=None, folder=None)``;
    ``name`` is of a config; of ``num_keypoints`` types each two are sides of one, an
    odd one is its own mirror image. Returns ``config``, ``checkpoint`` and ``folder``.
    """

    def write(name, settings=None, num_keypoints=None, folder=None):
        folder = folder or tmp_path_factory.mktemp('model')
        config = Config.fromfile(repo_root / 'configs' / f'{name}.py')
        config.model.backbone.init_cfg = None
        config.merge_from_dict(settings or {})
        meta = {}
        if num_keypoints is not None:
            config.model.head.num_keypoints = num_keypoints
            meta = dict(
                dataset_meta=dict(
                    dataset_name='by_hand',
                    keypoint_id2name={i: f'type {i}' for i in range(num_keypoints)},
                    flip_indices=[
                        i ^ 1 if i ^ 1 < num_keypoints else i
                        for i in range(num_keypoints)
                    ],
                    skeleton_links=[],
                    sigmas=[0.05] * num_keypoints,
                )
            )
        config.dump(folder / 'model.py')
        register_all_modules()
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmpose'):
            model = MODELS.build(config.model)
        show_peaks(model)
        torch.save(dict(state_dict=model.state_dict(), meta=meta), folder / 'model.pth')
        return SimpleNamespace(
            config=folder / 'model.py', checkpoint=folder / 'model.pth', folder=folder
        )

    return write


@pytest.fixture(scope='session')
def shared(tmp_path_factory, worker_id):
    """Make something once for all processes of tests: an export takes minutes.

    Called as ``shared(name, make)``, ``make`` taking an empty folder. Returns it.
    """
    folder = tmp_path_factory.getbasetemp()
    if worker_id != 'master':
        folder = folder.parent

    def once(name, make):
        with FileLock(folder / f'{name}.lock'):
            if not (folder / name).is_dir():
                partial = folder / f'{name}.partial'
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                make(partial)
                partial.rename(folder / name)
        return folder / name

    return once


@pytest.fixture(scope='session')
def tiny(write_model, shared):
    """The tiny model, exported: ``config``, ``checkpoint``, ``file`` and ``report``."""

    def make(folder):
        settings = {'model.test_cfg.flip_test': False}
        written = write_model('centergroup_tiny', settings, folder=folder)
        export_onnx(
            written.config,
            written.checkpoint,
            folder / 'tiny.onnx',
            license_of_weights='CC0-1.0',
        )

    folder = shared('tiny', make)
    report = folder / 'tiny.report.json'
    return SimpleNamespace(
        config=folder / 'model.py',
        checkpoint=folder / 'model.pth',
        folder=folder,
        file=folder / 'tiny.onnx',
        report=report,
        content=json.loads(report.read_text()),
    )


@pytest.fixture(scope='session')
def reference_model(parity_dir, shared):
    """Export a model of the reference's fixtures, with its flip test if it has one.

    Called as ``reference_model(name)``; returns the file.
    """

    def export(name):
        def make(folder):
            weights = folder / f'{name}.pth'
            convert_checkpoint(parity_dir / f'{name}.ckpt', weights, 256)
            export_onnx(
                weights.with_suffix('.py'),
                weights,
                folder / f'{name}.onnx',
                flip_test=name == 'coco_flip',
            )

        return shared(name, make) / f'{name}.onnx'

    return export


@pytest.fixture
def run_light(run_without):
    """Run Python where torch and the host cannot be imported.

    Called as ``run_light(arguments, check=True)``; the working folder is ``tmp_path``.
    """

    def run(arguments, check=True):
        return run_without(BLOCKED, arguments, check)

    return run
