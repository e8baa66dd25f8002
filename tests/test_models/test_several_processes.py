# SPDX-License-Identifier: Apache-2.0
"""Two processes with two images each learn what one process learns from four."""

import os
import traceback

import pytest
import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel

from .variants import ASSIGN_ALL, CROWD_TRAINING, RELEASED

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')

GATED = RELEASED | {'head.grouping_loss.oks_gate': 0.1}


@pytest.fixture
def batch(make_sample, make_images, people):
    """Four images: two people and one, nobody and one that is seen in part."""
    partly = torch.tensor([[1.0, 0, 1, 0, 0]])
    samples = [
        make_sample(people),
        make_sample(people[:1]),
        make_sample(),
        make_sample(people[1:], visible=partly),
    ]
    return make_images(*[(64, 64)] * 4), samples


def train_step(model, images, samples):
    """Losses and gradients of a batch, batch norms frozen."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    inner = getattr(model, 'module', model)
    data = inner.data_preprocessor({'inputs': images, 'data_samples': samples}, True)
    losses = model(**data, mode='loss')
    inner.parse_losses(losses)[0].backward()
    return losses, [p.grad for p in inner.parameters() if p.requires_grad]


def run_rank(rank, model, batch, folder):
    """What one of two processes does."""
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/meeting', rank=rank, world_size=2
    )
    model = MMDistributedDataParallel(model, device_ids=None)
    own = slice(2 * rank, 2 * rank + 2)
    losses, gradients = train_step(model, *(part[own] for part in batch))
    torch.save((losses['matched'], gradients), folder / f'{rank}.pt')


def run_two(model, batch, folder):
    """Fork both processes, as the host's data loaders do, and wait for them."""
    children = []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run_rank(rank, model, batch, folder)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0, 0]
    return [torch.load(folder / f'{rank}.pt') for rank in range(2)]


@pytest.mark.parametrize(
    'variant', [{}, GATED, CROWD_TRAINING], ids=['paper', 'released', 'crowds']
)
def test_gradients_are_those_of_the_whole_batch(build, batch, tmp_path, variant):
    model = build(ASSIGN_ALL | variant).train()
    ranks = run_two(model, batch, tmp_path)
    # The processes count differently: each mean alone would be another.
    assert ranks[0][0] > ranks[1][0] > 0
    _, expected = train_step(model, *batch)
    scale = max(gradient.abs().max() for gradient in expected)
    for _, gradients in ranks:
        for found, wanted in zip(gradients, expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6 * scale)
