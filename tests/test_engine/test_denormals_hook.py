# SPDX-License-Identifier: Apache-2.0
"""Tiny numbers are zero while a runner works, and only then."""

import pytest
import torch

from centergroup_mm.engine import FlushDenormalsHook

TINY = 1e-39  # below float32's smallest normal number, 1.2e-38


def halved() -> float:
    return (torch.tensor([TINY]) * 0.5).item()


def test_flushes_while_running():
    if not torch.set_flush_denormal(False):
        pytest.skip('this processor cannot flush denormals')
    assert halved() > 0
    hook = FlushDenormalsHook()
    hook.before_run(None)
    try:
        assert halved() == 0
    finally:
        hook.after_run(None)
    assert halved() > 0
