# SPDX-License-Identifier: Apache-2.0
"""How much memory tensors lie in."""

import torch

from centergroup_mm.checkpoint_files import memory_of


def test_each_storage_counts_once_and_whole():
    shared, own = torch.zeros(10), torch.zeros(3, dtype=torch.int64)
    views = [shared[:2], shared[5:], shared.view(2, 5), shared[:1].expand(2**40)]
    assert memory_of(views) == 40
    assert memory_of([*views, own]) == 40 + 24


def test_storages_without_values_count():
    # They all begin at address 0.
    first, second = (torch.empty(n, device='meta') for n in (1, 2))
    assert memory_of([first, second, first[:]]) == 12
    assert memory_of([]) == 0
