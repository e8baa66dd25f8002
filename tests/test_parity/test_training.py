# SPDX-License-Identifier: Apache-2.0
"""The released variant trains on from released weights, through its own pipeline."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.apis import init_model
from mmpose.registry import DATASETS


@pytest.fixture(scope='module')
def trainee(converted, coco_mini):
    """A model, and a batch of two images by the training pipeline of its config."""
    file = converted('coco_flip')
    config = Config.fromfile(file)
    config.train_dataloader.dataset.update(
        data_root=str(coco_mini), ann_file='test_coco.json', data_prefix=dict(img='')
    )
    model = init_model(str(file), config.load_from, device='cpu')
    dataset = DATASETS.build(config.train_dataloader.dataset)
    np.random.seed(0)
    return model, pseudo_collate([dataset[0], dataset[1]])


def test_oks_gate_gets_its_sigmas_from_the_dataset(trainee):
    model, batch = trainee
    for sample in batch['data_samples']:
        assert len(sample.metainfo['sigmas']) == 17
    # However far the centers of this model lie from the people.
    model.head.assigner.max_cost = 1.0
    data = model.data_preprocessor(batch, training=True)
    losses = model(**data, mode='loss')
    assert losses['matched'] > 0
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    gradients = [
        weight.grad
        for module in model.head.grouping.grouping_modules
        for weight in module.visibility_mlp.parameters()
    ]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)

    gate, model.head.grouping_loss.oks_gate = model.head.grouping_loss.oks_gate, None
    ungated = model(**data, mode='loss')
    model.head.grouping_loss.oks_gate = gate
    assert gate == 0.5
    assert losses['loss_visibility'] != ungated['loss_visibility']
    assert losses['loss_location'] == ungated['loss_location']
