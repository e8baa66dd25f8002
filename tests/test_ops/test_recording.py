# SPDX-License-Identifier: Apache-2.0
"""Whether operations run or are recorded."""

import pytest
import torch
from torch import nn

from centergroup_mm.ops.recording import is_recorded


class AddOneInRecords(nn.Module):
    def forward(self, x):
        return x + 1 if is_recorded() else x


@pytest.mark.parametrize(
    ('record', 'added'),
    [
        (lambda module, x: module, 0),
        (lambda module, x: torch.jit.trace(module, x, check_trace=False), 1),
        (lambda module, x: torch.export.export(module, (x,)).module(), 1),
        (lambda module, x: torch.compile(module, backend='eager'), 1),
    ],
    ids=['run', 'trace', 'export', 'compile'],
)
def test_records_are_told_from_runs(record, added):
    x = torch.zeros(2)
    result = record(AddOneInRecords(), x)(x)
    assert result.tolist() == [added, added]
    assert not is_recorded()
