# SPDX-License-Identifier: Apache-2.0
"""The Python of README and of docs runs as it stands there.

Each block is written to the file that its text names, in a folder that holds what the
text says is there: the configs, data and a checkpoint, small ones and untrained.
"""

import json
import re
import runpy
import shutil
from pathlib import Path
from typing import NamedTuple

import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import VISBACKENDS, DefaultScope
from mmpose.apis import MMPoseInferencer
from mmpose.registry import DATASETS, MODELS
from mmpose.utils import register_all_modules

ROOT = Path(__file__).resolve().parents[2]
TYPES = {
    'nose': 0,
    'left_shoulder': 5,
    'right_shoulder': 6,
    'left_hip': 11,
    'right_hip': 12,
}


class Block(NamedTuple):
    """Python of a document."""

    document: str
    text: str

    @property
    def label(self) -> str:
        """Its document and the beginning of its first line."""
        return f'{self.document}: {self.text[:25].splitlines()[0]}'


def read_blocks() -> dict[str, Block]:
    documents = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
    fence = re.compile(r'^```(?:python|py)\n(.*?)^```$', re.DOTALL | re.MULTILINE)
    blocks = [
        Block(path.name, text)
        for path in documents
        for text in fence.findall(path.read_text())
    ]
    labeled = {block.label: block for block in blocks}
    assert len(labeled) == len(blocks)
    return labeled


BLOCKS = read_blocks()
# Where the text puts each block: a config, or a script that is run.
METAINFO = 'README.md: dataset_info = dict('
OWN_DATA = "README.md: _base_ = ['centergroup_w3"
PLUG_IN = 'README.md: custom_imports = dict(imp'
ON_CPUS = "distributed.md: _base_ = ['centergroup_w3"
TENSORBOARD = "error_report.md: _base_ = ['configs/center"
LAYERS = 'visualization.md: visualizer = dict('
SCRIPTS = (
    'README.md: from mmengine.config impo',
    'released_checkpoints.md: from mmpose.apis import M',
    'visualization.md: import cv2',
)
CONFIGS = {
    METAINFO: 'configs/torso_info.py',
    OWN_DATA: 'configs/torso.py',
    PLUG_IN: 'plug_in.py',
    ON_CPUS: 'configs/on_cpus.py',
    TENSORBOARD: 'tensorboard_tiny.py',
    LAYERS: 'layers.py',
}
# Run by the tests of what they are about.
ELSEWHERE = (
    "backbones.md: _base_ = ['configs/higher",  # test_models/test_other_backbones.py
    "backbones.md: _base_ = ['configs/center",
    'deployment.md: from centergroup_mm.runti',  # test_export
    'deployment.md: from rtmlib import RTMO',
    'error_report.md: import numpy as np',  # test_package/test_without_host.py
)
# A part of a config of the reader's own, which begins otherwise.
PARTS = {LAYERS: "_base_ = ['configs/centergroup_tiny.py']\n"}


@pytest.fixture(scope='module')
def prepared(run_cli, save_random_weights, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('reader')
    shutil.copytree(ROOT / 'configs', folder / 'configs')
    crowd = ['data/crowd', '--num-train', '2', '--num-val', '2', '--size', '96']
    run_cli(['python', ROOT / 'tools/make_crowd.py', *crowd], cwd=folder)
    make_torso(folder / 'data' / 'crowd', folder / 'data' / 'torso')

    trained = folder / 'work_dirs' / 'centergroup_tiny' / 'iter_2000.pth'
    trained.parent.mkdir(parents=True)
    save_random_weights(ROOT / 'configs' / 'centergroup_tiny.py', trained)
    for copy in ('CHECKPOINT.pth', 'w32.pth'):
        shutil.copy(trained, folder / copy)
    # The conversion writes a config that inherits from this package's.
    (folder / 'w32.py').write_text(PARTS[LAYERS])
    shutil.copy(folder / 'data/crowd/val/000000.jpg', folder / 'image.jpg')
    for label, name in CONFIGS.items():
        (folder / name).write_text(PARTS.get(label, '') + BLOCKS[label].text)
    return folder


def make_torso(crowd: Path, torso: Path) -> None:
    """People of a crowd, annotated by five of their keypoints."""
    for split in ('train', 'val'):
        content = json.loads((crowd / f'annotations/{split}.json').read_text())
        for annotation in content['annotations']:
            keypoints = annotation['keypoints']
            kept = [keypoints[3 * i : 3 * i + 3] for i in TYPES.values()]
            annotation['keypoints'] = sum(kept, [])
            annotation['num_keypoints'] = sum(v > 0 for *_, v in kept)
        content['categories'][0]['keypoints'] = list(TYPES)
        for image in content['images']:
            name = f'{split}_{image["file_name"]}'
            target = torso / 'images' / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(crowd / split / image['file_name'], target)
            image['file_name'] = name
        (torso / f'{split}.json').write_text(json.dumps(content))


@pytest.fixture
def folder(prepared, monkeypatch) -> Path:
    """The reader's folder, as the current one."""
    monkeypatch.chdir(prepared)
    register_all_modules()
    return prepared


def read_config(label: str) -> Config:
    return Config.fromfile(CONFIGS[label])


def test_no_block_is_left_out():
    assert sorted([*CONFIGS, *SCRIPTS, *ELSEWHERE]) == sorted(BLOCKS)


@pytest.mark.parametrize(
    ('label', 'written'),
    zip(
        SCRIPTS,
        ('work_dirs/poses/predictions/000000.json', 'drawn/image.jpg', 'drawn.png'),
        strict=True,
    ),
)
def test_scripts(folder, label, written):
    script = folder / 'script.py'
    script.write_text(BLOCKS[label].text)
    runpy.run_path(str(script))
    assert (folder / written).stat().st_size > 0


def test_the_layers_are_drawn_by_the_inferencer(folder):
    inferencer = MMPoseInferencer(
        pose2d=CONFIGS[LAYERS], pose2d_weights='CHECKPOINT.pth', device='cpu'
    )
    next(inferencer('image.jpg', vis_out_dir='layers'))
    # Small images are enlarged.
    assert min(cv2.imread('layers/image.jpg').shape[:2]) == 640


def test_one_line_brings_the_plug_in(run_cli, folder):
    show = (
        'from mmengine.config import Config; from mmpose.registry import MODELS; '
        f'Config.fromfile({CONFIGS[PLUG_IN]!r}); print(MODELS.get("CenterGroupHead"))'
    )
    result = run_cli(['python', '-W', 'ignore', '-c', show], cwd=folder)
    assert 'centergroup_mm.models' in result.stdout


def test_own_data(folder):
    """The data sets and a model for them; only a training is left out."""
    config = read_config(OWN_DATA)
    # Without a download.
    config.model.backbone.init_cfg = None
    with DefaultScope.overwrite_default_scope('mmpose'), torch.device('meta'):
        model = MODELS.build(config.model)
    assert model.head.num_keypoints == len(TYPES)
    with DefaultScope.overwrite_default_scope('mmpose'):
        for loader in (config.train_dataloader, config.val_dataloader):
            dataset = DATASETS.build(loader.dataset)
            info = dataset.metainfo
            assert info['keypoint_id2name'] == dict(enumerate(TYPES))
            assert info['flip_indices'] == [0, 2, 1, 4, 3]
            sample = dataset[0]
            assert len(dataset) == 2
            assert sample['inputs'].shape[0] == 3
            shape = sample['data_samples'].gt_instances.keypoints.shape
            assert shape[1:] == (len(TYPES), 2)


def test_on_cpus(folder):
    config = read_config(ON_CPUS)
    assert config.optim_wrapper.type == 'OptimWrapper'
    assert config.optim_wrapper.optimizer.lr == 3e-4
    assert config.model_wrapper_cfg.device_ids is None


def test_two_backends(folder):
    config = read_config(TENSORBOARD)
    assert config.visualizer.type == 'PoseLocalVisualizer'
    kinds = [
        type(VISBACKENDS.build({**backend, 'save_dir': 'backends'})).__name__
        for backend in config.visualizer.vis_backends
    ]
    assert kinds == ['LocalVisBackend', 'TensorboardVisBackend']
