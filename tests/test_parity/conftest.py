# SPDX-License-Identifier: Apache-2.0
"""The reference implementation's fixtures, converted and run."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmpose.apis import init_model

from centergroup_mm.conversion import convert_checkpoint

INPUT_SIZE = 256
IMAGES = {
    'coco_flip': '000000196141.jpg',
    'coco_noflip': '000000000785.jpg',
    'coco_ms': '000000000785.jpg',
}


@pytest.fixture(scope='session')
def converted(parity_dir, tmp_path_factory):
    """Convert a fixture's checkpoint, once; returns its config file."""
    folder = tmp_path_factory.mktemp('converted')

    def convert(name: str) -> Path:
        config = folder / f'{name}.py'
        if not config.exists():
            source = parity_dir / f'{name}.ckpt'
            convert_checkpoint(source, config.with_suffix('.pth'), INPUT_SIZE)
        return config

    return convert


@pytest.fixture(scope='session')
def open_case(converted, parity_dir, coco_mini):
    """Everything about a fixture: config, model, reference values, image."""

    def make(name: str, device: str | torch.device = 'cpu') -> SimpleNamespace:
        file = converted(name)
        config = Config.fromfile(file)
        config.model.test_cfg.flip_test = name != 'coco_noflip'
        if name == 'coco_ms':
            config.merge_from_dict(
                {
                    'model.test_cfg.multiscale_test': True,
                    'test_dataloader.dataset.pipeline.1.aug_scales': [0.5, 2],
                }
            )
        weights = str(file.with_suffix('.pth'))
        return SimpleNamespace(
            config=config,
            weights=weights,
            model=init_model(config, weights, device=str(device)),
            reference=dict(np.load(parity_dir / f'{name}.npz')),
            image=str(coco_mini / IMAGES[name]),
        )

    return make


def load_sample(case: SimpleNamespace) -> dict:
    """The image file through the pipeline of the config."""
    pipeline = Compose(case.config.test_dataloader.dataset.pipeline)
    return pipeline({'img_path': case.image, **case.model.dataset_meta})


def preprocess(case: SimpleNamespace) -> dict:
    """The image file as the network's input."""
    batch = pseudo_collate([load_sample(case)])
    return case.model.data_preprocessor(batch, training=False)


@torch.no_grad()
def run_model(case: SimpleNamespace, inputs, data_samples) -> tuple[dict, object]:
    """Predict, and catch what the parts of the model return on the way."""
    caught = {}
    handles = [
        module.register_forward_hook(
            lambda module, args, output, name=name: caught.update(
                {name: output, f'{name}_inputs': args}
            )
        )
        for name, module in case.model.head.named_children()
        if name in ('detector', 'tokenizer', 'grouping')
    ]
    try:
        (result,) = case.model(inputs, data_samples, mode='predict')
    finally:
        for handle in handles:
            handle.remove()
    return caught, result.pred_instances
