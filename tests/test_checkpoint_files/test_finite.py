# SPDX-License-Identifier: Apache-2.0
"""Which weights are not finite, however they lie in memory."""

import math

import torch

from centergroup_mm.checkpoint_files import not_finite


def test_weights_with_a_nan_or_an_infinity_are_named():
    weights = {
        'good': torch.zeros(3),
        'nan': torch.tensor([0.0, math.nan]),
        'infinite': torch.tensor([-math.inf], dtype=torch.float16),
        'complex': torch.tensor([complex(0, math.nan)]),
        'eight bits': torch.tensor([math.nan]).to(torch.float8_e4m3fn),
        'integers': torch.arange(3),
        'no values': torch.empty(3, device='meta'),
    }
    assert not_finite(weights) == ['nan', 'infinite', 'complex', 'eight bits']


def test_a_part_is_judged_by_itself():
    whole = torch.tensor([0.0, 1.0, math.nan, 3.0])
    weights = {'good': whole[:2], 'bad': whole[2:], 'again': whole[:2], 'whole': whole}
    assert not_finite(weights) == ['bad', 'whole']


def test_a_small_memory_that_passes_for_a_huge_weight_costs_nothing():
    # As an array of its own size it would take 4 TB.
    assert not_finite({'wide': torch.ones(1).expand(2**40)}) == []
    assert not_finite({'wide': torch.full((1,), math.nan).expand(2**40)}) == ['wide']
